//! Introspection and revocation.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::accounts::{LoginName, Password};
use portcullis_domain::origin::Origin;
use portcullis_domain::sessions::{ClientRefresh, LogIn, Refresh};
use portcullis_domain::tokens::Scope;
use serde_json::json;

use crate::harness::{Answer, Ask, CLIENT, FIRST_PARTY, House, PASSWORD, Tokens, encoded, now};

const INTROSPECT: &str = "/oauth2/introspect";
const REVOKE: &str = "/oauth2/revoke";
const BOTH: [&str; 2] = [INTROSPECT, REVOKE];

async fn introspect(house: &House, token: &str) -> Answer {
    let ask = Ask::post(INTROSPECT).basic(CLIENT).form(&format!("token={}", encoded(token)));
    house.send(ask).await.is(StatusCode::OK)
}

async fn revoke(house: &House, client: (&str, &str), token: &str) {
    let ask = Ask::post(REVOKE).basic(client).form(&format!("token={}", encoded(token)));
    let answer = house.send(ask).await.is(StatusCode::OK);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("content-type"), None);
}

#[track_caller]
fn refused(answer: &Answer, status: StatusCode, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["error"], error);
    assert!(body["error_description"].is_string());
    assert_eq!(body.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn an_active_access_token_is_told_what_it_says() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    let me = house.send(Ask::get("/api/v1/me").bearer(&tokens.access)).await.json();
    let answer = introspect(&house, &tokens.access).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut body = answer.json();
    assert!(body["jti"].take().as_str().unwrap().parse::<uuid::Uuid>().is_ok());
    let expected = json!({
        "active": true, "token_use": "access_token", "token_type": "Bearer", "iss": "https://auth.example.com",
        "sub": me["id"], "aud": "api", "client_id": "portcullis", "scope": "account profile", "jti": null,
        "exp": 1_893_456_900, "iat": 1_893_456_000, "auth_time": 1_893_456_000, "sid": tokens.session,
    });
    assert_eq!(body, expected);
    assert_eq!(now(&house), "2030-01-01T00:00:00Z");
}

#[tokio::test]
async fn an_active_refresh_token_cannot_be_taken_for_an_access_token() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    let body = introspect(&house, &tokens.refresh).await.json();
    assert_eq!((&body["active"], &body["token_use"]), (&json!(true), &json!("refresh_token")));
    assert_eq!(body["sid"], tokens.session);
    assert!(body.get("token_type").is_none() && body.get("aud").is_none() && body.get("jti").is_none());
}

#[tokio::test]
async fn a081_what_is_not_active_is_exactly_that() {
    let house = House::new().await;
    let (ended, expired) = (house.user("ada").await, house.user("bob").await);
    let used = house.user("eve").await;
    let next = Tokens::of(&house.refresh(&used.refresh).await.is(StatusCode::OK));
    house.send(Ask::post("/api/v1/auth/logout").bearer(&ended.access)).await.is(StatusCode::NO_CONTENT);
    house.clock.advance(Duration::from_secs(901));
    let inactive =
        [&ended.access, &ended.refresh, &expired.access, &used.refresh, "x", "a.b.c", "\u{0}", "🦀", &next.access[1..]];
    for token in inactive {
        for hint in ["", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x"] {
            let ask = Ask::post(INTROSPECT).basic(CLIENT).form(&format!("token={}{hint}", encoded(token)));
            assert_eq!(house.send(ask).await.is(StatusCode::OK).text(), "{\"active\":false}");
        }
    }
    assert_eq!(introspect(&house, &next.refresh).await.json()["active"], true);
}

#[tokio::test]
async fn a_hint_says_where_to_look_first_and_no_more() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    for token in [&tokens.access, &tokens.refresh] {
        for hint in ["access_token", "refresh_token", "id_token", ""] {
            let ask = Ask::post(INTROSPECT).basic(CLIENT).form(&format!("token={token}&token_type_hint={hint}"));
            assert_eq!(house.send(ask).await.is(StatusCode::OK).json()["active"], true, "{hint}");
        }
    }
}

#[tokio::test]
async fn a080_either_token_ends_its_whole_session() {
    let house = House::new().await;
    for name in ["ada", "bob"] {
        let tokens = house.user(name).await;
        let token = if name == "ada" { tokens.access.clone() } else { tokens.refresh.clone() };
        revoke(&house, CLIENT, &token).await;
        assert!(!house.accepts(&tokens.access).await);
        house.refresh(&tokens.refresh).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(introspect(&house, &token).await.text(), "{\"active\":false}");
        revoke(&house, CLIENT, &token).await;
    }
}

#[tokio::test]
async fn a080_an_unknown_token_gets_the_same_answer() {
    let house = House::new().await;
    for token in ["x", "a.b.c", "\u{0}", "🦀", &"x".repeat(10_000)] {
        revoke(&house, FIRST_PARTY, token).await;
    }
}

#[tokio::test]
async fn a079_a_client_cannot_end_the_sessions_of_another() {
    let house = House::new().await;
    house.user("ada").await;
    let other = LogIn {
        name: LoginName::parse("ada"),
        password: Password::present(PASSWORD.to_owned()).unwrap(),
        new_password: None,
        client_id: "another".to_owned(),
        scope: Scope::default(),
        origin: Origin::default(),
        device_token: None,
        replaces: None,
    };
    let pair = house.app.sessions.log_in(other).await.unwrap().pair;
    let (access, refresh) = (pair.access_token.expose(), pair.refresh_token.expose());
    for token in [access, refresh] {
        revoke(&house, CLIENT, token).await;
        revoke(&house, FIRST_PARTY, token).await;
        assert!(house.accepts(access).await);
    }
    // Nor does whoever names no client go on with it.
    house.refresh(refresh).await.is(StatusCode::UNAUTHORIZED);
    assert!(house.accepts(access).await, "nothing was used, and nothing ends");
    let by = Some(ClientRefresh { client_id: "another".to_owned(), scope: None });
    let cmd = Refresh { token: pair.refresh_token.clone(), by, origin: Origin::default() };
    house.app.sessions.refresh(cmd).await.unwrap();
}

#[tokio::test]
async fn a077_a_client_authenticates_by_basic_or_post() {
    let house = House::new().await;
    let post = format!("client_id={}&client_secret={}&token=x", CLIENT.0, encoded(CLIENT.1));
    for path in BOTH {
        house.send(Ask::post(path).form(&post)).await.is(StatusCode::OK);
        house.send(Ask::post(path).basic(CLIENT).form("token=x")).await.is(StatusCode::OK);
        house.send(Ask::post(path).basic(CLIENT).form("token=x&client_id=gateway")).await.is(StatusCode::OK);
        let both = house.send(Ask::post(path).basic(CLIENT).form(&post)).await;
        refused(&both, StatusCode::BAD_REQUEST, "invalid_request");
        let other = house.send(Ask::post(path).basic(CLIENT).form("token=x&client_id=portcullis")).await;
        refused(&other, StatusCode::BAD_REQUEST, "invalid_request");
        let twice = house.send(Ask::post(path).basic(CLIENT).basic(CLIENT).form("token=x")).await;
        refused(&twice, StatusCode::BAD_REQUEST, "invalid_request");
    }
}

#[tokio::test]
async fn a075_a_failed_authentication_is_invalid_client() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    for path in BOTH {
        for client in [("gateway", "wrong"), ("nobody", CLIENT.1), ("", ""), ("gateway", ""), FIRST_PARTY_WRONG] {
            let answer = house.send(Ask::post(path).basic(client).form("token=x")).await;
            refused(&answer, StatusCode::UNAUTHORIZED, "invalid_client");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
        }
        for header in ["Basic", "Basic !!!", "Basic YQ==", &format!("Bearer {}", tokens.access), "x"] {
            let answer = house.send(Ask::post(path).header("authorization", header).form("token=x")).await;
            refused(&answer, StatusCode::UNAUTHORIZED, "invalid_client");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "), "{header}");
        }
        for form in [
            "token=x",
            "token=x&client_id=gateway",
            "token=x&client_id=gateway&client_secret=",
            "token=x&client_id=gateway&client_secret=wrong",
            "token=x&client_secret=wrong",
        ] {
            let answer = house.send(Ask::post(path).form(form)).await;
            refused(&answer, StatusCode::UNAUTHORIZED, "invalid_client");
            let challenge = "Basic realm=\"oauth2\", charset=\"UTF-8\"";
            assert_eq!(answer.header("www-authenticate"), Some(challenge), "{form}: RFC 9110 §15.5.2");
        }
    }
}

const FIRST_PARTY_WRONG: (&str, &str) = (FIRST_PARTY.0, CLIENT.1);

#[tokio::test]
async fn a075_a_malformed_request_is_invalid_request() {
    let house = House::new().await;
    for path in BOTH {
        for form in ["", "token", "token=", "tokem=x", "token=%zz", "token=%ff", "token=x&a=%", "=x"] {
            let answer = house.send(Ask::post(path).basic(CLIENT).form(form)).await;
            refused(&answer, StatusCode::BAD_REQUEST, "invalid_request");
        }
        for (media, body) in [
            ("application/json", "{\"token\":\"x\"}"),
            ("text/plain", "token=x"),
            ("multipart/form-data; boundary=x", "--x--"),
        ] {
            let answer = house.send(Ask::post(path).basic(CLIENT).raw(media, body)).await;
            refused(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request");
        }
        let long = format!("token={}", "x".repeat(70_000));
        refused(
            &house.send(Ask::post(path).basic(CLIENT).form(&long)).await,
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request",
        );
        refused(&house.send(Ask::new(Method::GET, path)).await, StatusCode::METHOD_NOT_ALLOWED, "invalid_request");
        let bytes = Ask::post(path).basic(CLIENT).raw("application/x-www-form-urlencoded", b"token=\xff".to_vec());
        refused(&house.send(bytes).await, StatusCode::BAD_REQUEST, "invalid_request");
    }
}

#[tokio::test]
async fn a076_repeated_parameters_are_refused_and_unknown_ones_ignored() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for path in BOTH {
        for form in [
            "token=x&token=x",
            "token=x&%74oken=y",
            "token=x&client_id=gateway&client_id=gateway",
            "token=x&foo=1&foo=2",
        ] {
            let answer = house.send(Ask::post(path).basic(CLIENT).form(form)).await;
            refused(&answer, StatusCode::BAD_REQUEST, "invalid_request");
        }
        for query in ["token=x", "client_id=gateway", "client_secret=x", "a=b&%74oken=x", "token"] {
            let ask = Ask::post(&format!("{path}?{query}")).basic(CLIENT).form("token=x");
            refused(&house.send(ask).await, StatusCode::BAD_REQUEST, "invalid_request");
        }
    }
    let ask = Ask::post("/oauth2/introspect?trace=1").basic(CLIENT).form(&format!("foo=1&token={access}&bar="));
    assert_eq!(house.send(ask).await.is(StatusCode::OK).json()["active"], true);
}
