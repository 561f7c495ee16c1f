//! Accounts, for those in charge of them: searching, opening, changing, closing.

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Ask, House, ISSUER, OTHER_PASSWORD, PASSWORD};
use crate::staff::Member;

const USERS: &str = "/api/v1/users";

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["username"].as_str().unwrap_or("-")).collect()
}

async fn search(house: &House, admin: &Member, query: &str) -> Vec<String> {
    let items = house.all_pages(admin, &format!("{USERS}?limit=2&{query}")).await;
    names(&items).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn accounts_are_searched_filtered_and_sorted() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for name in ["bea", "Ada", "carl", "adam"] {
        house.clock.advance(std::time::Duration::from_secs(60));
        house.member(name).await;
    }
    for (query, expected) in [
        ("", &["adam", "carl", "Ada", "bea", "root-1"][..]),
        ("sort=created_at", &["root-1", "bea", "Ada", "carl", "adam"]),
        ("sort=email", &["Ada", "adam", "bea", "carl", "root-1"]),
        ("sort=-username", &["root-1", "carl", "bea", "adam", "Ada"]),
        ("email=ADA", &["Ada", "adam"]),
        ("email=ada%40example.com", &["Ada"]),
        ("email=ada@&sort=-email", &["Ada"]),
        ("username=a&sort=-username", &["adam", "Ada"]),
        ("username=a&email=", &[]),
        ("role=admin", &["root-1"]),
        ("status=disabled", &[]),
        ("email=%25", &[]),
        ("email=_da", &[]),
    ] {
        if query.ends_with("email=") {
            house.send(admin.get(&format!("{USERS}?{query}"))).await.is(StatusCode::BAD_REQUEST);
        } else {
            assert_eq!(search(&house, &admin, query).await, expected, "{query}");
        }
    }
    let all = house.all_pages(&admin, &format!("{USERS}?sort=created_at")).await;
    let third = all[2]["created_at"].as_str().unwrap().replace(':', "%3A");
    assert_eq!(search(&house, &admin, &format!("sort=created_at&created_from={third}")).await, ["Ada", "carl", "adam"]);
    assert_eq!(search(&house, &admin, &format!("sort=created_at&created_until={third}")).await, ["root-1", "bea"]);
    assert_eq!(all[0]["roles"], json!(["admin", "user"]));
    assert_eq!(all[1]["roles"], json!(["user"]));
    assert_eq!((&all[1]["status_reason"], &all[1]["must_change_password"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn pages_hold_while_accounts_come_and_go() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let mut members = Vec::new();
    for number in 0..6 {
        house.clock.advance(std::time::Duration::from_secs(1));
        members.push(house.member(&format!("user-{number}")).await);
    }
    let first = house.send(admin.get(&format!("{USERS}?limit=3"))).await.is(StatusCode::OK).json();
    assert_eq!(names(first["items"].as_array().unwrap()), ["user-5", "user-4", "user-3"]);
    house.clock.advance(std::time::Duration::from_secs(1));
    house.member("newcomer").await;
    house.send(admin.delete(&members[3].path())).await.is(StatusCode::NO_CONTENT);
    house.send(admin.delete(&members[1].path())).await.is(StatusCode::NO_CONTENT);
    let next = first["next_cursor"].as_str().unwrap();
    let rest = house.send(admin.get(&format!("{USERS}?limit=3&cursor={next}"))).await.is(StatusCode::OK).json();
    assert_eq!(names(rest["items"].as_array().unwrap()), ["user-2", "user-0", "root-1"]);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a107_hostile_queries_are_refused_and_say_what_is_allowed() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for query in [
        "limit=-1",
        "limit=0",
        "limit=201",
        "limit=9223372036854775808",
        "limit=1e2",
        "sort=id",
        "sort=password_hash",
        "sort=created_at;DROP%20TABLE%20users",
        "sort=(SELECT%201)",
        "sort=email,username",
        "sort=email&sort=email",
        "status=deleted",
        "status=active'--",
        "role=Admin",
        "role='%20OR%201=1--",
        "created_from=yesterday",
        "created_from=2026-13-01T00:00:00Z",
        "created_until=1'%20AND%20SLEEP(5)--",
        "email=a%20b",
        "email=%00",
        "email=%FF",
        "email=%zz",
        "username=a%25",
        "username=%27%20UNION%20SELECT",
        "email=a&username=a",
        "email=a&sort=created_at",
        "username=a&sort=email",
        "cursor=",
        "cursor=AAAA",
        "cursor=%27%20OR%201=1",
    ] {
        let answer = house.send(admin.get(&format!("{USERS}?{query}"))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text());
        assert_eq!(answer.problem(), "invalid-parameter", "{query}");
        let error = &answer.json()["errors"][0];
        assert!(query.starts_with(error["parameter"].as_str().unwrap()) || query.contains('&'), "{query}: {error}");
        assert!(!answer.text().contains("SELECT") && !answer.text().contains("SLEEP"), "no payload is repeated");
    }
    let sort = house.send(admin.get(&format!("{USERS}?sort=x"))).await.json();
    assert!(sort["errors"][0]["detail"].as_str().unwrap().contains("`-created_at`"));
}

#[tokio::test]
async fn b10_a_cursor_is_good_for_its_own_search_only() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for name in ["ada", "adam", "adele"] {
        house.member(name).await;
    }
    let next = async |query: &str| {
        let page = house.send(admin.get(&format!("{USERS}?limit=1&{query}"))).await.is(StatusCode::OK).json();
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let cursor = next("sort=email").await;
    house.send(admin.get(&format!("{USERS}?sort=email&cursor={cursor}"))).await.is(StatusCode::OK);
    let mut forged = cursor.clone().into_bytes();
    let last = forged.last_mut().unwrap();
    *last = if *last == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let trail = house.send(admin.get("/api/v1/audit?limit=1")).await.is(StatusCode::OK).json();
    let of_trail = trail["next_cursor"].as_str().unwrap().to_owned();
    for wrong in [
        format!("{USERS}?sort=-email&cursor={cursor}"),
        format!("{USERS}?sort=username&cursor={cursor}"),
        format!("{USERS}?sort=email&status=active&cursor={cursor}"),
        format!("{USERS}?email=a&cursor={cursor}"),
        format!("{USERS}?sort=email&cursor={forged}"),
        format!("{USERS}?sort=email&cursor={cursor}AAAA"),
        format!("{USERS}?sort=email&cursor={of_trail}"),
        format!("/api/v1/audit?cursor={cursor}"),
        format!("{}/sessions?cursor={cursor}", admin.path()),
    ] {
        let answer = house.send(admin.get(&wrong)).await.is(StatusCode::BAD_REQUEST);
        assert_eq!(answer.problem(), "invalid-parameter", "{wrong}");
    }
}

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
    for roles in [json!(["nothing-such"]), json!(["user"])] {
        let body = json!({ "email": "new@example.com", "roles": roles });
        let answer = house.send(admin.post(USERS, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), ["/roles unsupported"]);
    }
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
