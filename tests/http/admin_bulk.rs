//! One act on many accounts.

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Ask, House, PASSWORD};
use crate::staff::Member;

const ACTIONS: &str = "/api/v1/users/actions";

fn line(member: &Member, code: Option<&str>) -> Value {
    match code {
        None => json!({ "id": member.id, "status": "done" }),
        Some(code) => json!({ "id": member.id, "status": "refused", "code": code }),
    }
}

#[tokio::test]
async fn each_account_has_its_line_in_the_order_asked_for() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let (ada, bea) = (house.member("ada").await, house.member("bea").await);
    let nobody = Member { id: "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001".to_owned(), tokens: ada.tokens.clone() };
    let ids = json!([bea.id, nobody.id, admin.id, ada.id]);
    let body = json!({ "action": "disable", "reason": "ticket 4711", "ids": ids });
    let answer = house.send(admin.post(ACTIONS, body)).await.is(StatusCode::OK);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = [
        line(&bea, None),
        line(&nobody, Some("not-found")),
        line(&admin, Some("last-administrator")),
        line(&ada, None),
    ];
    assert_eq!(answer.lines(), expected);
    assert!(!house.accepts(&ada.tokens.access).await && house.accepts(&admin.tokens.access).await);
    for (action, then) in
        [("enable", StatusCode::OK), ("expire-password", StatusCode::FORBIDDEN), ("delete", StatusCode::UNAUTHORIZED)]
    {
        let body = json!({ "action": action, "ids": [ada.id] });
        assert_eq!(house.send(admin.post(ACTIONS, body)).await.is(StatusCode::OK).lines(), [line(&ada, None)]);
        let login = json!({ "login": "ada", "password": PASSWORD });
        assert_eq!(house.post("/api/v1/auth/login", login).await.status, then, "{action}");
    }
}

#[tokio::test]
async fn sessions_of_many_end_at_once_and_a_mightier_one_is_refused() {
    let house = House::new().await;
    let (admin, ada, bea) = (house.admin("root-1").await, house.member("ada").await, house.member("bea").await);
    let clerk = house.staff("clerk", &["users:write"]).await;
    let body = json!({ "action": "revoke-sessions", "ids": [ada.id, admin.id, bea.id, ada.id] });
    let lines = house.send(clerk.post(ACTIONS, body)).await.is(StatusCode::OK).lines();
    assert_eq!(lines, [line(&ada, None), line(&admin, Some("not-permitted")), line(&bea, None), line(&ada, None)]);
    assert!(!house.accepts(&ada.tokens.access).await && !house.accepts(&bea.tokens.access).await);
    assert!(house.accepts(&admin.tokens.access).await);
    let delete = house.send(clerk.post(ACTIONS, json!({ "action": "delete", "ids": [ada.id] }))).await;
    assert_eq!(delete.is(StatusCode::FORBIDDEN).problem(), "not-permitted");
}

#[tokio::test]
async fn what_is_wrong_with_a_bulk_action_is_said_before_anything_is_done() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let many: Vec<_> = (0..1_001).map(|_| ada.id.clone()).collect();
    for (body, expected) in [
        (json!({}), &["/action required", "/ids required"][..]),
        (json!({ "action": "disable", "ids": [ada.id] }), &["/reason required"]),
        (json!({ "action": "enable", "reason": "x", "ids": [ada.id] }), &["/reason conflicting"]),
        (json!({ "action": "promote", "ids": [ada.id] }), &["/action unsupported"]),
        (json!({ "action": "enable", "ids": [] }), &["/ids too-short"]),
        (json!({ "action": "enable", "ids": many }), &["/ids too-long"]),
        (json!({ "action": "enable", "ids": ada.id }), &["/ids wrong-type"]),
        (json!({ "action": "delete", "ids": [ada.id, "x", 1] }), &["/ids/1 malformed", "/ids/2 wrong-type"]),
    ] {
        let answer = house.send(admin.post(ACTIONS, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), expected);
    }
    assert!(house.accepts(&ada.tokens.access).await);
}

#[tokio::test]
async fn nothing_is_done_for_a_reader_who_has_gone() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let mut members = Vec::new();
    for number in 0..5 {
        members.push(house.member(&format!("user-{number}")).await);
    }
    let ids: Vec<_> = members.iter().map(|member| member.id.clone()).collect();
    let ask = admin.post(ACTIONS, json!({ "action": "revoke-sessions", "ids": ids }));
    let mut response = house.endpoint.answer(ask.into_request()).await;
    let mut body = response.take_body().into_bytes_stream();
    let first = futures_util::StreamExt::next(&mut body).await.unwrap().unwrap();
    assert!(first.starts_with(format!("{{\"id\":\"{}\"", members[0].id).as_bytes()));
    drop(body);
    assert!(!house.accepts(&members[0].tokens.access).await);
    assert!(house.accepts(&members[4].tokens.access).await);
}

#[tokio::test]
async fn a101_whoever_deletes_many_may_write_and_delete_and_the_document_says_so() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let deletes = house.staff("deletes", &["users:delete"]).await;
    let both = house.staff("both", &["users:delete", "users:write"]).await;
    let delete = || json!({ "action": "delete", "ids": [ada.id] });
    let refused = house.send(deletes.post(ACTIONS, delete())).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["detail"], "this needs the permission users:write");
    assert_eq!(house.send(both.post(ACTIONS, delete())).await.is(StatusCode::OK).lines(), [line(&ada, None)]);
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let operation = &document["paths"][ACTIONS]["post"];
    assert_eq!(operation["x-permission"], "users:write");
    let told = operation["description"].as_str().unwrap();
    assert!(told.contains("`delete` needs the permission `users:delete` besides"), "{told}");
}
