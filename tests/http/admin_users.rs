//! Accounts, for those in charge of them: opening, changing, writing out.

use poem::http::StatusCode;
use portcullis_domain::access::Role;
use serde_json::{Value, json};

use crate::harness::{Ask, House, ISSUER, OTHER_PASSWORD, PASSWORD};

const USERS: &str = "/api/v1/users";

#[tokio::test]
async fn an_account_without_a_password_gets_a_link_that_works_once() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({ "email": "ada@example.com", "username": "ada", "email_verified": true });
    let created = house.send(admin.post(USERS, body)).await.is(StatusCode::CREATED);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let account = created.json();
    let location = format!("{USERS}/{}", account["id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(location.as_str()));
    assert_eq!((&account["email_verified"], &account["roles"]), (&json!(true), &json!(["user"])));
    let url = account["password_link"]["url"].as_str().unwrap();
    let token = url.strip_prefix(&format!("{ISSUER}/set-password#")).unwrap();
    let seen = house.send(admin.get(&location)).await.is(StatusCode::OK);
    assert!(!seen.text().contains("psl_"), "it is told once");
    assert_eq!(seen.tag(), created.tag());

    let choose = |token: &str, password: &str| {
        Ask::post("/api/v1/auth/set-password").json(json!({ "token": token, "password": password }))
    };
    let weak = house.send(choose(token, "short")).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(weak.violations(), ["/password too-short"]);
    house.send(choose(token, PASSWORD)).await.is(StatusCode::NO_CONTENT);
    house.login("ada", PASSWORD).await;
    for gone in [token, "psl_", "", &"0".repeat(10_000)] {
        assert_eq!(house.send(choose(gone, OTHER_PASSWORD)).await.is(StatusCode::GONE).problem(), "invalid-link");
    }
    house.login("ada", PASSWORD).await;
}

#[tokio::test]
async fn a_newer_link_replaces_an_older_one_and_signing_in_stays_as_it_was_until_it_is_used() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let link = async || {
        let path = format!("{}/password-link", ada.path());
        let answer = house.send(admin.ask(poem::http::Method::POST, &path)).await.is(StatusCode::OK);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
    };
    let (old, new) = (link().await, link().await);
    assert!(house.accepts(&ada.tokens.access).await);
    let choose = |token: &str| json!({ "token": token, "password": OTHER_PASSWORD });
    house.post("/api/v1/auth/set-password", choose(&old)).await.is(StatusCode::GONE);
    house.post("/api/v1/auth/set-password", choose(&new)).await.is(StatusCode::NO_CONTENT);
    assert!(!house.accepts(&ada.tokens.access).await, "all sessions ended");
    house.login("ada", OTHER_PASSWORD).await;
}

#[tokio::test]
async fn a016_a_password_that_somebody_else_chose_has_to_be_changed_first() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let created = house.send(admin.post(USERS, body)).await.is(StatusCode::CREATED).json();
    assert_eq!((&created["password_link"], &created["must_change_password"]), (&Value::Null, &json!(true)));
    let login = json!({ "login": "ada@example.com", "password": PASSWORD });
    let refused = house.post("/api/v1/auth/login", login).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.problem(), "password-change-required");
    let change = json!({ "login": "ada@example.com", "password": PASSWORD, "new_password": OTHER_PASSWORD });
    house.post("/api/v1/auth/login", change).await.is(StatusCode::OK);
    house.login("ada@example.com", OTHER_PASSWORD).await;
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_new_account_is_said_at_once() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({
        "email": "nobody", "username": "x", "password": "a", "email_verified": "yes", "roles": ["admin", 1, "No"],
        "status": "active",
    });
    let answer = house.send(admin.post(USERS, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    let expected = [
        "/email malformed",
        "/username too-short",
        "/password too-short",
        "/email_verified wrong-type",
        "/roles/1 wrong-type",
        "/roles/2 malformed",
        "/status unknown-field",
    ];
    assert_eq!(answer.violations(), expected);
    for (body, code) in [
        (json!({ "email": "root-1@example.com" }), "email-taken"),
        (json!({ "email": "new@example.com", "username": "ROOT-1" }), "username-taken"),
    ] {
        assert_eq!(house.send(admin.post(USERS, body)).await.is(StatusCode::CONFLICT).problem(), code);
    }
    for (roles, expected) in [
        (json!(["nothing-such"]), "/roles/0 unknown"),
        (json!(["admin", "nothing-such"]), "/roles/1 unknown"),
        (json!(["admin", "user"]), "/roles/1 unsupported"),
    ] {
        let body = json!({ "email": "new@example.com", "roles": roles });
        let answer = house.send(admin.post(USERS, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), [expected]);
    }
    let many: Vec<_> = (0..=Role::PER_ACCOUNT_MAX).map(|number| format!("role-{number}")).collect();
    let body = json!({ "email": "new@example.com", "roles": many });
    let answer = house.send(admin.post(USERS, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.violations(), ["/roles too-long"]);
}

#[tokio::test]
async fn an_account_is_changed_in_the_version_that_was_read() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let path = ada.path();
    let tag = house.send(admin.get(&path)).await.is(StatusCode::OK).tag();
    let unconditional = admin.ask(poem::http::Method::PATCH, &path).json(json!({ "email_verified": true }));
    let refused = house.send(unconditional).await.is(StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(refused.problem(), "precondition-required");
    let changed = house.send(admin.patch(&path, &tag, json!({ "email_verified": true }))).await.is(StatusCode::OK);
    assert_eq!(changed.json()["email_verified"], true);
    assert_ne!(changed.tag(), tag);
    let stale = house.send(admin.patch(&path, &tag, json!({ "username": null }))).await;
    assert_eq!(stale.is(StatusCode::PRECONDITION_FAILED).problem(), "version-mismatch");
    let renamed = json!({ "username": null, "email": "ada@example.org" });
    let renamed = house.send(admin.patch(&path, &changed.tag(), renamed)).await.is(StatusCode::OK);
    let expected = (&Value::Null, &json!("ada@example.org"), &json!(false));
    let account = renamed.json();
    assert_eq!((&account["username"], &account["email"], &account["email_verified"]), expected);
    let taken = admin.patch(&path, "*", json!({ "email": "root-1@example.com" }));
    assert_eq!(house.send(taken).await.is(StatusCode::CONFLICT).problem(), "email-taken");
    let nothing = house.send(admin.patch(&path, "*", json!({}))).await.is(StatusCode::OK);
    assert_eq!(nothing.tag(), renamed.tag(), "changing nothing changes nothing");
}

#[tokio::test]
async fn a102_an_account_that_is_not_there_is_404_everywhere() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for id in ["01981f3e-7a60-7c1e-9d0b-52f1c1a6a001", "x", "01981F3E-7A60-7C1E-9D0B-52F1C1A6A001", "..", "%27"] {
        let path = format!("{USERS}/{id}");
        let reason = json!({ "reason": "a reason" });
        for ask in [
            admin.get(&path),
            admin.patch(&path, "*", json!({})),
            admin.delete(&path),
            admin.post(&format!("{path}/disable"), reason.clone()),
            admin.post(&format!("{path}/impersonate"), reason.clone()),
            admin.ask(poem::http::Method::POST, &format!("{path}/enable")),
            admin.ask(poem::http::Method::POST, &format!("{path}/expire-password")),
            admin.ask(poem::http::Method::POST, &format!("{path}/password-link")),
            admin.get(&format!("{path}/sessions")),
            admin.delete(&format!("{path}/sessions")),
            admin.delete(&format!("{path}/sessions/01981f3e-7a60-7c1e-9d0b-52f1c1a6a001")),
            admin.get(&format!("{path}/roles")),
            admin.put(&format!("{path}/roles/admin")),
            admin.delete(&format!("{path}/roles/admin")),
            admin.get(&format!("{path}/export")),
        ] {
            let told = format!("{ask:?}");
            let answer = house.send(ask).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{told}: {}", answer.text());
            assert_eq!(answer.problem(), "not-found");
        }
    }
}

#[tokio::test]
async fn accounts_are_written_out_a_line_each() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for number in 0..520 {
        let body = json!({ "email": format!("user-{number:03}@example.com") });
        house.send(admin.post(USERS, body)).await.is(StatusCode::CREATED);
    }
    let answer = house.send(admin.get(&format!("{USERS}/export?sort=email"))).await.is(StatusCode::OK);
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"users.jsonl\""));
    let lines = answer.lines();
    assert_eq!(lines.len(), 521);
    let emails: Vec<_> = lines.iter().map(|line| line["email"].as_str().unwrap().to_owned()).collect();
    assert!(emails.is_sorted() && emails[0] == "root-1@example.com", "{}", emails[0]);
    assert_eq!(house.send(admin.get(&format!("{USERS}/export?email=user-00"))).await.lines().len(), 10);
    house.send(admin.get(&format!("{USERS}/export?sort=x"))).await.is(StatusCode::BAD_REQUEST);
    let trail = house.all_pages(&admin, "/api/v1/audit?action=account.export").await;
    assert_eq!(trail.len(), 2, "it is on record who read them");
    assert_eq!(trail[0]["actor"], format!("user:{}", admin.id));
}

#[tokio::test]
async fn a116_everything_that_is_kept_of_an_account_is_one_document() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let answer = house.send(admin.get(&format!("{}/export", ada.path()))).await.is(StatusCode::OK);
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"account.json\""));
    let document = answer.json();
    assert_eq!(document["account"]["email"], "ada@example.com");
    assert_eq!(document["sessions"].as_array().unwrap().len(), 1);
    assert!(document["audit"].as_array().unwrap().iter().any(|entry| entry["action"] == "account.register"));
    for secret in ["hash", "digest", "secret", PASSWORD] {
        assert!(!answer.text().contains(secret), "{secret}");
    }
    let reader = house.staff("reader", &["users:export"]).await;
    house.send(reader.get(&format!("{}/export", ada.path()))).await.is(StatusCode::OK);
    let refused = house.send(reader.get(&format!("{}/export", admin.path()))).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.problem(), "not-permitted");
}
