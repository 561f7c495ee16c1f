//! Devices that have been here before are not held up by what strangers do.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::App;
use portcullis_domain::sessions::{LogIn, LogInError, SignedIn};
use portcullis_memory::ToyMac;

use crate::attempts::exhaust;
use crate::world::{ATTEMPTS, HOUR, MINUTE, PASSWORD, SECOND, World, deletion, login, policy, settings};

const MICRO: Duration = Duration::from_micros(1);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Signs in, and gives what the device keeps.
async fn device(world: &World, name: &str) -> String {
    world.try_from_device(name, PASSWORD, None).await.expect("a session").device_token.expose().to_owned()
}

/// Whether the attempt had to wait; anything but a wait or a wrong password fails the test.
fn waits(answer: &Result<SignedIn, LogInError>) -> bool {
    match answer {
        Err(LogInError::TooManyAttempts(_)) => true,
        Err(LogInError::InvalidCredentials) => false,
        other => panic!("refused, not {other:?}"),
    }
}

#[tokio::test]
async fn a013_the_owner_gets_in_from_a_known_device_while_an_attacker_keeps_failing() {
    let world = World::new().await;
    world.register("ann").await;
    let mut token = device(&world, "ann").await;
    exhaust(&world, "ann").await;
    // Two days: the attacker takes every attempt that is free.
    for _ in 0..2 * 24 * 4 {
        world.clock.advance(15 * MINUTE);
        waits(&world.try_from_device("ann", "wrong", None).await);
        assert!(waits(&world.try_from_device("ann", PASSWORD, None).await), "from an unknown device nobody gets in");
        let signed_in = world.try_from_device("ann", PASSWORD, Some(&token)).await.expect("the owner's device gets in");
        token = signed_in.device_token.expose().to_owned();
    }
    assert!(waits(&world.try_from_device("ann", "wrong", None).await), "the owner's logins do not free the attacker");
}

#[tokio::test]
async fn a013_a_device_is_known_by_either_name_of_its_account() {
    let world = World::new().await;
    world.register("ann").await;
    let token = device(&world, "ann").await;
    exhaust(&world, "ann").await;
    exhaust(&world, "ann@example.com").await;
    for name in ["ann", "ANN", "ann@example.com", "Ann@Example.com"] {
        world.try_from_device(name, PASSWORD, Some(&token)).await.expect(name);
    }
}

/// Under attack, so that a device that is not known has to wait.
async fn besieged() -> (World, String) {
    let world = World::new().await;
    world.register("ann").await;
    let token = device(&world, "ann").await;
    exhaust(&world, "ann").await;
    (world, token)
}

#[tokio::test]
async fn a013_a_device_token_that_is_altered_in_any_place_is_ignored() {
    let (world, token) = besieged().await;
    for place in 0..token.len() {
        for letter in ["0", "7", "f", "F", "g", " ", "\u{e9}"] {
            let altered = format!("{}{letter}{}", &token[..place], &token[place + 1..]);
            if altered != token {
                let answer = world.try_from_device("ann", PASSWORD, Some(&altered)).await;
                assert!(waits(&answer), "{letter:?} at {place}");
            }
        }
        assert!(waits(&world.try_from_device("ann", PASSWORD, Some(&token[..place])).await), "cut at {place}");
    }
    world.try_from_device("ann", PASSWORD, Some(&token)).await.expect("as it is, it is known");
}

#[tokio::test]
async fn a013_what_was_never_a_device_token_is_ignored() {
    let (world, token) = besieged().await;
    world.register("ben").await;
    let foreign = device(&world, "ben").await;
    let spliced = format!("{}{}", &foreign[..48], &token[48..]);
    let pair = world.log_in("ben").await;
    let access = pair.access_token.expose();
    let refresh = pair.refresh_token.expose();
    let accents = "\u{e9}".repeat(56);
    for (what, presented) in [
        ("another account's", foreign.as_str()),
        ("another account's head", &spliced),
        ("nothing", ""),
        ("blanks", &" ".repeat(112)),
        ("zeros", &"0".repeat(112)),
        ("letters", &"f".repeat(112)),
        ("letters of two bytes", &accents),
        ("hyphens", &"-".repeat(112)),
        ("in capitals", &token.to_uppercase()),
        ("twice", &token.repeat(2)),
        ("with a blank", &format!("{token} ")),
        ("very long", &"a".repeat(1 << 20)),
        ("an access token", access),
        ("a refresh token", refresh),
    ] {
        assert!(waits(&world.try_from_device("ann", PASSWORD, Some(presented)).await), "{what}");
        world.try_from_device("ben", PASSWORD, Some(presented)).await.expect("where nobody waits, it does no harm");
    }
}

#[tokio::test]
async fn a013_a_device_token_under_another_master_key_is_ignored() {
    let (world, token) = besieged().await;
    let mut ports = world.ports.clone();
    ports.mac = Arc::new(ToyMac::new([4; 32]));
    let elsewhere = App::new(ports, settings(policy()));
    for _ in 0..ATTEMPTS.free {
        let guess = LogIn { device_token: None, ..login("ann", "wrong") };
        assert!(!waits(&elsewhere.sessions.log_in(guess).await));
    }
    let cmd = LogIn { device_token: Some(token.into()), ..login("ann", PASSWORD) };
    assert!(waits(&elsewhere.sessions.log_in(cmd).await));
}

#[tokio::test]
async fn a013_a_device_is_forgotten_a_year_after_its_last_login() {
    let (world, token) = besieged().await;
    let issued = world.now();
    world.clock.set(issued.plus(YEAR - MICRO));
    exhaust(&world, "ann").await;
    let renewed = world.try_from_device("ann", PASSWORD, Some(&token)).await.expect("within a year it is known");
    let renewed = renewed.device_token.expose().to_owned();
    world.clock.set(issued.plus(YEAR));
    assert!(waits(&world.try_from_device("ann", PASSWORD, Some(&token)).await), "after a year it is not");
    world.clock.set(issued.plus(YEAR + YEAR - SECOND));
    exhaust(&world, "ann").await;
    world.try_from_device("ann", PASSWORD, Some(&renewed)).await.expect("a year counts from the last login");
}

#[tokio::test]
async fn a013_a_device_token_from_the_future_is_ignored() {
    let (world, token) = besieged().await;
    let issued = world.now();
    world.clock.set(issued.minus(MICRO));
    assert!(waits(&world.try_from_device("ann", PASSWORD, Some(&token)).await), "a microsecond before its birth");
    world.clock.set(issued);
    world.try_from_device("ann", PASSWORD, Some(&token)).await.expect("from its birth on it is known");
}

#[tokio::test]
async fn a013_guesses_from_a_known_device_have_a_counter_and_a_throttle_of_their_own() {
    let world = World::new().await;
    world.register("ann").await;
    let (mine, other) = (device(&world, "ann").await, device(&world, "ann").await);
    for number in 0..ATTEMPTS.free {
        let answer = world.try_from_device("ann", "wrong", Some(&mine)).await;
        assert!(!waits(&answer), "failure {number} costs no wait");
    }
    let before = world.hasher.verified();
    let answer = world.try_from_device("ann", PASSWORD, Some(&mine)).await;
    assert!(waits(&answer), "beyond the free failures the device waits");
    assert_eq!(world.hasher.verified(), before, "and its password is not looked at");
    world.try_from_device("ann", PASSWORD, Some(&other)).await.expect("another device does not wait");
    world.try_from_device("ann", PASSWORD, None).await.expect("nor does a new one");
    assert!(waits(&world.try_from_device("ann", PASSWORD, Some(&mine)).await), "their logins do not free it");
    world.clock.advance(SECOND);
    assert!(!waits(&world.try_from_device("ann", "wrong", Some(&mine)).await), "after the wait one attempt is free");
    let answer = world.try_from_device("ann", "wrong", Some(&mine)).await;
    let Err(LogInError::TooManyAttempts(wait)) = answer else { panic!("{answer:?}") };
    assert_eq!(wait.retry_after, 2 * SECOND, "its wait doubles too");
    world.clock.advance(2 * SECOND);
    let renewed = world.try_from_device("ann", PASSWORD, Some(&mine)).await.expect("the right password");
    assert!(!waits(&world.try_from_device("ann", "wrong", Some(&mine)).await), "a success clears its counter");
    assert_ne!(renewed.device_token.expose(), mine, "its token is renewed");
}

#[tokio::test]
async fn a013_a_renewed_token_is_the_same_device() {
    let world = World::new().await;
    world.register("ann").await;
    let first = device(&world, "ann").await;
    world.clock.advance(HOUR);
    let second = world.try_from_device("ann", PASSWORD, Some(&first)).await.expect("a session");
    let second = second.device_token.expose().to_owned();
    for number in 0..ATTEMPTS.free {
        let token = if number % 2 == 0 { &first } else { &second };
        assert!(!waits(&world.try_from_device("ann", "wrong", Some(token)).await));
    }
    for token in [&first, &second] {
        assert!(waits(&world.try_from_device("ann", PASSWORD, Some(token)).await), "old and new token share a counter");
    }
}

#[tokio::test]
async fn a_device_token_names_nobody_and_is_not_shown() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    let signed_in = world.try_from_device("ann", PASSWORD, None).await.expect("a session");
    let token = signed_in.device_token.expose();
    assert_eq!(token.len(), 112);
    assert!(token.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "it fits into a cookie: {token}");
    let id = ann.id.to_string().replace('-', "");
    let session = signed_in.pair.session.id.to_string().replace('-', "");
    for known in [id.as_str(), session.as_str(), "616e6e"] {
        // Eight digits of an id would give it away; `ann` in hexadecimal is six.
        let pieces = known.as_bytes().windows(known.len().min(8));
        let shown = pieces.filter(|piece| token.as_bytes().windows(piece.len()).any(|window| window == *piece));
        assert_eq!(shown.count(), 0, "{known} in {token}");
    }
    assert!(!format!("{signed_in:?}").contains(token), "a device token is not shown by Debug");
    assert_ne!(device(&world, "ann").await, token, "a second device is another one");
}

#[tokio::test]
async fn a_device_token_opens_nothing() {
    let world = World::new().await;
    world.register("ann").await;
    let token = device(&world, "ann").await;
    assert!(!waits(&world.try_from_device("ann", "wrong", Some(&token)).await), "it is no password");
    assert!(world.app.tokens.authenticate(&token).is_err(), "it is no access token");
    assert_eq!(world.app.tokens.introspect(&token, None).await.expect("an answer"), None, "it is no token at all");
    assert_eq!(world.app.sessions.session_of(&token), None);
}

#[tokio::test]
async fn a_device_of_a_deleted_account_is_not_known_to_the_next_owner_of_the_name() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    let token = device(&world, "ann").await;
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    world.register("ann").await;
    exhaust(&world, "ann").await;
    assert!(waits(&world.try_from_device("ann", PASSWORD, Some(&token)).await));
}

#[tokio::test]
async fn a010_a_device_token_does_not_tell_whether_somebody_has_a_name() {
    let world = World::new().await;
    world.register("ann").await;
    world.register("ben").await;
    let token = device(&world, "ben").await;
    let mut scripts = Vec::new();
    for name in ["ann", "nobody", "nobody@example.com"] {
        let mut script = Vec::new();
        for _ in 0..30 {
            script.push(waits(&world.try_from_device(name, "wrong", Some(&token)).await));
        }
        scripts.push(script);
    }
    assert_eq!(scripts[0].iter().filter(|waited| **waited).count(), 10);
    assert!(scripts.iter().all(|script| *script == scripts[0]), "{scripts:?}");
}
