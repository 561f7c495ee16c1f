//! Guessing passwords, and who is held up by it.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House, OTHER_PASSWORD, PASSWORD};
use crate::jar::{Browser, DEVICE};

const LOGIN: &str = "/api/v1/auth/login";

/// Failures in a row that cost no wait.
const FREE: usize = 20;

async fn attempt(house: &House, login: &str, password: &str) -> Answer {
    house.post(LOGIN, json!({ "login": login, "password": password })).await
}

async fn exhaust(house: &House, login: &str) {
    for _ in 0..FREE {
        attempt(house, login, OTHER_PASSWORD).await.is(StatusCode::UNAUTHORIZED);
    }
}

#[track_caller]
fn has_to_wait(answer: &Answer, seconds: &str) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.text());
    assert_eq!(answer.problem(), "too-many-attempts");
    assert_eq!(answer.header("retry-after"), Some(seconds));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a010_a_name_that_nobody_has_is_held_up_like_any_other() {
    let house = House::new().await;
    house.user("ada").await;
    let mut answers = Vec::new();
    for login in ["ada", "nobody", "ada@example.com", "nobody@example.com"] {
        exhaust(&house, login).await;
        let verified = house.hasher.verified();
        for password in [OTHER_PASSWORD, PASSWORD] {
            let answer = attempt(&house, login, password).await;
            has_to_wait(&answer, "1");
            answers.push((answer.steady_headers(), answer.steady_problem()));
        }
        assert_eq!(house.hasher.verified(), verified, "the password is not looked at");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

#[tokio::test]
async fn a012_many_sources_do_not_make_more_guesses() {
    let house = House::new().await;
    house.user("ada").await;
    let before = house.hasher.verified();
    for n in 0..200_u32 {
        let ask = Ask::post(LOGIN).json(json!({ "login": "ada", "password": format!("wrong {n}") }));
        let answer = house.send_from(&format!("198.51.{}.{}", n / 100, n % 100 + 1), ask).await;
        let expected = if n < 20 { StatusCode::UNAUTHORIZED } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(answer.status, expected, "attempt {n}");
    }
    assert_eq!(house.hasher.verified() - before, 20);
    has_to_wait(&attempt(&house, "ada", PASSWORD).await, "1");
    house.clock.advance(Duration::from_secs(1));
    attempt(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    exhaust(&house, "ada").await;
}

#[tokio::test]
async fn a012_the_wait_doubles_up_to_an_hour_and_each_wait_ends_with_one_attempt() {
    let house = House::new().await;
    house.user("ada").await;
    exhaust(&house, "ada").await;
    let waits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600];
    for wait in waits {
        has_to_wait(&attempt(&house, "ada", PASSWORD).await, &wait.to_string());
        house.clock.advance(Duration::from_secs(wait) - Duration::from_millis(1));
        has_to_wait(&attempt(&house, "ada", PASSWORD).await, "1");
        house.clock.advance(Duration::from_millis(1));
        attempt(&house, "ada", OTHER_PASSWORD).await.is(StatusCode::UNAUTHORIZED);
    }
    // A day without a failure, and nothing is held against anybody.
    house.clock.advance(Duration::from_secs(24 * 3600 + 1));
    attempt(&house, "ada", OTHER_PASSWORD).await.is(StatusCode::UNAUTHORIZED);
    attempt(&house, "ada", PASSWORD).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a012_a_crowd_gets_one_attempt_together() {
    let house = House::new().await;
    house.user("ada").await;
    exhaust(&house, "ada").await;
    house.clock.advance(Duration::from_secs(1));
    let before = house.hasher.verified();
    let crowd = (0..50).map(|_| attempt(&house, "ada", OTHER_PASSWORD));
    let answers = futures_util::future::join_all(crowd).await;
    let looked = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!((looked, house.hasher.verified() - before), (1, 1));
    assert!(answers.iter().all(|answer| answer.status.is_client_error()));
}

#[tokio::test]
async fn a013_a_device_that_was_here_before_gets_in_while_others_keep_guessing() {
    let house = House::new().await;
    house.user("ada").await;
    let answer = attempt(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    let device = answer.header("x-device-token").unwrap().to_owned();
    let mut browser = Browser::new(&house, "ada", PASSWORD).await;
    exhaust(&house, "ada").await;
    for round in 0..5 {
        has_to_wait(&attempt(&house, "ada", OTHER_PASSWORD).await, &(1 << round).to_string());
        let body = json!({ "login": "ada", "password": PASSWORD });
        let known = Ask::post(LOGIN).header("x-device-token", &device).json(body);
        house.send(known).await.is(StatusCode::OK);
        browser.login(&house, "ada", PASSWORD).await.is(StatusCode::OK);
        house.clock.advance(Duration::from_secs(1 << round));
        attempt(&house, "ada", OTHER_PASSWORD).await.is(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a013_a_device_token_speaks_for_its_device_at_its_account_only() {
    let house = House::new().await;
    house.user("ada").await;
    house.user("eve").await;
    let device_of = async |login: &str| {
        let answer = attempt(&house, login, PASSWORD).await.is(StatusCode::OK);
        answer.header("x-device-token").unwrap().to_owned()
    };
    let (ada, eve) = (device_of("ada").await, device_of("eve").await);
    exhaust(&house, "ada").await;
    let with = async |device: &str, password: &str| {
        let ask =
            Ask::post(LOGIN).header("x-device-token", device).json(json!({ "login": "ada", "password": password }));
        house.send(ask).await
    };
    let mut changed = ada.clone().into_bytes();
    changed[3] = if changed[3] == b'0' { b'1' } else { b'0' };
    let changed = String::from_utf8(changed).unwrap();
    for foreign in [eve.as_str(), changed.as_str(), "", "x", &ada.to_uppercase(), &format!("{ada} ")] {
        if foreign.trim() == ada {
            continue;
        }
        has_to_wait(&with(foreign, PASSWORD).await, "1");
    }
    // A stolen one has a counter of its own, and does not touch the others.
    for _ in 0..FREE {
        with(&ada, OTHER_PASSWORD).await.is(StatusCode::UNAUTHORIZED);
    }
    has_to_wait(&with(&ada, PASSWORD).await, "1");
    house.clock.advance(Duration::from_secs(1));
    with(&ada, PASSWORD).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a013_whoever_is_signed_in_is_not_held_up_by_strangers() {
    let house = House::new().await;
    let user = house.user("ada").await;
    for login in ["ada", "ada@example.com"] {
        exhaust(&house, login).await;
    }
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let change = Ask::new(Method::PUT, "/api/v1/me/password").bearer(&user.access).json(body);
    house.send(change).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a013_a_device_is_known_as_long_as_the_password_is_the_same() {
    let house = House::new().await;
    let user = house.user("ada").await;
    let known = attempt(&house, "ada", PASSWORD).await.is(StatusCode::OK);
    let device = known.header("x-device-token").unwrap();
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let change = Ask::new(Method::PUT, "/api/v1/me/password").bearer(&user.access).json(body);
    house.send(change).await.is(StatusCode::NO_CONTENT);
    for _ in 0..FREE {
        attempt(&house, "ada", PASSWORD).await.is(StatusCode::UNAUTHORIZED);
    }
    let body = json!({ "login": "ada", "password": OTHER_PASSWORD });
    has_to_wait(&house.send(Ask::post(LOGIN).header("x-device-token", device).json(body)).await, "1");
}

#[tokio::test]
async fn a013_a_browser_is_known_by_its_cookie_alone() {
    let house = House::new().await;
    house.user("bob").await;
    let browser = Browser::user(&house, "ada").await;
    exhaust(&house, "ada").await;
    let body = |login: &str| json!({ "login": login, "password": PASSWORD, "transport": "cookie" });
    let cookie = format!("{DEVICE}={}", browser.value(DEVICE).unwrap());
    house.send(Ask::post(LOGIN).header("cookie", &cookie).json(body("ada"))).await.is(StatusCode::OK);
    // The header wins, and is tried alone.
    let both = Ask::post(LOGIN).header("cookie", &cookie).header("x-device-token", "x").json(body("ada"));
    exhaust(&house, "ada@example.com").await;
    assert_eq!(house.send(both).await.status, StatusCode::TOO_MANY_REQUESTS);
    // A token is good where it was given.
    exhaust(&house, "bob").await;
    has_to_wait(&house.send(Ask::post(LOGIN).header("cookie", &cookie).json(body("bob"))).await, "1");
}

#[tokio::test]
async fn a014_b24_all_spellings_of_a_name_share_one_counter() {
    let cases = |text: &str| -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        (0..1_u32 << letters.len().min(5))
            .map(|mask| {
                let spelled = letters.iter().enumerate().map(|(n, letter)| {
                    if n < 5 && mask & (1 << n) != 0 { letter.to_ascii_uppercase() } else { *letter }
                });
                spelled.collect()
            })
            .collect()
    };
    for (login, more) in [
        ("adabob", &["adabob ", " adabob", "ａｄａｂｏｂ", "ADAＢＯＢ", "adabob\u{3000}"][..]),
        (
            "adabob@example.com",
            &[
                "adabob@example.com ",
                "ａｄａbob@example.com",
                "adabob＠example.com",
                "adabob@EXAMPLE.com",
                "adabob@ｅxample.com",
            ],
        ),
        ("nobody", &["nobody ", "ｎobody"]),
        ("nobody@example.com", &["NOBODY@EXAMPLE.COM", "nobody@example.com  "]),
    ] {
        let house = House::new().await;
        house.user("adabob").await;
        let spellings: Vec<String> =
            cases(login).into_iter().chain(more.iter().map(|text| (*text).to_owned())).collect();
        assert!(spellings.len() > FREE);
        for (n, spelling) in spellings.iter().rev().enumerate() {
            let answer = attempt(&house, spelling, OTHER_PASSWORD).await;
            let expected = if n < FREE { StatusCode::UNAUTHORIZED } else { StatusCode::TOO_MANY_REQUESTS };
            assert_eq!(answer.status, expected, "{spelling:?} is attempt {n} at {login}");
        }
        for spelling in &spellings {
            has_to_wait(&attempt(&house, spelling, PASSWORD).await, "1");
        }
    }
}

#[tokio::test]
async fn a007_wrong_current_passwords_are_counted_and_announce_nothing() {
    let house = House::new().await;
    let user = house.user("ada").await;
    let change = json!({ "current_password": "wrong", "new_password": OTHER_PASSWORD });
    let rename = json!({ "email": "new@example.com", "current_password": "wrong" });
    let ask = |right: bool, n: usize| {
        let (method, path, mut body): (_, _, Value) = if n.is_multiple_of(2) {
            (Method::PUT, "/api/v1/me/password", change.clone())
        } else {
            (Method::PATCH, "/api/v1/me", rename.clone())
        };
        if right {
            body["current_password"] = PASSWORD.into();
        }
        Ask::new(method, path).bearer(&user.access).json(body)
    };
    for n in 0..FREE {
        assert_eq!(house.send(ask(false, n)).await.is(StatusCode::FORBIDDEN).problem(), "wrong-password");
    }
    let verified = house.hasher.verified();
    for n in 0..4 {
        has_to_wait(&house.send(ask(n < 2, n)).await, "1");
    }
    assert_eq!(house.hasher.verified(), verified, "the password is not looked at");
    assert!(house.accepts(&user.access).await);
    // Whoever holds the session does not keep its owner from logging in.
    attempt(&house, "ada@example.com", PASSWORD).await.is(StatusCode::OK);
    has_to_wait(&house.send(ask(true, 0)).await, "1");
    house.clock.advance(Duration::from_secs(1));
    house.send(ask(true, 0)).await.is(StatusCode::NO_CONTENT);
    attempt(&house, "ada@example.com", OTHER_PASSWORD).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a007_without_the_current_password_nothing_is_counted() {
    let house = House::new().await;
    let user = house.user("ada").await;
    for _ in 0..2 * FREE {
        let missing = json!({ "new_password": OTHER_PASSWORD });
        let ask = Ask::new(Method::PUT, "/api/v1/me/password").bearer(&user.access).json(missing);
        house.send(ask).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    }
    attempt(&house, "ada@example.com", PASSWORD).await.is(StatusCode::OK);
}
