//! Cursors: they lead on in the list that they come from, and nowhere else.

use poem::http::StatusCode;
use serde_json::json;

use crate::harness::House;
use crate::staff::Member;

async fn first_cursor(house: &House, member: &Member, path: &str) -> String {
    let page = house.send(member.get(path)).await.is(StatusCode::OK).json();
    page["next_cursor"].as_str().unwrap_or_else(|| panic!("{path} has a second page")).to_owned()
}

/// A house with two of everything, and whose cursors are whose.
async fn scene() -> (House, Member, Member) {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    for (member, login) in [(&admin, "root-1"), (&ada, "ada")] {
        house.login(login, crate::harness::PASSWORD).await;
        for name in ["one", "two"] {
            house.send(member.post("/api/v1/me/api-keys", json!({ "name": name }))).await.is(StatusCode::CREATED);
        }
    }
    for client in ["orders", "stock"] {
        house.client(client, "stock:read").await;
    }
    (house, admin, ada)
}

const LISTS: [&str; 15] = [
    "/api/v1/me/sessions?limit=1",
    "/api/v1/me/api-keys?limit=1",
    "/api/v1/me/api-keys?limit=1&live=true",
    "/api/v1/api-keys?limit=1",
    "/api/v1/api-keys?limit=1&live=true",
    "/api/v1/users?limit=1",
    "/api/v1/users?limit=1&sort=email",
    "/api/v1/users?limit=1&sort=-email",
    "/api/v1/users?limit=1&status=active",
    "/api/v1/users?limit=1&created_from=2000-01-01T00:00:00Z",
    "/api/v1/roles?limit=1",
    "/api/v1/permissions?limit=1",
    "/api/v1/clients?limit=1",
    "/api/v1/audit?limit=1",
    "/api/v1/audit?limit=1&action=session.login",
];

#[tokio::test]
async fn b10_a_cursor_of_another_list_filter_or_order_is_refused() {
    let (house, admin, _) = scene().await;
    let mut cursors = Vec::new();
    for path in LISTS {
        cursors.push((path, first_cursor(&house, &admin, path).await));
    }
    for (path, _) in &cursors {
        for (from, cursor) in &cursors {
            let answer = house.send(admin.get(&format!("{path}&cursor={cursor}"))).await;
            if path == from {
                answer.is(StatusCode::OK);
            } else {
                let refused = answer.is(StatusCode::BAD_REQUEST);
                assert_eq!(refused.problem(), "invalid-parameter", "{path} took the cursor of {from}");
                assert_eq!(refused.json()["errors"][0]["parameter"], "cursor");
            }
        }
    }
}

#[tokio::test]
async fn b10_a_cursor_of_somebody_elses_list_is_refused() {
    let (house, admin, ada) = scene().await;
    for path in ["/api/v1/me/sessions?limit=1", "/api/v1/me/api-keys?limit=1"] {
        let cursor = first_cursor(&house, &ada, path).await;
        house.send(ada.get(&format!("{path}&cursor={cursor}"))).await.is(StatusCode::OK);
        house.send(admin.get(&format!("{path}&cursor={cursor}"))).await.is(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn b10_a_cursor_of_the_roles_of_another_account_is_refused() {
    let (house, admin, ada) = scene().await;
    house.grant(&ada, "admin").await;
    let path = |of: &Member| format!("{}/roles?limit=1", of.path());
    let cursor = first_cursor(&house, &admin, &path(&ada)).await;
    let rest = house.send(admin.get(&format!("{}&cursor={cursor}", path(&ada)))).await.is(StatusCode::OK).json();
    assert_eq!(rest, json!({ "items": ["user"], "next_cursor": null }));
    house.send(admin.get(&format!("{}&cursor={cursor}", path(&admin)))).await.is(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn b10_every_changed_character_of_a_cursor_is_noticed() {
    let (house, admin, _) = scene().await;
    let path = "/api/v1/users?limit=1&sort=email";
    let cursor = first_cursor(&house, &admin, path).await;
    for position in 0..cursor.len() {
        let mut changed = cursor.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        house.send(admin.get(&format!("{path}&cursor={changed}"))).await.is(StatusCode::BAD_REQUEST);
    }
    for wrong in ["", "x", "%00", "null", &cursor[1..], &format!("{cursor}A"), &"A".repeat(4_000)] {
        let refused = house.send(admin.get(&format!("{path}&cursor={wrong}"))).await.is(StatusCode::BAD_REQUEST);
        assert_eq!(refused.problem(), "invalid-parameter");
    }
    let twice = format!("{path}&cursor={cursor}&cursor={cursor}");
    house.send(admin.get(&twice)).await.is(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn another_limit_is_the_same_list() {
    let (house, admin, _) = scene().await;
    let cursor = first_cursor(&house, &admin, "/api/v1/users?limit=1").await;
    let rest = house.send(admin.get(&format!("/api/v1/users?limit=200&cursor={cursor}"))).await.is(StatusCode::OK);
    assert_eq!(rest.json()["items"].as_array().unwrap().len(), 1);
    assert!(rest.json()["next_cursor"].is_null());
}
