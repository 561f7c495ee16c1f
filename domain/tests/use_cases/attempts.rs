//! Guessing passwords gets slower and slower.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Admission, AttemptKey, AttemptPolicy, Attempts, LoginName, UserStatus};
use portcullis_domain::app::Settings;
use portcullis_domain::event::Event;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{LogIn, LogInError};

use crate::faulty::faulty_world;
use crate::world::{ATTEMPTS, DAY, HOUR, MINUTE, PASSWORD, SECOND, World, login, origin, policy, settings};

const MICRO: Duration = Duration::from_micros(1);

/// How long a refused attempt is told to wait; `None` when its password was looked at.
pub(crate) async fn refused(world: &World, name: &str, with: &str) -> Option<Duration> {
    match world.try_log_in(name, with).await {
        Err(LogInError::InvalidCredentials) => None,
        Err(LogInError::TooManyAttempts(wait)) => Some(wait.retry_after),
        other => panic!("{name} with {with:?} is refused, not {other:?}"),
    }
}

/// Uses up the attempts that cost no wait.
pub(crate) async fn exhaust(world: &World, name: &str) {
    for number in 0..ATTEMPTS.free {
        assert_eq!(refused(world, name, "wrong").await, None, "failure {number} costs no wait");
    }
}

pub(crate) async fn counted(world: &World, name: &str) -> Option<Attempts> {
    let key = AttemptKey::of_name(&LoginName::parse(name).expect("a name"), &*world.ports.mac);
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.attempts().of(&key).await.expect("a look")
}

#[tokio::test]
async fn a012_two_hundred_wrong_passwords_from_two_hundred_addresses_are_throttled() {
    let world = World::new().await;
    world.register("ann").await;
    world.events().await;
    let (mut looked_at, mut throttled) = (0, 0);
    for host in 0..200 {
        let from = Origin { ip: Some([198, 51, 100, host].into()), ..origin() };
        let guess = LogIn { origin: from, ..login("ann", &format!("guess number {host}")) };
        match world.app.sessions.log_in(guess).await {
            Err(LogInError::InvalidCredentials) => looked_at += 1,
            Err(LogInError::TooManyAttempts(wait)) => {
                assert_eq!(wait.retry_after, SECOND);
                throttled += 1;
            }
            other => panic!("a wrong password is refused, not {other:?}"),
        }
    }
    assert_eq!((looked_at, throttled), (20, 180), "it is the account that counts, wherever the guesses come from");
    assert_eq!(world.hasher.verified(), 20, "a throttled guess is not looked at");
    assert_eq!(refused(&world, "ann", PASSWORD).await, Some(SECOND), "the right password is refused the same way");
    assert_eq!(world.hasher.verified(), 20, "the hasher is not asked about it");
    let events = world.events().await;
    let failed = |event: &Event| matches!(event, Event::LoginFailed { .. });
    assert_eq!((events.len(), events.iter().all(failed)), (20, true), "a throttled guess announces nothing");
}

#[tokio::test]
async fn a012_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_longest_wait() {
    let at = Timestamp::from_unix_seconds;
    let seen = |seconds| Some(Attempts { failures: ATTEMPTS.free + 5, last_at: at(seconds) });
    let wait = ATTEMPTS.wait(ATTEMPTS.free + 5);
    assert_eq!(ATTEMPTS.admit(seen(1_000), at(1_000)), Admission::Wait(wait));
    assert_eq!(ATTEMPTS.admit(seen(1_001), at(1_000)), Admission::Wait(wait + SECOND), "clocks of replicas differ");
    for ahead in [3_600, 86_400, 10 * 86_400] {
        let seen = seen(1_000 + ahead);
        assert_eq!(ATTEMPTS.admit(seen, at(1_000)), Admission::Reserve(seen.expect("failures")), "{ahead} s ahead");
    }

    let world = World::new().await;
    world.register("ann").await;
    let right = world.now();
    world.clock.advance(10 * DAY);
    exhaust(&world, "ann").await;
    assert_eq!(refused(&world, "ann", PASSWORD).await, Some(SECOND));
    world.clock.set(right);
    assert_eq!(refused(&world, "ann", "wrong").await, None, "one attempt is let through, and counted");
    let counted = counted(&world, "ann").await.expect("failures");
    assert_eq!(counted, Attempts { failures: ATTEMPTS.free + 1, last_at: right }, "by the clock as it is now");
    assert_eq!(refused(&world, "ann", PASSWORD).await, Some(2 * SECOND), "the next one waits as ever");
    world.clock.advance(2 * SECOND);
    world.log_in("ann").await;
}

#[tokio::test]
async fn a012_the_wait_doubles_with_each_failure_up_to_its_limit() {
    let world = World::new().await;
    world.register("ann").await;
    exhaust(&world, "ann").await;
    let mut waits = Vec::new();
    while waits.len() < 15 {
        let wait = refused(&world, "ann", "wrong").await.expect("beyond the free failures there is a wait");
        waits.push(wait.as_secs());
        world.clock.advance(wait - MICRO);
        assert_eq!(refused(&world, "ann", PASSWORD).await, Some(MICRO), "a microsecond too early is too early");
        world.clock.advance(MICRO);
        assert_eq!(refused(&world, "ann", "wrong").await, None, "after {wait:?} a password is looked at");
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600, 3_600, 3_600]);
    world.clock.advance(HOUR);
    world.log_in("ann").await;
}

#[tokio::test]
async fn a012_a_throttled_attempt_does_not_prolong_the_wait() {
    let world = World::new().await;
    world.register("ann").await;
    exhaust(&world, "ann").await;
    for _ in 0..10 {
        world.clock.advance(Duration::from_millis(99));
        assert!(refused(&world, "ann", "wrong").await.is_some());
    }
    world.clock.advance(Duration::from_millis(10));
    world.log_in("ann").await;
}

#[test]
fn a012_who_guesses_all_day_long_gets_fewer_than_a_hundred_guesses() {
    let start = Timestamp::from_unix_seconds(1_800_000_000);
    let (mut seen, mut guesses) = (None, 0);
    for second in 0..86_400 {
        let now = start.plus(Duration::from_secs(second));
        // As many as are let through at one instant.
        loop {
            let failures = match ATTEMPTS.admit(seen, now) {
                Admission::Free => seen.map_or(0, |seen: Attempts| seen.failures),
                Admission::Reserve(seen) => seen.failures,
                Admission::Wait(wait) => break assert!(wait <= ATTEMPTS.longest_wait),
            };
            seen = Some(Attempts { failures: failures + 1, last_at: now });
            guesses += 1;
        }
    }
    assert_eq!(guesses, 20 + 12 + 22, "free ones, those of the growing waits, and one an hour");
}

#[test]
fn no_number_of_failures_breaks_the_wait() {
    assert_eq!(ATTEMPTS.wait(0), Duration::ZERO);
    assert_eq!(ATTEMPTS.wait(19), Duration::ZERO);
    assert_eq!(ATTEMPTS.wait(20), SECOND);
    for failures in [31, 32, 50, 51, 52, 53, 1_000, u32::MAX - 1, u32::MAX] {
        let wait = ATTEMPTS.wait(failures);
        assert!(wait >= ATTEMPTS.wait(failures - 1) && wait <= HOUR, "{failures} failures: {wait:?}");
    }
    let (long, none) = (Duration::MAX, Duration::ZERO);
    let odd = AttemptPolicy { free: 1, first_wait: long, longest_wait: long, forgotten_after: none };
    assert_eq!(odd.wait(u32::MAX), long);
    let seen = Attempts { failures: u32::MAX, last_at: Timestamp::UNIX_EPOCH };
    assert!(matches!(odd.admit(Some(seen), Timestamp::UNIX_EPOCH), Admission::Wait(_)));
}

#[tokio::test]
async fn failures_are_forgotten_after_a_day_without_another() {
    let world = World::new().await;
    world.register("ann").await;
    exhaust(&world, "ann").await;
    world.clock.advance(DAY);
    assert_eq!(refused(&world, "ann", "wrong").await, None);
    assert_eq!(refused(&world, "ann", "wrong").await, Some(2 * SECOND), "after exactly a day they still count");
    world.clock.advance(DAY + MICRO);
    exhaust(&world, "ann").await;
    assert_eq!(refused(&world, "ann", "wrong").await, Some(SECOND), "a microsecond later it begins anew");
}

#[tokio::test]
async fn purging_forgets_counters_that_count_no_more_and_no_others() {
    let world = World::new().await;
    exhaust(&world, "old").await;
    world.clock.advance(MICRO);
    exhaust(&world, "new").await;
    world.clock.advance(DAY);
    assert_eq!(world.app.sessions.purge().await.expect("a purge"), 1);
    assert_eq!(counted(&world, "old").await, None);
    assert_eq!(counted(&world, "new").await.map(|seen| seen.failures), Some(20));
}

#[tokio::test]
async fn a_success_clears_the_count() {
    let world = World::new().await;
    world.register("ann").await;
    for _ in 0..5 {
        for _ in 1..ATTEMPTS.free {
            assert_eq!(refused(&world, "ann", "wrong").await, None);
        }
        world.log_in("ann").await;
        assert_eq!(counted(&world, "ann").await, None);
    }
    exhaust(&world, "ann").await;
    world.clock.advance(SECOND);
    world.log_in("ann").await;
    exhaust(&world, "ann").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a012_of_racing_attempts_after_a_wait_exactly_one_is_looked_at() {
    let world = Arc::new(faulty_world().await.0);
    world.register("ann").await;
    exhaust(&world, "ann").await;
    for window in 0..5 {
        world.clock.advance(ATTEMPTS.wait(ATTEMPTS.free + window));
        let before = world.hasher.verified();
        let tasks: Vec<_> = (0..24)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { refused(&world, "ann", "wrong").await })
            })
            .collect();
        let mut looked_at = 0;
        for task in tasks {
            match task.await.expect("a task") {
                None => looked_at += 1,
                Some(wait) => assert!(!wait.is_zero(), "the others are told to wait"),
            }
        }
        assert_eq!(looked_at, 1, "one attempt a wait, however many ask for it");
        assert_eq!(world.hasher.verified(), before + 1);
    }
}

#[tokio::test]
async fn a010_a_name_that_nobody_has_is_throttled_exactly_like_one_that_somebody_has() {
    let world = World::new().await;
    world.register("ann").await;
    let mut disabled = world.register("disabled").await;
    disabled.status = UserStatus::Disabled;
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.users().update(&disabled).await.expect("an update");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");

    let start = world.now();
    let mut scripts = Vec::new();
    for name in ["ann", "ann@example.com", "disabled", "nobody", "nobody@example.com", "nobody@b\u{fc}cher.example"] {
        world.clock.set(start);
        world.events().await;
        let before = world.hasher.verified();
        let mut script = Vec::new();
        for step in 0..60 {
            script.push(refused(&world, name, "wrong").await);
            if step % 3 == 0 {
                world.clock.advance(MINUTE);
            }
        }
        let entries = world.acts().await.into_iter().filter(|entry| entry.outcome.refusal().is_some());
        let details: Vec<_> = entries.map(|entry| (entry.at, entry.detail)).collect();
        let announced = world.events().await.len();
        scripts.push((name, script, details, announced, world.hasher.verified() - before));
    }
    let (_, script, details, announced, verified) = &scripts[0];
    assert!(script.iter().any(Option::is_some) && details.len() == *announced, "{script:?}");
    for (name, other, what, how_many, looked_at) in &scripts {
        assert_eq!((other, what), (script, details), "{name}: the same answers at the same instants");
        assert_eq!((how_many, looked_at), (announced, verified), "{name}: the same work");
    }
}

/// Every spelling in capitals and small letters.
fn cases(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let spell = |mask: u32| {
        let one = |(place, letter): (usize, &char)| match mask >> place & 1 {
            0 => letter.to_ascii_lowercase(),
            _ => letter.to_ascii_uppercase(),
        };
        letters.iter().enumerate().map(one).collect()
    };
    (0..1 << letters.len()).map(spell).collect()
}

#[tokio::test]
async fn a014_b24_all_spellings_of_a_name_share_one_counter() {
    let mut usernames = cases("ann");
    usernames
        .extend(["\u{FF41}\u{FF4E}\u{FF4E}", "\u{FF21}NN", " ann ", "ann\u{3000}", "\u{1D41A}nn"].map(str::to_owned));
    let mut addresses: Vec<_> = cases("ann").into_iter().map(|name| format!("{name}@example.com")).collect();
    let others = [
        "ann@EXAMPLE.com",
        "\u{FF41}\u{FF4E}\u{FF4E}@example.com",
        "ann\u{FF20}example.com",
        "ann\u{FE6B}example.com",
        "ann@example\u{3002}com",
        "ann@\u{FF25}xample.com",
        " ann@example.com\u{3000}",
        "ann@exam\u{AD}ple.com",
    ];
    addresses.extend(others.map(str::to_owned));
    for spellings in [usernames, addresses] {
        let world = World::new().await;
        world.register("ann").await;
        for number in 0..20 {
            let spelling = &spellings[number % spellings.len()];
            assert_eq!(refused(&world, spelling, "wrong").await, None, "{spelling:?}");
        }
        for spelling in &spellings {
            assert_eq!(refused(&world, spelling, PASSWORD).await, Some(SECOND), "{spelling:?} is the same name");
        }
        assert_eq!(refused(&world, "anne", "wrong").await, None, "another name is another counter");
        assert_eq!(refused(&world, "anne@example.com", "wrong").await, None, "another name is another counter");
    }
}

#[tokio::test]
async fn a012_of_attempts_that_look_at_the_same_instant_one_goes_on() {
    let (world, _) = faulty_world().await;
    world.register("ann").await;
    exhaust(&world, "ann").await;
    world.clock.advance(SECOND);
    let before = world.hasher.verified();
    let answers = futures_util::future::join_all((0..24).map(|_| refused(&world, "ann", "wrong"))).await;
    assert_eq!(answers.iter().filter(|wait| wait.is_none()).count(), 1, "{answers:?}");
    assert!(answers.iter().flatten().all(|wait| *wait >= SECOND), "the others are told to wait: {answers:?}");
    assert_eq!(world.hasher.verified(), before + 1);
}

#[tokio::test]
async fn a_policy_of_one_free_failure_throttles_the_second() {
    let attempts = AttemptPolicy { free: 1, ..ATTEMPTS };
    let world = World::with_settings(Settings { attempts, ..settings(policy()) }, |_| {}).await;
    world.register("ann").await;
    assert_eq!(refused(&world, "ann", "wrong").await, None);
    assert_eq!(refused(&world, "ann", PASSWORD).await, Some(SECOND));
    world.clock.advance(SECOND);
    world.log_in("ann").await;
}
