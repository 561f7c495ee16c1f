//! Cookies beside other credentials, two of one name, garbage: what a request may carry that no browser of ours sends.

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_memory::SeededRandomness;
use serde_json::{Value, json};

use crate::cookies::{CSRF, LOGIN, LOGOUT, ME, REFRESHES, VERIFY, names};
use crate::harness::{Ask, House, PASSWORD};
use crate::jar::{ACCESS, Browser, DEVICE, REFRESH, SetCookie};
use crate::vectors::vectors;

#[tokio::test]
async fn a054_a_request_with_both_uses_the_bearer_token() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let bob = house.user("bob").await;
    let me = house.send(browser.page(Method::GET, ME).bearer(&bob.access)).await.is(StatusCode::OK).json();
    assert_eq!(me["username"], "bob");
    // No CSRF token is asked for, and the browser's cookies are left alone.
    let patch = browser.ask(Method::PATCH, ME).bearer(&bob.access).json(json!({ "username": "bobby" }));
    assert_eq!(house.send(patch).await.is(StatusCode::OK).json()["username"], "bobby");
    let answer = house.send(browser.page(Method::POST, LOGOUT).bearer(&bob.access)).await.is(StatusCode::NO_CONTENT);
    assert_eq!(names(&answer), Vec::<String>::new());
    assert!(!house.accepts(&bob.access).await);
    let me = house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK).json();
    assert_eq!(me["username"], "ada");
}

#[tokio::test]
async fn a054_a_bad_authorization_header_is_not_made_good_by_a_cookie() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let header = |value: &str| {
        [(Method::GET, ME), (Method::GET, CSRF), (Method::GET, VERIFY), (Method::PATCH, ME), (Method::POST, LOGOUT)]
            .map(|(method, path)| browser.page(method, path).header("authorization", value).json(json!({})))
    };
    for value in ["Bearer x", "Bearer", "Basic YTpi", "", "x"] {
        for ask in header(value) {
            house.send(ask).await.is(StatusCode::UNAUTHORIZED);
        }
        let refresh = browser.page(Method::POST, REFRESHES).header("authorization", value);
        let answer = house.send(refresh).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "invalid-refresh-token");
        assert_eq!(answer.header("set-cookie"), None, "the cookies were not at fault");
    }
    house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a055_only_its_own_cookie_carries_a_token() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let (access, refresh) = (browser.value(ACCESS).unwrap(), browser.value(REFRESH).unwrap());
    for name in [ACCESS, REFRESH, "access_token", "csrf_access_token"] {
        for path in [ME, CSRF, VERIFY] {
            house.send(Ask::get(&format!("{path}?{name}={access}"))).await.is(StatusCode::UNAUTHORIZED);
        }
        let token = browser.csrf["csrf_access_token"].as_str().unwrap();
        let ask = browser.ask(Method::POST, &format!("{LOGOUT}?{name}={token}&x-csrf-token={token}"));
        assert_eq!(house.send(ask).await.is(StatusCode::FORBIDDEN).problem(), "csrf-failed");
    }
    for (name, value) in [
        (ACCESS, refresh),
        (REFRESH, access),
        (DEVICE, access),
        ("portcullis_access", access),
        ("__Secure-portcullis_access", access),
        ("__HOST-portcullis_access", access),
        ("__Host-portcullis-access", access),
        ("Authorization", access),
    ] {
        for path in [ME, CSRF, VERIFY] {
            let answer = house.send(Ask::get(path).header("cookie", format!("{name}={value}"))).await;
            assert_eq!(answer.is(StatusCode::UNAUTHORIZED).problem(), "unauthenticated", "{name}");
        }
    }
    house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn b48_garbage_in_every_cookie_is_400_or_401() {
    let house = House::new().await;
    house.user("ada").await;
    let random = SeededRandomness::new(48);
    for round in 0..600_usize {
        let mut bytes = vec![0; 1 + (round * 7) % 197];
        random.fill(&mut bytes);
        bytes.iter_mut().filter(|b| b.is_ascii_control()).for_each(|b| *b |= 0x80);
        for name in [ACCESS, REFRESH, DEVICE] {
            let value: Vec<u8> = name.bytes().chain([b'=']).chain(bytes.iter().copied()).collect();
            for (method, path) in [
                (Method::GET, ME),
                (Method::GET, CSRF),
                (Method::POST, REFRESHES),
                (Method::POST, LOGOUT),
                (Method::PATCH, ME),
            ] {
                let ask = Ask::new(method, path).header("cookie", &value).header("x-csrf-token", &bytes);
                let answer = house.send(ask).await;
                let expected = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED];
                assert!(expected.contains(&answer.status), "{path} {} {value:?}", answer.status);
            }
            let body = json!({ "login": "ada", "password": PASSWORD, "transport": "cookie" });
            let login = Ask::post(LOGIN).header("cookie", &value).header("x-device-token", &bytes).json(body);
            house.send(login).await.is(StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn b48_naughty_strings_in_every_cookie_and_token_header() {
    let Some(rows) = vectors("blns/blns.json") else { return };
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let mut executed = 0;
    for text in rows.as_array().unwrap().iter().filter_map(Value::as_str) {
        if poem::http::HeaderValue::from_bytes(text.as_bytes()).is_err() {
            continue;
        }
        executed += 1;
        for name in [ACCESS, REFRESH] {
            let cookie = format!("{name}={text}");
            for (method, path) in
                [(Method::GET, ME), (Method::GET, CSRF), (Method::POST, REFRESHES), (Method::POST, LOGOUT)]
            {
                let answer = house.send(Ask::new(method, path).header("cookie", &cookie)).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {cookie}");
            }
        }
        for path in [REFRESHES, LOGOUT] {
            let ask = browser.ask(Method::POST, path).header("x-csrf-token", text);
            assert_eq!(house.send(ask).await.is(StatusCode::FORBIDDEN).problem(), "csrf-failed", "{text}");
        }
        let body = json!({ "login": "ada", "password": "wrong", "transport": "cookie" });
        let known = Ask::post(LOGIN).header("cookie", format!("{DEVICE}={text}")).header("x-device-token", text);
        let answer = house.send(known.json(body)).await;
        assert!(answer.status.is_client_error(), "{text}: {}", answer.status);
    }
    assert!(executed >= 400, "only {executed} strings can be a header");
    house.send(browser.ask(Method::GET, ME)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn b54_two_cookies_of_one_name_are_refused() {
    let house = House::new().await;
    let (ada, eve) = (Browser::user(&house, "ada").await, Browser::user(&house, "eve").await);
    for name in [ACCESS, REFRESH, DEVICE] {
        let (ours, planted) = (ada.value(name).unwrap(), eve.value(name).unwrap());
        for pair in [[ours, planted], [planted, ours], [ours, ours], [ours, ""], ["", ours]] {
            let [first, second] = pair.map(|value| format!("{name}={value}"));
            let joined = |ask: Ask| ask.header("cookie", format!("{first}; {second}"));
            let apart = |ask: Ask| ask.header("cookie", &first).header("cookie", &second);
            for path in [ME, CSRF, VERIFY] {
                for ask in [joined(Ask::get(path)), apart(Ask::get(path))] {
                    assert_eq!(house.send(ask).await.is(StatusCode::BAD_REQUEST).problem(), "malformed-request");
                }
            }
            for path in [REFRESHES, LOGOUT, LOGIN] {
                let body = json!({ "login": "ada", "password": PASSWORD });
                let ask =
                    joined(Ask::post(path)).header("x-csrf-token", ada.csrf["csrf_refresh_token"].as_str().unwrap());
                let ask = if path == LOGIN { ask.json(body) } else { ask };
                assert_eq!(house.send(ask).await.is(StatusCode::BAD_REQUEST).problem(), "malformed-request");
            }
        }
    }
    house.send(ada.ask(Method::GET, ME)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn b54_a_jar_full_of_large_cookies_is_refused() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let flood: Vec<String> = (0..60).map(|n| format!("c{n}={}", "x".repeat(4000))).collect();
    for ask in [
        browser.ask(Method::GET, ME).header("cookie", flood.join("; ")),
        flood.iter().fold(browser.ask(Method::GET, ME), |ask, cookie| ask.header("cookie", cookie)),
    ] {
        let answer = house.send(ask).await;
        assert!([400, 431].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    let few: Vec<String> = (0..20).map(|n| format!("c{n}={}", "x".repeat(100))).collect();
    house.send(browser.ask(Method::GET, ME).header("cookie", few.join("; "))).await.is(StatusCode::OK);
}

#[tokio::test]
async fn cookies_of_others_do_no_harm() {
    let house = House::new().await;
    let browser = Browser::user(&house, "ada").await;
    let access = browser.value(ACCESS).unwrap();
    let ours = format!("; {ACCESS}={access};");
    let jar = [&b"\xff\xfe=\xff; =; ;;; a; a; \"="[..], ours.as_bytes(), b" b=\"c; d\"\x80"];
    house.send(Ask::get(ME).header("cookie", jar.concat())).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_is_parsed_as_it_was_written() {
    let cookie = SetCookie::parse("a=b=c; Path=/; Max-Age=0; HttpOnly");
    assert_eq!((cookie.name.as_str(), cookie.value.as_str()), ("a", "b=c"));
    assert!(cookie.has("httponly") && !cookie.has("secure"));
}
