//! The token endpoint (RFC 6749).

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use portcullis_domain::accounts::{LoginName, Password};
use portcullis_domain::origin::Origin;
use portcullis_domain::sessions::LogIn;
use portcullis_domain::tokens::{Algorithm, Scope};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, CLIENT, FIRST_PARTY, House, PASSWORD, Plan, Tokens, encoded};

const TOKEN: &str = "/oauth2/token";

/// A house with the client `orders`, and its secret.
async fn house() -> (House, String) {
    let house = House::new().await;
    let secret = house.client("orders", "stock:read stock:write").await;
    (house, secret)
}

async fn ask(house: &House, ask: Ask, form: &str) -> Answer {
    house.send(ask.form(form)).await
}

fn post() -> Ask {
    Ask::post(TOKEN)
}

/// The refresh of a session by the first-party client.
async fn refresh(house: &House, token: &str, more: &str) -> Answer {
    let form = format!("grant_type=refresh_token&client_id=portcullis&refresh_token={}{more}", encoded(token));
    ask(house, post(), &form).await
}

#[track_caller]
fn granted(answer: Answer) -> Value {
    let answer = answer.is(StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: StatusCode, error: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let body = answer.json();
    assert_eq!(body["error"], error, "{what}");
    let description = body["error_description"].as_str().unwrap();
    let fine = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    assert!(!description.is_empty() && description.chars().all(fine), "{what}: RFC 6749 §5.2: {description}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{what}");
}

#[tokio::test]
async fn a077_client_credentials_are_given_by_basic_or_post() {
    let (house, secret) = house().await;
    let basic = ask(&house, post().basic(("orders", &secret)), "grant_type=client_credentials").await;
    let form = format!("grant_type=client_credentials&client_id=orders&client_secret={secret}");
    let in_body = ask(&house, post(), &form).await;
    for answer in [basic, in_body] {
        let body = granted(answer);
        let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"], "RFC 6749 §4.4.3: no refresh token");
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(body["scope"], "stock:read stock:write");
        let verify = house.send(Ask::get("/api/v1/auth/verify").bearer(body["access_token"].as_str().unwrap())).await;
        verify.is(StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a062_a_clients_jwt_says_what_rfc_9068_asks_for() {
    let house = House::build(Plan { signing: Some(Algorithm::Es256), ..Plan::default() }).await;
    let secret = house.client("orders", "stock:read").await;
    let token = house.client_token(("orders", &secret)).await;
    let part = |number: usize| -> Value {
        use base64::Engine;
        let text = token.split('.').nth(number).unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(part(0)["typ"], "at+jwt");
    let mut claims = part(1);
    assert!(claims["jti"].take().as_str().unwrap().parse::<uuid::Uuid>().is_ok());
    let expected = json!({
        "iss": "https://auth.example.com", "sub": "orders", "client_id": "orders", "aud": "api", "jti": null,
        "scope": "stock:read", "iat": 1_893_456_000, "exp": 1_893_456_900,
    });
    assert_eq!(claims, expected, "no sid and no auth_time: no user has ever logged in for it");
}

#[tokio::test]
async fn b43_a_scope_narrows_and_never_widens() {
    let (house, secret) = house().await;
    let with = |scope: &str| {
        let form = format!("grant_type=client_credentials&scope={}", encoded(scope));
        post().basic(("orders", &secret)).form(&form)
    };
    for narrower in ["stock:read", "stock:write", "stock:write stock:read"] {
        let body = granted(house.send(with(narrower)).await);
        assert_eq!(body["scope"], narrower);
        let verify = Ask::get("/api/v1/auth/verify").bearer(body["access_token"].as_str().unwrap());
        assert_eq!(house.send(verify).await.header("x-auth-scopes"), Some(narrower));
    }
    assert_eq!(granted(house.send(with("")).await)["scope"], "stock:read stock:write", "empty is absent");
    for wrong in
        ["admin", "stock:read admin", "stock:*", "*", " stock:read", "stock:read  stock:write", "stöck", "\"", "\\"]
    {
        refused(&house.send(with(wrong)).await, StatusCode::BAD_REQUEST, "invalid_scope", wrong);
    }
}

#[tokio::test]
async fn b56_a_scope_of_thousands_of_words_is_refused_unread_whoever_asks() {
    let (house, _) = house().await;
    let words: Vec<String> = (0..2_000).map(|number| format!("s{number}")).collect();
    let scope = encoded(&words.join(" "));
    let form = format!("grant_type=refresh_token&client_id=portcullis&refresh_token=x&scope={scope}");
    refused(&house.send(post().form(&form)).await, StatusCode::BAD_REQUEST, "invalid_scope", "2,000 words");
}

#[tokio::test]
async fn a073_there_is_no_other_grant() {
    let (house, secret) = house().await;
    for grant in [
        "password",
        "authorization_code",
        "implicit",
        "Client_Credentials",
        "client_credentials ",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ] {
        let form = format!("grant_type={}&username=ada&password={}", encoded(grant), encoded(PASSWORD));
        for from in [post(), post().basic(("orders", &secret)), post().basic(CLIENT)] {
            refused(&ask(&house, from, &form).await, StatusCode::BAD_REQUEST, "unsupported_grant_type", grant);
        }
    }
}

#[tokio::test]
async fn a075_thirty_malformed_token_requests_get_the_code_of_rfc_6749() {
    let (house, secret) = house().await;
    let orders = || post().basic(("orders", &secret));
    let as_ada = house.user("ada").await;
    let body = |rest: &str| format!("grant_type=client_credentials{rest}");
    let next = |rest: &str| format!("grant_type=refresh_token&client_id=portcullis{rest}");
    let cases = [
        ("", orders(), "invalid_request", 400),
        ("grant_type", orders(), "invalid_request", 400),
        ("grant_type=", orders(), "invalid_request", 400),
        ("grant-type=client_credentials", orders(), "invalid_request", 400),
        ("scope=stock:read", orders(), "invalid_request", 400),
        ("grant_type=%zz", orders(), "invalid_request", 400),
        ("grant_type=%ff", orders(), "invalid_request", 400),
        ("grant_type=x", orders(), "unsupported_grant_type", 400),
        (&body("&scope=%"), orders(), "invalid_request", 400),
        (&body("&scope=admin"), orders(), "invalid_scope", 400),
        (&body("&scope=%00"), orders(), "invalid_scope", 400),
        (&body("&scope=stock:read%09stock:write"), orders(), "invalid_scope", 400),
        (&body(""), post(), "invalid_client", 401),
        (&body("&client_id=orders"), post(), "invalid_client", 401),
        (&body("&client_id=orders&client_secret="), post(), "invalid_client", 401),
        (&body("&client_id=orders&client_secret=wrong"), post(), "invalid_client", 401),
        (&body("&client_id=nobody&client_secret=wrong"), post(), "invalid_client", 401),
        (&body("&client_secret=wrong"), post(), "invalid_client", 401),
        (&body("&client_id=orders&client_assertion=x&client_assertion_type=y"), post(), "invalid_client", 401),
        (&body(""), post().basic(("orders", "wrong")), "invalid_client", 401),
        (&body(""), post().basic(("", "")), "invalid_client", 401),
        (&body(""), post().header("authorization", "Basic !"), "invalid_client", 401),
        (&body(""), post().bearer(&as_ada.access), "invalid_client", 401),
        (&body("&client_id=billing"), orders(), "invalid_request", 400),
        (&body(&format!("&client_secret={secret}")), orders(), "invalid_request", 400),
        (&body(""), orders().basic(("orders", &secret)), "invalid_request", 400),
        (&next(""), post(), "invalid_request", 400),
        (&next("&refresh_token="), post(), "invalid_request", 400),
        (&next("&refresh_token=x"), post(), "invalid_grant", 400),
        (&next(&format!("&refresh_token={}", as_ada.access)), post(), "invalid_grant", 400),
        (&next("&refresh_token=x&client_secret=wrong"), post(), "invalid_client", 401),
        (&next("&refresh_token=x"), post().basic(("portcullis", "")), "invalid_client", 401),
        ("grant_type=refresh_token&refresh_token=x", post(), "invalid_client", 401),
        ("grant_type=refresh_token&refresh_token=x&client_id=orders", post(), "invalid_client", 401),
        ("grant_type=refresh_token&refresh_token=x&client_id=nobody", post(), "invalid_client", 401),
    ];
    assert!(cases.len() >= 30);
    for (form, from, error, status) in cases {
        let answer = ask(&house, from, form).await;
        refused(&answer, StatusCode::from_u16(status).unwrap(), error, form);
        let challenged = answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic "));
        assert_eq!(challenged, status == 401, "{form}: every 401 says what would open it (RFC 9110 §15.5.2)");
    }
    for (media, body) in [("application/json", "{\"grant_type\":\"client_credentials\"}"), ("text/plain", "x")] {
        let answer = house.send(orders().raw(media, body)).await;
        refused(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", media);
    }
    let long = format!("grant_type=client_credentials&x={}", "x".repeat(70_000));
    refused(&ask(&house, orders(), &long).await, StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "long");
    let get = house.send(Ask::new(Method::GET, TOKEN)).await;
    refused(&get, StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "GET");
    assert_eq!(house.refresh(&as_ada.refresh).await.status, StatusCode::OK, "and none of it has used anything up");
}

#[tokio::test]
async fn a076_repeated_parameters_are_refused_and_unknown_ones_ignored() {
    let (house, secret) = house().await;
    for twice in [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&grant%5Ftype=refresh_token",
        "grant_type=client_credentials&scope=stock:read&scope=stock:read",
        "grant_type=client_credentials&foo=1&foo=2",
        "grant_type=client_credentials&scope=&scope=stock:read",
    ] {
        let answer = ask(&house, post().basic(("orders", &secret)), twice).await;
        refused(&answer, StatusCode::BAD_REQUEST, "invalid_request", twice);
    }
    let form = "foo=1&grant_type=client_credentials&resource=https%3A%2F%2Fx&audience=&bar";
    granted(ask(&house, Ask::post("/oauth2/token?trace=1").basic(("orders", &secret)), form).await);
}

#[tokio::test]
async fn a055_nothing_secret_is_read_from_the_url() {
    let (house, secret) = house().await;
    for query in [
        "grant_type=client_credentials".to_owned(),
        format!("client_id=orders&client_secret={secret}"),
        format!("a=b&client%5Fsecret={secret}"),
        "refresh_token=x".to_owned(),
        "scope=stock:read".to_owned(),
    ] {
        let from = Ask::post(&format!("{TOKEN}?{query}")).basic(("orders", &secret));
        let answer = ask(&house, from, "grant_type=client_credentials").await;
        refused(&answer, StatusCode::BAD_REQUEST, "invalid_request", &query);
    }
}

#[tokio::test]
async fn clients_of_the_configuration_and_public_ones_get_no_tokens_of_their_own() {
    let (house, _) = house().await;
    for from in [post().basic(CLIENT), post().basic(FIRST_PARTY)] {
        let answer = ask(&house, from, "grant_type=client_credentials").await;
        refused(&answer, StatusCode::BAD_REQUEST, "unauthorized_client", "configured");
    }
    let answer = ask(&house, post(), "grant_type=client_credentials&client_id=portcullis").await;
    refused(&answer, StatusCode::BAD_REQUEST, "unauthorized_client", "public");
}

#[tokio::test]
async fn a077_a_new_secret_works_at_once_and_a_deleted_client_never() {
    let (house, old) = house().await;
    let credentials = |secret: &str| post().basic(("orders", secret)).form("grant_type=client_credentials");
    let id = || "orders".parse().unwrap();
    let cmd = portcullis_domain::clients::RotateSecret {
        client: id(),
        overlap: Duration::from_secs(60),
        caller: portcullis_domain::caller::Caller::operator(),
        origin: Origin::default(),
    };
    let new = house.app.clients.rotate_secret(cmd).await.unwrap().expose().to_owned();
    granted(house.send(credentials(&old)).await);
    granted(house.send(credentials(&new)).await);
    house.clock.advance(Duration::from_secs(60));
    refused(&house.send(credentials(&old)).await, StatusCode::UNAUTHORIZED, "invalid_client", "the overlap is over");
    granted(house.send(credentials(&new)).await);
    house.app.clients.delete(&portcullis_domain::caller::Caller::operator(), &id(), &Origin::default()).await.unwrap();
    refused(&house.send(credentials(&new)).await, StatusCode::UNAUTHORIZED, "invalid_client", "deleted");
}

#[tokio::test]
async fn a064_the_first_party_client_refreshes_its_sessions_without_a_secret() {
    let (house, _) = house().await;
    let ada = house.user("ada").await;
    house.clock.advance(Duration::from_secs(100));
    let answer = refresh(&house, &ada.refresh, "").await;
    assert_eq!(answer.header("x-refresh-outcome"), Some("rotated"));
    let body = granted(answer.clone());
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!((&body["scope"], &body["session_id"]), (&json!("account profile"), &json!(ada.session)));
    assert_eq!(body["refresh_expires_in"], 30 * 24 * 3600);
    assert_eq!(body.as_object().unwrap().len(), 7);
    let next = Tokens::of(&answer);
    assert!(house.accepts(&next.access).await && house.accepts(&ada.access).await);
    let again = refresh(&house, &ada.refresh, "").await;
    assert_eq!(again.header("x-refresh-outcome"), Some("replayed"), "a lost answer");
    assert_eq!(Tokens::of(&again).refresh, next.refresh);
    let other_door = house.refresh(&next.refresh).await.is(StatusCode::OK);
    granted(refresh(&house, &Tokens::of(&other_door).refresh, "").await);
    let with_secret = post().basic(FIRST_PARTY);
    let form = format!("grant_type=refresh_token&refresh_token={}", house.login("ada", PASSWORD).await.refresh);
    granted(ask(&house, with_secret, &form).await);
}

#[tokio::test]
async fn a065_a_token_that_was_used_long_before_ends_its_session() {
    let (house, _) = house().await;
    let ada = house.user("ada").await;
    let next = Tokens::of(&refresh(&house, &ada.refresh, "").await);
    house.clock.advance(Duration::from_secs(11));
    let reused = refresh(&house, &ada.refresh, "").await;
    refused(&reused, StatusCode::BAD_REQUEST, "invalid_grant", "reuse");
    assert_eq!(reused.header("x-refresh-outcome"), Some("reuse"));
    let again = refresh(&house, &ada.refresh, "").await;
    refused(&again, StatusCode::BAD_REQUEST, "invalid_grant", "once more");
    assert_eq!(again.header("x-refresh-outcome"), None);
    assert_eq!(again.text(), reused.text(), "a thief is told no more than anybody");
    assert!(!house.accepts(&next.access).await);
    refused(&refresh(&house, &next.refresh, "").await, StatusCode::BAD_REQUEST, "invalid_grant", "the successor");
}

#[tokio::test]
async fn a068_a_scope_narrows_one_access_token_and_never_widens() {
    let (house, _) = house().await;
    let ada = house.user("ada").await;
    for wider in ["admin", "account profile admin", "account  profile"] {
        let answer = refresh(&house, &ada.refresh, &format!("&scope={}", encoded(wider))).await;
        refused(&answer, StatusCode::BAD_REQUEST, "invalid_scope", wider);
    }
    let narrow = refresh(&house, &ada.refresh, "&scope=profile").await;
    assert_eq!(narrow.header("x-refresh-outcome"), Some("rotated"), "the refusals have used nothing up");
    assert_eq!(granted(narrow.clone())["scope"], "profile");
    let narrow = Tokens::of(&narrow);
    let verify = Ask::get("/api/v1/auth/verify").bearer(&narrow.access);
    assert_eq!(house.send(verify).await.header("x-auth-scopes"), Some("profile"));
    assert_eq!(granted(refresh(&house, &narrow.refresh, "").await)["scope"], "account profile");
}

#[tokio::test]
async fn a068_a079_another_clients_refresh_token_is_invalid_and_not_used_up() {
    let (house, secret) = house().await;
    let ada = house.user("ada").await;
    let form = format!("grant_type=refresh_token&refresh_token={}", ada.refresh);
    for from in [post().basic(("orders", &secret)), post().basic(CLIENT)] {
        let answer = ask(&house, from, &form).await;
        refused(&answer, StatusCode::BAD_REQUEST, "invalid_grant", "another client");
        assert_eq!(answer.header("x-refresh-outcome"), None);
    }
    assert_eq!(refresh(&house, &ada.refresh, "").await.header("x-refresh-outcome"), Some("rotated"));
    let other = LogIn {
        name: LoginName::parse("ada"),
        password: Password::present(PASSWORD.to_owned()).unwrap(),
        new_password: None,
        client_id: "orders".to_owned(),
        scope: Scope::default(),
        origin: Origin::default(),
        device_token: None,
        replaces: None,
    };
    let pair = house.app.sessions.log_in(other).await.unwrap().pair;
    let token = pair.refresh_token.expose();
    refused(&refresh(&house, token, "").await, StatusCode::BAD_REQUEST, "invalid_grant", "of orders");
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    granted(ask(&house, post().basic(("orders", &secret)), &form).await);
}

#[tokio::test]
async fn a066_b12_parallel_refreshes_give_one_successor() {
    let (house, _) = house().await;
    let ada = house.user("ada").await;
    let answers = join_all((0..200).map(|_| refresh(&house, &ada.refresh, ""))).await;
    let rotated = answers.iter().filter(|answer| answer.header("x-refresh-outcome") == Some("rotated")).count();
    let successors: HashSet<_> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    assert_eq!((rotated, successors.len()), (1, 1));
}

#[tokio::test]
async fn a042_a_session_that_has_ended_gives_nothing() {
    let (house, _) = house().await;
    let ada = house.user("ada").await;
    house.send(Ask::post("/api/v1/auth/logout").bearer(&ada.access)).await.is(StatusCode::NO_CONTENT);
    refused(&refresh(&house, &ada.refresh, "").await, StatusCode::BAD_REQUEST, "invalid_grant", "logged out");
    let bob = house.user("bob").await;
    house.clock.advance(Duration::from_secs(30 * 24 * 3600));
    refused(&refresh(&house, &bob.refresh, "").await, StatusCode::BAD_REQUEST, "invalid_grant", "idle for too long");
}

#[tokio::test]
async fn a047_a_cookie_is_no_credential_here() {
    let (house, _) = house().await;
    let login = json!({ "login": "ada", "password": PASSWORD, "transport": "cookie" });
    house.user("ada").await;
    let logged_in =
        house.send(Ask::post("/api/v1/auth/login").header("sec-fetch-site", "same-origin").json(login)).await;
    let cookies: Vec<_> = logged_in.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let cookies: Vec<_> = cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    let with_cookies = post().header("cookie", cookies.join("; "));
    let answer = ask(&house, with_cookies, "grant_type=refresh_token&client_id=portcullis").await;
    refused(&answer, StatusCode::BAD_REQUEST, "invalid_request", "the token is a parameter");
}

#[tokio::test]
async fn b48_garbage_is_refused_and_nothing_else() {
    let (house, _) = house().await;
    let random = portcullis_memory::SeededRandomness::new(77);
    for round in 0..2_000_usize {
        let mut bytes = vec![0; 1 + round % 61];
        portcullis_domain::ports::ambient::Randomness::fill(&random, &mut bytes);
        let prefix = [
            "",
            "grant_type=refresh_token&client_id=portcullis&refresh_token=",
            "grant_type=client_credentials&scope=",
            "grant_type=client_credentials&client_id=",
        ][round % 4];
        let body: Vec<u8> = prefix.bytes().chain(bytes).collect();
        let answer = house.send(post().raw("application/x-www-form-urlencoded", body)).await;
        assert!([400, 401].contains(&answer.status.as_u16()), "{}", answer.text());
        assert!(answer.json()["error"].is_string());
    }
}
