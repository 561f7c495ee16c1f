//! Signing in.

use poem::http::StatusCode;
use serde_json::json;

use crate::harness::{House, OTHER_PASSWORD, PASSWORD};

const LOGIN: &str = "/api/v1/auth/login";

#[tokio::test]
async fn a_login_answers_the_tokens_of_a_new_session() {
    let house = House::new().await;
    house.user("ada").await;
    let answer = house.post(LOGIN, json!({ "login": "ada", "password": PASSWORD })).await.is(StatusCode::OK);
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert_eq!(tokens["refresh_expires_in"], 2_592_000);
    assert!(tokens["session_id"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
    let mut members: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    members.sort();
    let expected = ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "session_id", "token_type"];
    assert_eq!(members, expected);
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn the_name_is_accepted_under_three_names_and_given_once() {
    let house = House::new().await;
    house.user("ada").await;
    for member in ["login", "username", "email"] {
        for name in ["ada", "ada@example.com"] {
            let body = json!({ member: name, "password": PASSWORD });
            house.post(LOGIN, body).await.is(StatusCode::OK);
        }
    }
    let body = json!({ "login": "ada", "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(house.post(LOGIN, body).await.violations(), ["/username conflicting", "/email conflicting"]);
    assert_eq!(house.post(LOGIN, json!({})).await.violations(), ["/login required", "/password required"]);
}

#[tokio::test]
async fn the_transport_is_bearer_or_cookie() {
    let house = House::new().await;
    house.user("ada").await;
    let body = |transport| json!({ "login": "ada", "password": PASSWORD, "transport": transport });
    for (transport, token) in [("bearer", "access_token"), ("cookie", "csrf_access_token")] {
        let answer = house.post(LOGIN, body(transport)).await.is(StatusCode::OK);
        assert!(answer.json()[token].is_string());
        assert_eq!(answer.header("set-cookie").is_some(), transport == "cookie");
        assert_eq!(answer.header("x-device-token").is_some(), transport == "bearer");
    }
    for other in ["Cookie", "Bearer", "", "cookies"] {
        let answer = house.post(LOGIN, body(other)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), ["/transport unsupported"]);
        assert!(answer.json()["errors"][0]["detail"].as_str().unwrap().contains("\"bearer\" and \"cookie\""));
    }
}

#[tokio::test]
async fn a010_nobody_is_told_why_a_login_fails() {
    let house = House::new().await;
    house.user("ada").await;
    let attempts = [
        ("ada", OTHER_PASSWORD),
        ("ada@example.com", OTHER_PASSWORD),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("not a name !", PASSWORD),
        ("not@an@address", PASSWORD),
        ("admin", PASSWORD),
        ("", PASSWORD),
        ("ada", ""),
    ];
    let mut answers = Vec::new();
    for (login, password) in attempts {
        let verified = house.hasher.verified();
        let answer = house.post(LOGIN, json!({ "login": login, "password": password })).await;
        let answer = answer.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "invalid-credentials");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(house.hasher.verified(), verified + 1, "the work of a wrong password is done for {login:?}");
        answers.push((answer.steady_headers(), answer.steady_problem()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

#[tokio::test]
async fn a003_a_password_is_verified_exactly_as_it_was_given() {
    let house = House::new().await;
    // 72 bytes is where bcrypt stops reading.
    let text = " Grüße, 世界 🦀 \u{0} Tab\t e\u{301} and a tail that is long enough to pass seventy-two bytes Z ";
    house
        .post("/api/v1/auth/register", json!({ "email": "a@example.com", "password": text }))
        .await
        .is(StatusCode::CREATED);
    house.login("a@example.com", text).await;
    let mut prefix = 72;
    while !text.is_char_boundary(prefix) {
        prefix -= 1;
    }
    let swapped: String = text
        .chars()
        .map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
        .collect();
    let variants = [
        text.trim().to_owned(),
        text.trim_start().to_owned(),
        text.trim_end().to_owned(),
        text[..prefix].to_owned(),
        text.split('\0').next().unwrap().to_owned(),
        text.replace('\0', ""),
        text.replace("e\u{301}", "é"),
        text.replace('\t', " "),
        format!("{text} "),
        format!("{}X", &text[..text.len() - 1]),
        swapped,
    ];
    for variant in variants {
        assert_ne!(variant, text);
        let answer = house.post(LOGIN, json!({ "login": "a@example.com", "password": variant })).await;
        assert_eq!(answer.is(StatusCode::UNAUTHORIZED).problem(), "invalid-credentials");
    }
}
