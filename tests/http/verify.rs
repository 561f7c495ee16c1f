//! The check that proxies make, and access tokens wherever they are asked for.

use std::time::Duration;

use poem::http::{Method, StatusCode};

use crate::harness::{Ask, House};

const VERIFY: &str = "/api/v1/auth/verify";

/// Every operation that needs an access token.
const SIGNED: [(Method, &str); 9] = [
    (Method::GET, VERIFY),
    (Method::POST, "/api/v1/auth/logout"),
    (Method::POST, "/api/v1/auth/logout-all"),
    (Method::GET, "/api/v1/me"),
    (Method::PATCH, "/api/v1/me"),
    (Method::DELETE, "/api/v1/me"),
    (Method::PUT, "/api/v1/me/password"),
    (Method::GET, "/api/v1/me/sessions"),
    (Method::DELETE, "/api/v1/me/sessions/01981f3e-7a60-7c1e-9d0b-52f1c1a6a001"),
];

#[tokio::test]
async fn a_good_token_is_told_in_headers() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    let id = house.send(Ask::get("/api/v1/me").bearer(&tokens.access)).await.json()["id"].clone();
    let answer = house.send(Ask::get(VERIFY).bearer(&tokens.access)).await.is(StatusCode::NO_CONTENT);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("x-auth-user-id"), id.as_str());
    assert_eq!(answer.header("x-auth-session-id"), Some(tokens.session.as_str()));
    assert_eq!(answer.header("x-auth-client-id"), Some("portcullis"));
    assert_eq!(answer.header("x-auth-scopes"), Some("account profile"));
    assert_eq!(answer.header("x-auth-roles"), Some(""), "there even when empty, so that a client's own is replaced");
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    house.clock.advance(Duration::from_secs(899));
    assert!(house.accepts(&tokens.access).await);
    house.clock.advance(Duration::from_secs(1));
    assert!(!house.accepts(&tokens.access).await);
}

#[tokio::test]
async fn a082_an_error_code_is_given_only_when_a_token_was_sent() {
    let house = House::new().await;
    let garbage = format!("Bearer {}", "a".repeat(200));
    for (method, path) in SIGNED {
        for (header, challenge) in [
            (None, "Bearer"),
            (Some("Basic YTpi"), "Bearer"),
            (Some("Bearer "), "Bearer"),
            (Some(garbage.as_str()), "Bearer error=\"invalid_token\""),
            (Some("bearer x"), "Bearer error=\"invalid_token\""),
        ] {
            let mut ask = Ask::new(method.clone(), path);
            if let Some(header) = header {
                ask = ask.header("authorization", header);
            }
            let answer = house.send(ask).await.is(StatusCode::UNAUTHORIZED);
            assert_eq!(answer.problem(), "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some(challenge), "{method} {path} {header:?}");
        }
    }
}

#[tokio::test]
async fn a082_the_scheme_is_read_in_any_case() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let ask = Ask::get(VERIFY).header("authorization", format!("{scheme} {}", tokens.access));
        house.send(ask).await.is(StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a054_two_credentials_are_none() {
    let house = House::new().await;
    let (ada, bob) = (house.user("ada").await, house.user("bob").await);
    for (first, second) in [(&ada, &bob), (&ada, &ada)] {
        house.send(Ask::get(VERIFY).bearer(&first.access).bearer(&second.access)).await.is(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a055_a_token_is_never_taken_from_the_query_a_cookie_or_a_body() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for name in ["access_token", "token", "api_key", "authorization", "bearer"] {
        house.send(Ask::get(&format!("{VERIFY}?{name}={access}"))).await.is(StatusCode::UNAUTHORIZED);
        house.send(Ask::get(VERIFY).header("cookie", format!("{name}={access}"))).await.is(StatusCode::UNAUTHORIZED);
        let form = Ask::post("/api/v1/auth/logout").form(&format!("{name}={access}"));
        house.send(form).await.is(StatusCode::UNAUTHORIZED);
    }
    assert!(house.accepts(&access).await);
}

#[tokio::test]
async fn a061_every_changed_character_of_an_access_token_is_noticed() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for position in 0..access.len() {
        let mut changed = access.clone().into_bytes();
        changed[position] = if changed[position] == b'0' { b'1' } else { b'0' };
        assert!(!house.accepts(std::str::from_utf8(&changed).unwrap()).await);
    }
    for wrong in
        [format!("{access}="), format!("{access}.x"), format!("{access},x"), format!("x{access}"), access.repeat(30)]
    {
        assert!(!house.accepts(&wrong).await);
    }
}

#[tokio::test]
async fn b48_garbage_in_the_authorization_header_is_401_and_nothing_else() {
    let house = House::new().await;
    house.user("ada").await;
    let random = portcullis_memory::SeededRandomness::new(48);
    for round in 0..2_000_usize {
        let mut bytes = vec![0; 1 + round % 97];
        portcullis_domain::ports::ambient::Randomness::fill(&random, &mut bytes);
        // Control characters never get as far as a header.
        bytes.iter_mut().filter(|b| b.is_ascii_control()).for_each(|b| *b |= 0x80);
        let prefix: &[u8] = [&b""[..], b"Bearer ", b"Basic ", b"bearer\t"][round % 4];
        let value: Vec<u8> = prefix.iter().copied().chain(bytes).collect();
        let answer = house.send(Ask::get("/api/v1/me").header("authorization", value)).await;
        assert_eq!(answer.is(StatusCode::UNAUTHORIZED).problem(), "unauthenticated");
    }
}
