//! The audit trail and the numbers.

use std::time::Duration;

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{House, PASSWORD};
use crate::staff::Member;

const AUDIT: &str = "/api/v1/audit";

async fn found(house: &House, admin: &Member, query: &str) -> Vec<Value> {
    house.all_pages(admin, &format!("{AUDIT}?limit=3&{query}")).await
}

#[tokio::test]
async fn the_trail_is_searched_by_who_what_whom_and_when() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    house.clock.advance(Duration::from_secs(60));
    let then = crate::harness::now(&house);
    house.clock.advance(Duration::from_secs(60));
    house
        .send(admin.post(&format!("{}/disable", ada.path()), json!({ "reason": "ticket 4711" })))
        .await
        .is(StatusCode::OK);
    let wrong = json!({ "login": "ada", "password": PASSWORD });
    house.post("/api/v1/auth/login", wrong).await.is(StatusCode::UNAUTHORIZED);

    let all = found(&house, &admin, "").await;
    let instants: Vec<_> = all.iter().map(|entry| entry["at"].as_str().unwrap().to_owned()).collect();
    assert!(instants.is_sorted_by(|a, b| a >= b), "the newest first");
    let actions = |entries: &[Value]| {
        entries.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let by_admin = found(&house, &admin, &format!("actor=user:{}", admin.id)).await;
    assert!(actions(&by_admin).contains(&"user.disable".to_owned()));
    assert!(by_admin.iter().all(|entry| entry["actor"] == format!("user:{}", admin.id)));
    let encoded = found(&house, &admin, &format!("actor=user%3A{}", admin.id)).await;
    assert_eq!(encoded, by_admin);
    let by_operator = found(&house, &admin, "actor=operator&action=role.grant").await;
    assert_eq!((by_operator.len(), &by_operator[0]["subject"]), (1, &json!(admin.id)));
    let on_ada = found(&house, &admin, &format!("subject={}&action=user.disable", ada.id)).await;
    assert_eq!(on_ada.len(), 1);
    let about = found(&house, &admin, &format!("about={}", ada.id)).await;
    assert!(about.len() > on_ada.len());
    let then = then.replace(':', "%3A");
    let before = found(&house, &admin, &format!("until={then}")).await;
    let after = found(&house, &admin, &format!("from={then}")).await;
    assert!(!after.is_empty() && !before.is_empty());
    assert!(actions(&after).iter().all(|action| action != "account.register"));
    assert!(actions(&before).iter().all(|action| action != "user.disable"));
    let failed = after.iter().find(|entry| entry["action"] == "session.login").unwrap();
    assert_eq!(failed["outcome"], "account_disabled");
}

#[tokio::test]
async fn a107_hostile_queries_of_the_trail_are_refused() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for query in [
        "actor=root",
        "actor=user:1",
        "actor=user:%27%20OR%201=1",
        "actor=operator:x",
        "subject=x",
        "subject=01981F3E-7A60-7C1E-9D0B-52F1C1A6A001",
        "about=%00",
        "action=drop",
        "action=session.login%27--",
        "from=0",
        "until=now()",
        "limit=9223372036854775808",
        "cursor=x",
        "action=setup&action=setup",
    ] {
        for path in [AUDIT, "/api/v1/audit/export"] {
            if path.ends_with("export") && (query.starts_with("limit") || query.starts_with("cursor")) {
                continue;
            }
            let answer = house.send(admin.get(&format!("{path}?{query}"))).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}?{query}: {}", answer.text());
            assert_eq!(answer.problem(), "invalid-parameter");
        }
    }
}

#[tokio::test]
async fn the_trail_is_written_out_whole_and_in_order() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for number in 0..1_100 {
        house.clock.advance(Duration::from_millis(1));
        house.role(&format!("r{number}"), &[]).await;
        let name = format!("/api/v1/roles/r{number}");
        house.send(admin.delete(&name)).await.is(StatusCode::NO_CONTENT);
    }
    let answer = house.send(admin.get("/api/v1/audit/export?action=role.delete")).await.is(StatusCode::OK);
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"audit.jsonl\""));
    let lines = answer.lines();
    assert_eq!((lines.len(), &lines[0]["detail"], &lines[1_099]["detail"]), (1_100, &json!("r1099"), &json!("r0")));
}

#[tokio::test]
async fn the_numbers_are_counted_once_a_minute() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let stats = async || house.send(admin.get("/api/v1/stats")).await.is(StatusCode::OK).json();
    let first = stats().await;
    assert_eq!((&first["users"], &first["live_sessions"], &first["roles"]), (&json!(1), &json!(1), &json!(2)));
    house.member("ada").await;
    assert_eq!(stats().await, first);
    house.clock.advance(Duration::from_secs(61));
    let second = stats().await;
    assert_eq!((&second["users"], &second["live_sessions"]), (&json!(2), &json!(2)));
}
