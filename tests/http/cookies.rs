//! Tokens in cookies: login, refresh, logout, and what a browser may send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::store::{Store, StoreError, Tx};
use portcullis_domain::tokens::{Algorithm, Scope};
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House, PASSWORD, Plan, Tokens};
use crate::jar::{ACCESS, Browser, DEVICE, REFRESH, cookies_of};

pub(crate) const CSRF: &str = "/api/v1/auth/csrf";
pub(crate) const LOGIN: &str = "/api/v1/auth/login";
pub(crate) const LOGOUT: &str = "/api/v1/auth/logout";
pub(crate) const ME: &str = "/api/v1/me";
pub(crate) const REFRESHES: &str = "/api/v1/auth/refresh";
pub(crate) const VERIFY: &str = "/api/v1/auth/verify";

pub(crate) fn names(answer: &Answer) -> Vec<String> {
    cookies_of(answer).into_iter().map(|cookie| cookie.name).collect()
}

/// Whether the answer makes a browser forget its session, and not its device.
#[track_caller]
fn forgets(answer: &Answer) {
    let cleared = cookies_of(answer);
    assert_eq!(names(answer), [ACCESS, REFRESH]);
    assert!(cleared.iter().all(|cookie| cookie.value.is_empty() && cookie.attribute("max-age") == Some("0")));
}

fn members(body: &Value) -> Vec<&str> {
    let mut members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    members
}

const COOKIE_BODY: [&str; 5] =
    ["csrf_access_token", "csrf_refresh_token", "expires_in", "refresh_expires_in", "session_id"];

#[tokio::test]
async fn a045_every_cookie_is_httponly_secure_and_host_bound() {
    let house = House::new().await;
    house.user("ada").await;
    let mut browser = Browser::default();
    let answer = browser.login(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    let cookies = cookies_of(&answer);
    assert_eq!(names(&answer), [ACCESS, REFRESH, DEVICE]);
    let ages: Vec<&str> = cookies.iter().map(|cookie| cookie.attribute("max-age").unwrap()).collect();
    assert_eq!(ages, ["900", "2592000", "31536000"], "a cookie lives as long as what is in it");
    let answer = browser.refresh(&house).await.is(StatusCode::OK);
    assert_eq!(names(&answer), [ACCESS, REFRESH]);
    let ask = browser.page(Method::POST, LOGOUT);
    forgets(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT));
    assert!(browser.value(DEVICE).is_some(), "the device stays known");
}

#[tokio::test]
async fn a045_over_plain_http_on_loopback_prefix_and_secure_fall_away() {
    let plan =
        Plan { adjust: Box::new(|settings| settings.issuer = "http://127.0.0.1:8080".to_owned()), ..Plan::default() };
    let house = House::build(plan).await;
    let mut browser = Browser::user(&house, "ada").await;
    let answer = browser.login(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    assert_eq!(names(&answer), ["portcullis_access", "portcullis_refresh", "portcullis_device"]);
    assert!(cookies_of(&answer).iter().all(|cookie| !cookie.has("secure")));
    let ask = browser.page(Method::GET, ME);
    browser.send(&house, ask).await.is(StatusCode::OK);
    browser.refresh(&house).await.is(StatusCode::OK);
    let ask = browser.ask(Method::POST, LOGOUT).header("origin", "http://127.0.0.1:8080");
    let ask = ask.header("x-csrf-token", browser.csrf["csrf_access_token"].as_str().unwrap());
    browser.send(&house, ask).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a045_every_kind_of_access_token_fits_into_a_cookie_several_times() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::V4Public] {
        let house = House::build(Plan { signing: Some(algorithm), ..Plan::default() }).await;
        let mut browser = Browser::user(&house, "ada").await;
        let answer = browser.refresh(&house).await.is(StatusCode::OK);
        let lines: Vec<usize> = answer.headers.get_all("set-cookie").iter().map(|line| line.len()).collect();
        assert!(lines.iter().all(|length| (100..1200).contains(length)), "{algorithm:?}: {lines:?}");
        house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK);
    }
}

#[tokio::test]
async fn a045_an_access_token_that_does_not_fit_is_refused_and_leaves_no_session() {
    let adjust = Box::new(|settings: &mut portcullis_http::HttpSettings| {
        let words: Vec<String> = (0..270).map(|n| format!("permission-{n}")).collect();
        settings.first_party_scope = Scope::parse(&words.join(" ")).unwrap();
    });
    let house = House::build(Plan { adjust, signing: Some(Algorithm::Es256), ..Plan::default() }).await;
    let bearer = house.user("ada").await;
    let mut browser = Browser::default();
    let answer = browser.login(&house, "ada", PASSWORD).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.violations(), ["/transport unsupported"]);
    assert_eq!(answer.header("set-cookie"), None);
    let page = house.send(Ask::get("/api/v1/me/sessions").bearer(&bearer.access)).await.is(StatusCode::OK).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "the session that nobody has tokens of has ended");
}

#[tokio::test]
async fn a046_no_body_has_what_is_in_a_cookie() {
    // `cookies_of` looks for each value in the body and in every other header of its answer.
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let secrets = |browser: &Browser| [ACCESS, REFRESH, DEVICE].map(|name| browser.value(name).unwrap().to_owned());
    let mut seen = secrets(&browser).to_vec();
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let answer = browser.refresh(&house).await.is(StatusCode::OK);
        assert_eq!(members(&answer.json()), COOKIE_BODY);
        bodies.push(answer.text());
        seen.extend(secrets(&browser));
    }
    for path in [ME, CSRF, VERIFY, "/api/v1/me/sessions"] {
        let ask = browser.page(Method::GET, path);
        let answer = browser.send(&house, ask).await;
        bodies.push(format!("{} {:?}", answer.text(), answer.headers));
    }
    for body in bodies {
        assert!(seen.iter().all(|secret| !body.contains(secret)), "{body}");
    }
}

#[tokio::test]
async fn a_login_by_cookie_answers_what_a_page_needs() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    assert_eq!(members(&browser.csrf), COOKIE_BODY);
    assert_eq!(browser.csrf["expires_in"], 900);
    assert_eq!(browser.csrf["refresh_expires_in"], 2_592_000);
    assert_ne!(browser.csrf["csrf_access_token"], browser.csrf["csrf_refresh_token"]);
    let me = house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK).json();
    assert_eq!(me["username"], "ada");
    let verified = house.send(browser.ask(Method::GET, VERIFY)).await.is(StatusCode::NO_CONTENT);
    assert_eq!(verified.header("x-auth-session-id"), Some(browser.session()));
}

#[tokio::test]
async fn a_reloaded_page_gets_its_csrf_tokens_again() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let answer = house.send(browser.ask(Method::GET, CSRF)).await.is(StatusCode::OK);
    assert_eq!(members(&answer.json()), ["csrf_access_token", "csrf_refresh_token", "session_id"]);
    for member in members(&answer.json()) {
        assert_eq!(answer.json()[member], browser.csrf[member]);
    }
    // The access cookie has reached its age.
    browser.drop_cookie(ACCESS);
    house.clock.advance(Duration::from_secs(3600));
    let again = house.send(browser.ask(Method::GET, CSRF)).await.is(StatusCode::OK);
    assert_eq!(again.json(), answer.json());
    let ask = browser.page(Method::POST, LOGOUT);
    let stale = browser.clone();
    browser.send(&house, ask).await.is(StatusCode::NO_CONTENT);
    for nobody in [Browser::default(), browser, stale] {
        let answer = house.send(nobody.ask(Method::GET, CSRF)).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "unauthenticated");
    }
}

#[tokio::test]
async fn a_refresh_by_cookie_needs_no_body() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let shapes: [fn(Ask) -> Ask; 5] = [
        |ask| ask,
        |ask| ask.json(json!({})),
        |ask| ask.raw("application/json", ""),
        |ask| ask.raw("application/json; charset=utf-8", " {} "),
        |ask| ask.header("content-length", "0"),
    ];
    for shape in shapes {
        let before = browser.clone();
        let ask = shape(browser.page(Method::POST, REFRESHES));
        let answer = browser.send(&house, ask).await.is(StatusCode::OK);
        assert_eq!(answer.header("x-refresh-outcome"), Some("rotated"));
        assert_ne!(browser.value(REFRESH), before.value(REFRESH));
        assert_eq!(browser.csrf, before.csrf, "the tokens of the page stay good");
    }
    for (shape, status) in [
        (browser.page(Method::POST, REFRESHES).body("{}"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (browser.page(Method::POST, REFRESHES).raw("text/plain", ""), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (browser.page(Method::POST, REFRESHES).json(json!([])), StatusCode::UNPROCESSABLE_ENTITY),
        (browser.page(Method::POST, REFRESHES).json(json!({ "scope": "x" })), StatusCode::UNPROCESSABLE_ENTITY),
        (browser.page(Method::POST, REFRESHES).raw("application/json", "{"), StatusCode::BAD_REQUEST),
    ] {
        house.send(shape).await.is(status);
    }
}

#[tokio::test]
async fn a_token_in_the_body_is_used_even_when_there_is_a_cookie() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let bob = house.user("bob").await;
    // No CSRF token: the cookie is not what authenticates.
    let ask = browser.ask(Method::POST, REFRESHES).json(json!({ "refresh_token": bob.refresh }));
    let answer = house.send(ask).await.is(StatusCode::OK);
    assert_eq!(Tokens::of(&answer).session, bob.session);
    assert_eq!(names(&answer), Vec::<String>::new());
    let ask = browser.page(Method::POST, REFRESHES).json(json!({ "refresh_token": "x" }));
    let answer = house.send(ask).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(names(&answer), Vec::<String>::new(), "the cookie was not at fault");
}

#[tokio::test]
async fn a_refresh_without_its_cookie_says_that_nobody_is_logged_in() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    browser.drop_cookie(REFRESH);
    for ask in [
        browser.page(Method::POST, REFRESHES),
        browser.page(Method::POST, REFRESHES).json(json!({})),
        Ask::post(REFRESHES),
        Ask::post(REFRESHES).header("sec-fetch-site", "same-origin"),
    ] {
        let answer = house.send(ask).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "invalid-refresh-token");
        assert_eq!(answer.header("set-cookie"), None, "there is nothing to forget");
    }
}

#[tokio::test]
async fn a_refresh_that_fails_for_good_makes_the_browser_forget() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let ended = browser.clone();
    let ask = browser.page(Method::POST, LOGOUT);
    browser.send(&house, ask).await.is(StatusCode::NO_CONTENT);
    let answer = house.send(ended.page(Method::POST, REFRESHES)).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(answer.problem(), "invalid-refresh-token");
    assert_eq!(answer.header("x-refresh-outcome"), None);
    forgets(&answer);
    let garbage = Ask::post(REFRESHES).header("cookie", format!("{REFRESH}=garbage"));
    forgets(&house.send(garbage).await.is(StatusCode::UNAUTHORIZED));
}

/// A store that is away on demand.
struct Away {
    inner: MemoryStore,
    away: AtomicBool,
}

#[async_trait::async_trait]
impl Store for Away {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".into()));
        }
        self.inner.begin().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

#[tokio::test]
async fn a_service_that_is_at_fault_makes_no_browser_forget() {
    let inner = MemoryStore::new(Arc::new(SeededRandomness::new(5)));
    let store = Arc::new(Away { inner, away: AtomicBool::new(false) });
    let house = House::build(Plan { store: Some(store.clone()), ..Plan::default() }).await;
    let mut browser = Browser::user(&house, "ada").await;
    let mut expired = browser.clone();
    expired.drop_cookie(ACCESS);
    store.away.store(true, Ordering::SeqCst);
    for ask in [
        browser.page(Method::POST, REFRESHES),
        browser.page(Method::POST, LOGOUT),
        expired.page(Method::POST, LOGOUT),
        expired.page(Method::POST, "/api/v1/auth/logout-all"),
        expired.page(Method::GET, CSRF),
        browser.page(Method::DELETE, ME).json(json!({ "current_password": PASSWORD })),
    ] {
        let answer = house.send(ask).await.is(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.problem(), "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    store.away.store(false, Ordering::SeqCst);
    browser.refresh(&house).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a082_a_bad_cookie_is_challenged_like_a_bad_token() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let bad = Ask::get(ME).header("cookie", format!("{ACCESS}=x"));
    for (ask, challenge) in [(Ask::get(ME), "Bearer"), (bad, "Bearer error=\"invalid_token\"")] {
        let answer = house.send(ask).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
    }
    house.clock.advance(Duration::from_secs(901));
    let ask = browser.page(Method::PATCH, ME).json(json!({ "username": "eve" }));
    let answer = browser.send(&house, ask).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(answer.problem(), "unauthenticated", "an expired cookie asks for a refresh");
    assert_eq!(answer.header("set-cookie"), None);
    browser.refresh(&house).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a042_logging_out_by_cookie_ends_the_session_on_the_server() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let kept = browser.clone();
    let ask = browser.page(Method::POST, LOGOUT);
    forgets(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT));
    for path in [ME, VERIFY, CSRF] {
        house.send(kept.ask(Method::GET, path)).await.is(StatusCode::UNAUTHORIZED);
    }
    assert!(!house.accepts(kept.value(ACCESS).unwrap()).await);
    house.refresh(kept.value(REFRESH).unwrap()).await.is(StatusCode::UNAUTHORIZED);
    // Again, with the cookies of old, and without any.
    forgets(&house.send(kept.page(Method::POST, LOGOUT)).await.is(StatusCode::NO_CONTENT));
    house.send(browser.page(Method::POST, LOGOUT)).await.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a042_a_browser_whose_access_cookie_has_expired_logs_out_by_its_refresh_cookie() {
    let house = House::new().await;
    for (name, kind) in [("ada", "csrf_refresh_token"), ("bob", "csrf_access_token")] {
        let mut browser = Browser::user(&house, name).await;
        let other = house.login(name, PASSWORD).await;
        house.clock.advance(Duration::from_secs(901));
        if name == "ada" {
            browser.drop_cookie(ACCESS);
        }
        let ask = browser.ask(Method::POST, LOGOUT).header("sec-fetch-site", "same-origin");
        let ask = ask.header("x-csrf-token", browser.csrf[kind].as_str().unwrap());
        let kept = browser.clone();
        forgets(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT));
        house.refresh(kept.value(REFRESH).unwrap()).await.is(StatusCode::UNAUTHORIZED);
        house.refresh(&other.refresh).await.is(StatusCode::OK);
    }
}

#[tokio::test]
async fn a042_all_sessions_end_by_either_cookie() {
    let house = House::new().await;
    for (name, wait) in [("ada", 0), ("bob", 901)] {
        let mut browser = Browser::user(&house, name).await;
        let other = house.login(name, PASSWORD).await;
        house.clock.advance(Duration::from_secs(wait));
        let ask = browser.page(Method::POST, "/api/v1/auth/logout-all");
        let kept = browser.clone();
        forgets(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT));
        for token in [other.refresh.as_str(), kept.value(REFRESH).unwrap()] {
            house.refresh(token).await.is(StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn a065_a_used_refresh_cookie_does_not_end_other_sessions() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let other = house.login("ada", PASSWORD).await;
    let mut thief = browser.clone();
    browser.refresh(&house).await.is(StatusCode::OK);
    house.clock.advance(Duration::from_secs(901));
    let ask = thief.page(Method::POST, "/api/v1/auth/logout-all");
    thief.send(&house, ask).await.is(StatusCode::UNAUTHORIZED);
    house.refresh(&other.refresh).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_closed_account_and_an_ended_session_leave_no_cookies() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let other = house.login("ada", PASSWORD).await;
    let ask = browser.page(Method::DELETE, &format!("/api/v1/me/sessions/{}", other.session));
    assert_eq!(names(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT)), Vec::<String>::new());
    let ask = browser.page(Method::DELETE, &format!("/api/v1/me/sessions/{}", browser.session()));
    forgets(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT));
    browser.login(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    let ask = browser.page(Method::DELETE, ME).json(json!({ "current_password": PASSWORD }));
    forgets(&browser.send(&house, ask).await.is(StatusCode::NO_CONTENT));
}

#[tokio::test]
async fn a039_a_login_makes_a_new_session_and_ends_the_one_before() {
    let house = House::new().await;
    house.user("bob").await;
    let mut browser = Browser::user(&house, "ada").await;
    for login in ["ada", "ada", "bob", "ada"] {
        for missing in [None, Some(ACCESS), Some(REFRESH)] {
            let before = browser.clone();
            if let Some(missing) = missing {
                browser.drop_cookie(missing);
            }
            browser.login(&house, login, PASSWORD).await.is(StatusCode::OK);
            assert_ne!(browser.session(), before.session());
            for name in [ACCESS, REFRESH] {
                assert_ne!(browser.value(name), before.value(name));
            }
            assert!(!house.accepts(before.value(ACCESS).unwrap()).await, "{login} {missing:?}");
            house.refresh(before.value(REFRESH).unwrap()).await.is(StatusCode::UNAUTHORIZED);
            let me = house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK).json();
            assert_eq!(me["username"], login);
        }
    }
}

#[tokio::test]
async fn a039_a_planted_session_is_not_taken_over() {
    let house = House::new().await;
    house.user("ada").await;
    let attacker = Browser::user(&house, "eve").await;
    // The victim's browser was made to hold the attacker's cookies, or made-up ones.
    let mut victim = attacker.clone();
    victim.login(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    assert!(!house.accepts(attacker.value(ACCESS).unwrap()).await);
    let me = house.send(victim.ask(Method::GET, ME)).await.is(StatusCode::OK).json();
    assert_eq!(me["username"], "ada");
    let body = json!({ "login": "ada", "password": PASSWORD, "transport": "cookie" });
    let made_up = Ask::post(LOGIN).header("cookie", format!("{ACCESS}=chosen; {REFRESH}=chosen; {DEVICE}=chosen"));
    let answer = house.send(made_up.json(body)).await.is(StatusCode::OK);
    assert!(cookies_of(&answer).iter().all(|cookie| cookie.value.len() > 20 && cookie.value != "chosen"));
}

#[tokio::test]
async fn a039_a_login_that_fails_changes_nothing() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let answer = browser.login(&house, "ada", "wrong").await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(names(&answer), Vec::<String>::new());
    house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK);
    let body = json!({ "login": "ada", "password": PASSWORD });
    let answer = house.send(browser.ask(Method::POST, LOGIN).json(body)).await.is(StatusCode::OK);
    assert_eq!(names(&answer), Vec::<String>::new(), "the bearer transport leaves cookies alone");
    house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a051_no_answer_about_cookies_is_ever_stored() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let mut answers = vec![
        browser.login(&house, "ada", "wrong").await.is(StatusCode::UNAUTHORIZED),
        browser.login(&house, "ada", PASSWORD).await.is(StatusCode::OK),
        browser.refresh(&house).await.is(StatusCode::OK),
    ];
    for (method, path) in [(Method::GET, CSRF), (Method::GET, ME), (Method::GET, VERIFY), (Method::POST, LOGOUT)] {
        answers.push(house.send(browser.ask(method.clone(), path)).await);
        answers
            .push(house.send(Ask::new(method.clone(), path).header("cookie", format!("{ACCESS}=a; {ACCESS}=b"))).await);
        answers.push(house.send(browser.page(method, path)).await);
    }
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text());
    }
}
