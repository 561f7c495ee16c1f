//! Who was turned away at the door is on record.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::limits::Quota;
use portcullis_http::{HttpSettings, Quotas};
use serde_json::{Value, json};

use crate::access::{by_key, key_of};
use crate::harness::{Ask, House, Plan};
use crate::impersonation::acting;
use crate::staff::Member;

const USERS: &str = "/api/v1/users";

async fn denials(house: &House, admin: &Member) -> Vec<Value> {
    house.all_pages(admin, "/api/v1/audit?action=access.deny").await
}

#[tokio::test]
async fn a112_what_somebody_tried_who_may_not_is_on_record() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    house.send(ada.post(USERS, json!({})).header("x-request-id", "trial-1")).await.is(StatusCode::FORBIDDEN);
    let noted = denials(&house, &admin).await;
    assert_eq!(noted.len(), 1);
    let expected = [
        ("actor", json!(format!("user:{}", ada.id))),
        ("outcome", json!("not_permitted")),
        ("detail", json!("createUser")),
        ("request_id", json!("trial-1")),
        ("subject", Value::Null),
    ];
    for (member, value) in expected {
        assert_eq!(noted[0][member], value);
    }
    house.clock.advance(Duration::from_secs(1));
    let key = key_of(&house, &ada, &[]).await;
    house.send(by_key(Method::DELETE, &admin.path(), &key)).await.is(StatusCode::FORBIDDEN);
    let noted = denials(&house, &admin).await;
    assert!(noted[0]["actor"].as_str().unwrap().starts_with("api_key:"));
    assert_eq!(noted[0]["detail"], "deleteUser");
}

#[tokio::test]
async fn who_really_tried_is_on_record_when_they_act_as_somebody_else() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let token = acting(&house, &admin, &ada, true).await;
    house.send(Ask::post(USERS).bearer(&token).json(json!({}))).await.is(StatusCode::FORBIDDEN);
    let noted = denials(&house, &admin).await;
    assert_eq!((&noted[0]["actor"], &noted[0]["impersonator"]), (&json!(format!("user:{}", ada.id)), &json!(admin.id)));
}

#[tokio::test]
async fn whoever_only_wanted_to_look_leaves_no_row() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    for path in [USERS, "/api/v1/audit", "/api/v1/roles", "/api/v1/users/export"] {
        house.send(ada.get(path)).await.is(StatusCode::FORBIDDEN);
        house.send(ada.ask(Method::HEAD, path)).await.is(StatusCode::FORBIDDEN);
    }
    assert_eq!(denials(&house, &admin).await, Vec::<Value>::new());
}

#[tokio::test]
async fn nobody_fills_the_trail_faster_than_their_limit() {
    let adjust = |settings: &mut HttpSettings| {
        let manage = Some(Quota { burst: 3, period: Duration::from_secs(60) });
        settings.quotas = Quotas { manage, ..Quotas::default() };
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    for number in 0..20 {
        let status = house.send(ada.post(USERS, json!({}))).await.status;
        let expected = if number < 3 { StatusCode::FORBIDDEN } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(status, expected, "{number}");
    }
    assert_eq!(denials(&house, &admin).await.len(), 3);
}
