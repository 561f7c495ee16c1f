//! Opening an account, and what its owner does with it.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Ask, House, OTHER_PASSWORD, PASSWORD, now};

const REGISTER: &str = "/api/v1/auth/register";
const ME: &str = "/api/v1/me";

#[tokio::test]
async fn registering_answers_201_with_the_user_and_where_it_is() {
    let house = House::new().await;
    let body = json!({ "username": "Ada", "email": "Ada@Example.COM", "password": PASSWORD });
    let answer = house.post(REGISTER, body).await.is(StatusCode::CREATED);
    assert_eq!(answer.header("location"), Some(ME));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut user = answer.json();
    let id: uuid::Uuid = user["id"].take().as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let expected = json!({
        "id": null, "username": "Ada", "email": "Ada@example.com", "email_verified": false, "status": "active",
        "roles": ["user"], "created_at": now(&house), "updated_at": now(&house),
    });
    assert_eq!(user, expected);
}

#[tokio::test]
async fn a_username_is_not_needed() {
    let house = House::new().await;
    for (email, username) in [("a@example.com", Value::Null), ("b@example.com", json!("bee"))] {
        let body = json!({ "email": email, "password": PASSWORD, "username": username });
        let answer = house.post(REGISTER, body).await.is(StatusCode::CREATED);
        assert_eq!(answer.json()["username"], username);
    }
    house.post(REGISTER, json!({ "email": "c@example.com", "password": PASSWORD })).await.is(StatusCode::CREATED);
}

#[tokio::test]
async fn a014_one_canonical_form_decides_identity() {
    let house = House::new().await;
    house.user("ada").await;
    for email in
        ["ada@example.com", "ADA@EXAMPLE.COM", "ada@example.com ", "ａｄａ@example.com", "ada@ＥＸＡＭＰＬＥ.com"]
    {
        let answer = house.post(REGISTER, json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.is(StatusCode::CONFLICT).problem(), "email-taken", "{email}");
        house.login(email, PASSWORD).await;
    }
    for username in ["ada", "ADA", "ada ", "ａｄａ"] {
        let body = json!({ "username": username, "email": "other@example.com", "password": PASSWORD });
        let answer = house.post(REGISTER, body).await;
        assert_eq!(answer.is(StatusCode::CONFLICT).problem(), "username-taken", "{username}");
        house.login(username, PASSWORD).await;
    }
}

#[tokio::test]
async fn a001_length_is_counted_in_code_points() {
    let house = House::new().await;
    let mut number = 0;
    let mut register = |password: String| {
        number += 1;
        let body = json!({ "email": format!("u{number}@example.com"), "password": password });
        house.post(REGISTER, body)
    };
    for letter in ["z", "é", "🦀"] {
        assert_eq!(register(letter.repeat(7)).await.violations(), ["/password too-short"]);
        register(letter.repeat(8)).await.is(StatusCode::CREATED);
    }
    register("z".repeat(64)).await.is(StatusCode::CREATED);
    register("🦀".repeat(1024)).await.is(StatusCode::CREATED);
}

#[tokio::test]
async fn a002_too_long_a_password_is_refused_before_it_is_hashed() {
    let house = House::new().await;
    house.user("ada").await;
    let (hashed, verified) = (house.hasher.hashed(), house.hasher.verified());
    for length in [1025, 5000, 60_000] {
        let long = "z".repeat(length);
        let answer = house.post(REGISTER, json!({ "email": "b@example.com", "password": long })).await;
        assert_eq!(answer.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), ["/password too-long"]);
        let answer = house.post("/api/v1/auth/login", json!({ "login": "ada", "password": long })).await;
        assert_eq!(answer.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), ["/password too-long"]);
    }
    let huge = json!({ "email": "b@example.com", "password": "z".repeat(1 << 20) });
    assert_eq!(house.post(REGISTER, huge).await.is(StatusCode::PAYLOAD_TOO_LARGE).problem(), "body-too-large");
    assert_eq!((house.hasher.hashed(), house.hasher.verified()), (hashed, verified));
}

#[tokio::test]
async fn a005_there_are_no_composition_rules() {
    let house = House::new().await;
    for (n, password) in
        ["wandering otters", "              x", "🦀🐙🦑🐡🐠🐟🐬🐳", "zzqxvbnmkjhgfdw"].iter().enumerate()
    {
        let body = json!({ "email": format!("u{n}@example.com"), "password": password });
        house.post(REGISTER, body).await.is(StatusCode::CREATED);
        house.login(&format!("u{n}@example.com"), password).await;
    }
}

#[tokio::test]
async fn a006_common_and_own_passwords_are_refused_with_a_reason() {
    let house = House::new().await;
    for password in ["password1", "PASSWORD1", "sunshine", "lovelace", "lovelace99"] {
        let body = json!({ "username": "lovelace", "email": "lovelace@example.com", "password": password });
        let answer = house.post(REGISTER, body).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), ["/password weak-password"]);
        assert!(!answer.text().contains(password));
    }
}

#[tokio::test]
async fn all_violations_come_back_at_once() {
    let house = House::new().await;
    let body = json!({ "username": "admin", "email": "nobody", "password": "sunshine", "role": "admin", "x/y": 1 });
    let answer = house.post(REGISTER, body).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    let expected = [
        "/username reserved",
        "/email malformed",
        "/password weak-password",
        "/role unknown-field",
        "/x~1y unknown-field",
    ];
    assert_eq!(answer.violations(), expected);
    assert!(!answer.text().contains("sunshine"));
}

#[tokio::test]
async fn a103_nothing_beyond_the_documented_members_can_be_set() {
    let house = House::new().await;
    let user = house.user("ada").await;
    let targets = [
        (Method::POST, REGISTER, json!({ "email": "b@example.com", "password": PASSWORD })),
        (Method::POST, "/api/v1/auth/login", json!({ "login": "ada", "password": PASSWORD })),
        (Method::POST, "/api/v1/auth/refresh", json!({ "refresh_token": user.refresh })),
        (Method::PATCH, ME, json!({ "username": "eve" })),
        (Method::PUT, "/api/v1/me/password", json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD })),
    ];
    let before = house.send(Ask::get(ME).bearer(&user.access)).await.json();
    for (method, path, body) in targets {
        for name in [
            "role",
            "roles",
            "is_admin",
            "email_verified",
            "id",
            "tenant",
            "password_hash",
            "created_at",
            "status",
            "__proto__",
            "",
        ] {
            let mut body = body.clone();
            body[name] = json!(true);
            let ask = Ask::new(method.clone(), path).bearer(&user.access).json(body);
            let answer = house.send(ask).await.is(StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(answer.violations(), [format!("/{name} unknown-field")], "{path}");
        }
    }
    assert_eq!(house.send(Ask::get(ME).bearer(&user.access)).await.json(), before);
    house.refresh(&user.refresh).await.is(StatusCode::OK);
}

#[tokio::test]
async fn me_is_the_account_that_calls() {
    let house = House::new().await;
    let (ada, bob) = (house.user("ada").await, house.user("bob").await);
    for (user, name) in [(&ada, "ada"), (&bob, "bob")] {
        let answer = house.send(Ask::get(ME).bearer(&user.access)).await.is(StatusCode::OK);
        assert_eq!(answer.json()["username"], name);
    }
}

#[tokio::test]
async fn a_merge_patch_changes_what_it_names_and_nothing_else() {
    let house = House::new().await;
    let user = house.user("ada").await;
    for media_type in ["application/merge-patch+json", "application/json"] {
        let patch = |body: Value| Ask::new(Method::PATCH, ME).bearer(&user.access).raw(media_type, body.to_string());
        let unchanged = house.send(patch(json!({}))).await.is(StatusCode::OK).json();
        assert_eq!(unchanged["username"], "ada");
        let renamed = house.send(patch(json!({ "username": "countess" }))).await.is(StatusCode::OK).json();
        assert_eq!((&renamed["username"], &renamed["email"]), (&json!("countess"), &json!("ada@example.com")));
        let nameless = house.send(patch(json!({ "username": null }))).await.is(StatusCode::OK).json();
        assert_eq!(nameless["username"], Value::Null);
        house.send(patch(json!({ "username": "ada" }))).await.is(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_new_address_needs_the_current_password() {
    let house = House::new().await;
    let user = house.user("ada").await;
    let patch = |body: Value| Ask::new(Method::PATCH, ME).bearer(&user.access).json(body);
    let answer = house.send(patch(json!({ "email": "new@example.com" }))).await;
    assert_eq!(answer.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), ["/current_password required"]);
    let wrong = json!({ "email": "new@example.com", "current_password": OTHER_PASSWORD });
    assert_eq!(house.send(patch(wrong)).await.is(StatusCode::FORBIDDEN).problem(), "wrong-password");
    let right = json!({ "email": "new@example.com", "current_password": PASSWORD });
    let changed = house.send(patch(right)).await.is(StatusCode::OK).json();
    assert_eq!((&changed["email"], &changed["email_verified"]), (&json!("new@example.com"), &json!(false)));
    house.login("new@example.com", PASSWORD).await;
}

#[tokio::test]
async fn taken_names_cannot_be_patched_in() {
    let house = House::new().await;
    let (ada, _bob) = (house.user("ada").await, house.user("bob").await);
    let patch = |body: Value| Ask::new(Method::PATCH, ME).bearer(&ada.access).json(body);
    let answer = house.send(patch(json!({ "username": "BOB" }))).await;
    assert_eq!(answer.is(StatusCode::CONFLICT).problem(), "username-taken");
    let answer = house.send(patch(json!({ "email": "BOB@example.com", "current_password": PASSWORD }))).await;
    assert_eq!(answer.is(StatusCode::CONFLICT).problem(), "email-taken");
    let answer = house.send(patch(json!({ "username": 7, "email": null, "current_password": [] }))).await;
    let expected = ["/username wrong-type", "/email wrong-type", "/current_password wrong-type"];
    assert_eq!(answer.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), expected);
}

#[tokio::test]
async fn a007_a_new_password_needs_the_current_one() {
    let house = House::new().await;
    let user = house.user("ada").await;
    let put = |body: Value| Ask::new(Method::PUT, "/api/v1/me/password").bearer(&user.access).json(body);
    let wrong = json!({ "current_password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD });
    assert_eq!(house.send(put(wrong)).await.is(StatusCode::FORBIDDEN).problem(), "wrong-password");
    let answer = house.send(put(json!({ "new_password": "sunshine" }))).await;
    let expected = ["/current_password required", "/new_password weak-password"];
    assert_eq!(answer.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), expected);
    let weak = json!({ "current_password": PASSWORD, "new_password": "ada-ada-ada" });
    let answer = house.send(put(weak)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.violations(), ["/new_password weak-password"]);
    house.login("ada", PASSWORD).await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let house = House::new().await;
    let here = house.user("ada").await;
    let there = house.login("ada", PASSWORD).await;
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let answer = house.send(Ask::new(Method::PUT, "/api/v1/me/password").bearer(&here.access).json(body)).await;
    assert!(answer.is(StatusCode::NO_CONTENT).body.is_empty());
    assert!(house.accepts(&here.access).await);
    assert!(!house.accepts(&there.access).await);
    house.refresh(&there.refresh).await.is(StatusCode::UNAUTHORIZED);
    house.login("ada", OTHER_PASSWORD).await;
    house
        .post("/api/v1/auth/login", json!({ "login": "ada", "password": PASSWORD }))
        .await
        .is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_closed_account_is_gone() {
    let house = House::new().await;
    let user = house.user("ada").await;
    let other = house.login("ada", PASSWORD).await;
    let close = Ask::new(Method::DELETE, ME).bearer(&user.access).json(json!({ "current_password": PASSWORD }));
    house.send(close).await.is(StatusCode::NO_CONTENT);
    for tokens in [&user, &other] {
        let answer = house.send(Ask::get(ME).bearer(&tokens.access)).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "unauthenticated");
        house.refresh(&tokens.refresh).await.is(StatusCode::UNAUTHORIZED);
    }
    house
        .post("/api/v1/auth/login", json!({ "login": "ada", "password": PASSWORD }))
        .await
        .is(StatusCode::UNAUTHORIZED);
    house.user("ada").await;
}
