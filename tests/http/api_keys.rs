//! API keys: making, changing, rotating and revoking them, and what they open.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::ambient::Clock;
use serde_json::{Value, json};

use crate::access::{by_key, key_of};
use crate::harness::{Answer, Ask, House};
use crate::staff::Member;

pub(crate) const OWN: &str = "/api/v1/me/api-keys";
pub(crate) const ALL: &str = "/api/v1/api-keys";
pub(crate) const CURRENT: &str = "/api/v1/api-keys/current";

/// Whether the key opens anything.
pub(crate) async fn opens(house: &House, key: &str) -> bool {
    let answer = house.send(by_key(Method::GET, CURRENT, key)).await;
    assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&answer.status), "{}", answer.text());
    answer.status == StatusCode::OK
}

pub(crate) async fn made(house: &House, owner: &Member, body: Value) -> Answer {
    house.send(owner.post(OWN, body)).await.is(StatusCode::CREATED)
}

pub(crate) fn place(made: &Answer) -> String {
    made.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a105_a_key_is_told_once_in_a_form_that_scanners_know() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let made = made(&house, &ada, json!({ "name": "nightly backup" })).await;
    assert_eq!((made.header("cache-control"), made.header("etag")), (Some("no-store"), Some("\"1\"")));
    let told = made.json();
    let key = told["key"].as_str().unwrap();
    let (sound, sum) = key.split_at(100);
    assert_eq!(sum, format!("{:08x}", crc32(sound.as_bytes())));
    assert!(key.starts_with(&format!("{}_", told["prefix"].as_str().unwrap())));
    assert_eq!(told["prefix"], format!("pk_{}", told["id"].as_str().unwrap().replace('-', "")));
    assert_eq!(place(&made), format!("{OWN}/{}", told["id"].as_str().unwrap()));
    let secret = key.rsplit('_').next().unwrap();
    for path in [OWN.to_owned(), place(&made), "/api/v1/me/export".to_owned()] {
        let shown = house.send(ada.get(&path)).await.is(StatusCode::OK).text();
        assert!(shown.contains("nightly backup") && !shown.contains(&secret[..16]), "{path}");
    }
    let shown = house.send(ada.get(&place(&made))).await.json();
    for absent in ["key", "secret", "digest"] {
        assert_eq!(shown.get(absent), None, "{absent}");
    }
    for (member, expected) in [
        ("permissions", json!([])),
        ("roles", json!([])),
        ("networks", json!([])),
        ("rate_limit", Value::Null),
        ("expires_at", Value::Null),
        ("revoked_at", Value::Null),
        ("previous_secret_until", Value::Null),
        ("uses", json!(0)),
        ("last_used_at", Value::Null),
        ("user_id", json!(ada.id)),
        ("version", json!(1)),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
}

/// CRC-32 as zlib has it (RFC 1952 §8).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
    })
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let wrong = json!({
        "name": " ",
        "permissions": ["users:read", "users", 1],
        "roles": ["Admin", "user"],
        "networks": ["192.0.2.0/24", "192.0.2.0/33", "everywhere"],
        "rate_limit": { "requests": 0, "burst": 1 },
        "expires_at": house.clock.now().to_rfc3339(),
        "owner": "somebody",
    });
    let refused = house.send(ada.post(OWN, wrong)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    let mut violations = refused.violations();
    violations.sort();
    assert_eq!(
        violations,
        [
            "/expires_at out-of-range",
            "/name too-short",
            "/networks/1 malformed",
            "/networks/2 malformed",
            "/owner unknown-field",
            "/permissions/1 malformed",
            "/permissions/2 wrong-type",
            "/rate_limit/burst unknown-field",
            "/rate_limit/per_seconds required",
            "/rate_limit/requests out-of-range",
            "/roles/0 malformed",
        ]
    );
    let nameless = house.send(ada.post(OWN, json!({}))).await;
    assert_eq!(nameless.violations(), ["/name required"]);
    // Only who has a role, or may write roles, learns whether there is one of that name.
    let nobodys = || json!({ "name": "x", "roles": ["user", "nobody"] });
    assert_eq!(house.send(ada.post(OWN, nobodys())).await.is(StatusCode::FORBIDDEN).problem(), "not-permitted");
    let admin = house.admin("root-1").await;
    assert_eq!(house.send(admin.post(OWN, nobodys())).await.violations(), ["/roles/1 unknown"]);
}

#[tokio::test]
async fn a105_no_key_can_do_more_than_its_owner() {
    let house = House::new().await;
    let clerk = house.staff("clerk", &["users:read", "api-keys:*"]).await;
    for (beyond, lacked) in [("roles:read", "roles:read"), ("users:*", "users:*"), ("*:*", "*:*")] {
        let body = json!({ "name": "x", "permissions": [beyond] });
        for path in [OWN, ALL] {
            let refused = house.send(clerk.post(path, body.clone())).await.is(StatusCode::FORBIDDEN);
            assert_eq!(refused.problem(), "not-permitted");
            assert!(refused.json()["detail"].as_str().unwrap().contains(lacked), "{path}");
        }
    }
    let refused = house.send(clerk.post(OWN, json!({ "name": "x", "roles": ["admin"] }))).await;
    assert_eq!(refused.is(StatusCode::FORBIDDEN).problem(), "not-permitted");
    // What it may do is judged when it is used.
    let key = key_of(&house, &clerk, &["users:read"]).await;
    house.send(by_key(Method::GET, "/api/v1/users", &key)).await.is(StatusCode::OK);
    let admin = house.admin("root-1").await;
    house.send(admin.delete(&format!("{}/roles/clerk", clerk.path()))).await.is(StatusCode::NO_CONTENT);
    house.send(by_key(Method::GET, "/api/v1/users", &key)).await.is(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a102_a_key_of_somebody_else_is_as_little_there_as_none() {
    let house = House::new().await;
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    let place = place(&made(&house, &ada, json!({ "name": "hers" })).await);
    for ask in [
        bob.get(&place),
        bob.patch(&place, "*", json!({ "name": "his" })),
        bob.delete(&place),
        bob.post(&format!("{place}/rotate"), json!({})),
    ] {
        assert_eq!(house.send(ask).await.is(StatusCode::NOT_FOUND).problem(), "not-found");
    }
    assert_eq!(house.send(bob.get(OWN)).await.json()["items"], json!([]));
    assert_eq!(house.send(ada.get(&place)).await.json()["name"], "hers");
    for nothing in ["x", "01981F3E-7A60-7C1E-9D0B-52F1C1A6A001", "%00", "current"] {
        house.send(ada.get(&format!("{OWN}/{nothing}"))).await.is(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_of() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let own = place(&made(&house, &admin, json!({ "name": "first" })).await);
    let all = own.replace(OWN, ALL);
    let changed =
        json!({ "name": "second", "networks": ["192.0.2.7"], "rate_limit": { "requests": 5, "per_seconds": 60 } });
    let answer = house.send(admin.patch(&all, "\"1\"", changed)).await.is(StatusCode::OK);
    assert_eq!((answer.tag(), &answer.json()["networks"]), ("\"2\"".to_owned(), &json!(["192.0.2.7/32"])));
    assert_eq!(answer.json()["rate_limit"], json!({ "requests": 5, "per_seconds": 60 }));
    for tag in ["\"1\"", "\"3\"", "W/\"2\"", "\"x\""] {
        let refused = house.send(admin.patch(&all, tag, json!({ "name": "x" }))).await;
        assert_eq!(refused.is(StatusCode::PRECONDITION_FAILED).problem(), "version-mismatch", "{tag}");
    }
    let blind = house.send(admin.ask(Method::PATCH, &all).json(json!({ "name": "x" }))).await;
    assert_eq!(blind.is(StatusCode::PRECONDITION_REQUIRED).problem(), "precondition-required");
    let free = house.send(admin.ask(Method::PATCH, &own).json(json!({ "rate_limit": null }))).await.is(StatusCode::OK);
    assert_eq!((&free.json()["rate_limit"], &free.json()["name"]), (&Value::Null, &json!("second")));
    house.send(admin.patch(&all, "*", json!({}))).await.is(StatusCode::OK);
    house.send(admin.patch(&all, "3", json!({}))).await.is(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_new_secret_and_the_one_before_overlap_as_long_as_was_asked() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let first = made(&house, &ada, json!({ "name": "x" })).await;
    let (place, first) = (place(&first), first.json()["key"].as_str().unwrap().to_owned());
    let rotate = |overlap: Value| house.send(ada.post(&format!("{place}/rotate"), overlap));
    let second = rotate(json!({ "overlap_seconds": 60 })).await.is(StatusCode::OK);
    assert_eq!((second.header("cache-control"), second.header("etag")), (Some("no-store"), Some("\"2\"")));
    let second = second.json()["key"].as_str().unwrap().to_owned();
    assert!(first != second && first[..35] == second[..35]);
    assert!(opens(&house, &first).await && opens(&house, &second).await);
    house.clock.advance(Duration::from_secs(60));
    assert!(!opens(&house, &first).await && opens(&house, &second).await);
    let third = rotate(json!({})).await.is(StatusCode::OK).json()["key"].as_str().unwrap().to_owned();
    assert!(!opens(&house, &second).await && opens(&house, &third).await, "at once");
    let long = rotate(json!({ "overlap_seconds": 30 * 86_400 + 1 })).await;
    assert_eq!(long.violations(), ["/overlap_seconds out-of-range"]);
}

#[tokio::test]
async fn a105_a_revoked_key_is_refused_at_once() {
    let house = House::new().await;
    let (ada, admin) = (house.member("ada").await, house.admin("root-1").await);
    for path in [OWN, ALL] {
        let made = made(&house, &ada, json!({ "name": "x" })).await;
        let key = made.json()["key"].as_str().unwrap().to_owned();
        assert!(opens(&house, &key).await);
        let place = place(&made).replace(OWN, path);
        let whoever = if path == OWN { &ada } else { &admin };
        house.send(whoever.delete(&place)).await.is(StatusCode::NO_CONTENT);
        assert!(!opens(&house, &key).await);
        let verified = house.send(by_key(Method::GET, "/api/v1/auth/verify", &key)).await;
        assert_eq!(verified.status, StatusCode::UNAUTHORIZED);
        house.send(whoever.delete(&place)).await.is(StatusCode::NOT_FOUND);
        house.send(whoever.post(&format!("{place}/rotate"), json!({}))).await.is(StatusCode::NOT_FOUND);
        assert!(house.send(whoever.get(&place)).await.json()["revoked_at"].is_string());
    }
    let live = house.send(ada.get(&format!("{OWN}?live=true"))).await.json();
    assert_eq!((live["items"].as_array().unwrap().len(), &live["next_cursor"]), (0, &Value::Null));
    assert_eq!(house.send(ada.get(OWN)).await.json()["items"].as_array().unwrap().len(), 2);
    house.send(ada.get(&format!("{OWN}?live=yes"))).await.is(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a043_a_key_ends_when_it_says_and_with_its_owner() {
    let house = House::new().await;
    let (ada, admin) = (house.member("ada").await, house.admin("root-1").await);
    let end = house.clock.now().plus(Duration::from_secs(60));
    let short = made(&house, &ada, json!({ "name": "short", "expires_at": end.to_rfc3339() })).await;
    let short = short.json()["key"].as_str().unwrap().to_owned();
    let long = key_of(&house, &ada, &[]).await;
    assert!(opens(&house, &short).await);
    house.clock.advance(Duration::from_secs(60));
    assert!(!opens(&house, &short).await && opens(&house, &long).await);
    let disable = format!("{}/disable", ada.path());
    house.send(admin.post(&disable, json!({ "reason": "left" }))).await.is(StatusCode::OK);
    assert!(!opens(&house, &long).await);
    house.send(admin.ask(Method::POST, &format!("{}/enable", ada.path()))).await.is(StatusCode::OK);
    assert!(opens(&house, &long).await);
    house.send(admin.delete(&ada.path())).await.is(StatusCode::NO_CONTENT);
    assert!(!opens(&house, &long).await);
}

#[tokio::test]
async fn b46_keys_for_others_are_made_by_those_who_may_do_all_that_they_may() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.staff("ada", &["users:read"]).await);
    let keeper = house.staff("keeper", &["api-keys:*"]).await;
    let for_ada = json!({ "name": "x", "user_id": ada.id, "permissions": ["users:read"] });
    let refused = house.send(keeper.post(ALL, for_ada.clone())).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.problem(), "not-permitted");
    let made = house.send(admin.post(ALL, for_ada)).await.is(StatusCode::CREATED);
    assert_eq!((&made.json()["user_id"], place(&made).starts_with(ALL)), (&json!(ada.id), true));
    let listed = house.send(admin.get(&format!("{ALL}?user_id={}", ada.id))).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(house.send(ada.get(OWN)).await.json()["items"][0]["id"], made.json()["id"]);
    let nobody = json!({ "name": "x", "user_id": "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001" });
    assert_eq!(house.send(admin.post(ALL, nobody)).await.violations(), ["/user_id unknown"]);
    let own = house.send(keeper.post(ALL, json!({ "name": "mine", "permissions": ["api-keys:read"] }))).await;
    assert_eq!(own.is(StatusCode::CREATED).json()["user_id"], json!(keeper.id));
    let secret = house.client("robot", "*:*").await;
    let robot = house.client_token(("robot", &secret)).await;
    let whose = house.send(Ask::post(ALL).bearer(&robot).json(json!({ "name": "x" }))).await;
    assert_eq!(whose.violations(), ["/user_id required"]);
}

#[tokio::test]
async fn an_account_has_so_many_keys_and_no_more() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    for _ in 0..100 {
        key_of(&house, &ada, &[]).await;
    }
    let refused = house.send(ada.post(OWN, json!({ "name": "x" }))).await.is(StatusCode::CONFLICT);
    assert_eq!(refused.problem(), "limit-reached");
    let all = house.all_pages(&ada, &format!("{OWN}?limit=40")).await;
    assert_eq!(all.len(), 100);
}
