//! The suite `hasher`: [`PasswordHasher`](portcullis_domain::ports::security::PasswordHasher).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};

use super::samples::{RACERS, kept, race};

/// Runs the suite `hasher` on what `async fn factory() -> Arc<dyn PasswordHasher>` gives.
#[macro_export]
macro_rules! hasher_contract {
    ($factory:expr) => {
        $crate::promises!(
            hasher,
            $factory,
            only_the_exact_password_matches_a003,
            the_last_of_1024_characters_counts_a002,
            the_same_password_has_another_hash_each_time_a008,
            a_hash_does_not_show_its_password,
            a_fresh_hash_is_not_stale,
            no_hash_is_no_match,
            no_hash_costs_what_a_wrong_password_costs_a010,
            a_hash_that_cannot_be_read_is_no_match,
            a_hash_above_the_limit_is_never_computed,
            a_race_of_hashes_and_checks_never_mixes_them_up,
            too_much_work_is_refused_at_once,
            work_that_nobody_waits_for_blocks_nobody,
        );
    };
}

type Hasher = Arc<dyn PasswordHasher>;

fn password(text: impl Into<String>) -> Password {
    kept(Password::present(text.into()), "the suite's password is one")
}

/// Hashes, with patience for a full queue.
async fn hash(hasher: &Hasher, password: &Password) -> PasswordHash {
    loop {
        match hasher.hash(password).await {
            Ok(hash) => return hash,
            Err(HashError::Overloaded) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("a password is hashed; the answer was {error:?}"),
        }
    }
}

async fn verify(hasher: &Hasher, password: &Password, hash: Option<&PasswordHash>) -> Match {
    loop {
        match hasher.verify(password, hash).await {
            Ok(matched) => return matched,
            Err(HashError::Overloaded) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("a password is compared; the answer was {error:?}"),
        }
    }
}

/// No trimming, folding, normalising, cutting.
pub async fn only_the_exact_password_matches_a003(hasher: &Hasher) {
    let long = format!("{}tail", "x".repeat(72));
    let cases: [(&str, &[&str]); 6] = [
        (
            "Correct horse 1",
            &["Correct horse 2", "correct horse 1", "CORRECT HORSE 1", "Correct horse ", "Correct horse 11", ""],
        ),
        (
            " spaces around ",
            &["spaces around", " spaces around", "spaces around ", "  spaces around  ", " spaces\u{a0}around "],
        ),
        (&long, &[&long[..72], &long[..75], &long[1..]]),
        ("before\0after", &["before", "before\0", "before\0other", "before after"]),
        ("caf\u{e9} na\u{ef}ve", &["cafe\u{301} nai\u{308}ve", "cafe naive", "CAF\u{c9} NA\u{cf}VE"]),
        ("\u{1F600}\u{1F600} pass", &["\u{1F600} pass", "\u{1F601}\u{1F600} pass", "?? pass"]),
    ];
    for (right, wrong) in cases {
        let stored = hash(hasher, &password(right)).await;
        assert_ne!(verify(hasher, &password(right), Some(&stored)).await, Match::No, "{right:?} matches itself");
        for other in wrong {
            let matched = verify(hasher, &password(*other), Some(&stored)).await;
            assert_eq!(matched, Match::No, "only the exact password matches: {other:?} is not {right:?}");
        }
    }
}

/// 1,024 characters of four bytes each, to the last.
pub async fn the_last_of_1024_characters_counts_a002(hasher: &Hasher) {
    let longest = "\u{1F600}".repeat(1_024);
    let mut other = "\u{1F600}".repeat(1_023);
    other.push('\u{1F601}');
    let stored = hash(hasher, &password(longest.as_str())).await;
    assert_ne!(verify(hasher, &password(longest), Some(&stored)).await, Match::No, "the longest password matches");
    assert_eq!(verify(hasher, &password(other), Some(&stored)).await, Match::No, "the last of 1,024 characters counts");
}

/// A fresh salt each time.
pub async fn the_same_password_has_another_hash_each_time_a008(hasher: &Hasher) {
    let same = password("the same password");
    let mut hashes = HashSet::new();
    for _ in 0..8 {
        hashes.insert(hash(hasher, &same).await.as_str().to_owned());
    }
    assert_eq!(hashes.len(), 8, "the same password has another hash each time");
}

/// Nor in Debug.
pub async fn a_hash_does_not_show_its_password(hasher: &Hasher) {
    let secret = "Xq7-canary-Zw9";
    let stored = hash(hasher, &password(secret)).await;
    assert!(!stored.as_str().contains(secret), "a hash does not show its password");
    assert!(!format!("{stored:?}").contains(stored.as_str()), "a hash is not shown by Debug");
}

/// `Yes` and not `YesButStale`.
pub async fn a_fresh_hash_is_not_stale(hasher: &Hasher) {
    let right = password("a fresh password");
    let stored = hash(hasher, &right).await;
    assert_eq!(verify(hasher, &right, Some(&stored)).await, Match::Yes, "a fresh hash has the current parameters");
}

/// `None` is `No`, also for an empty password.
pub async fn no_hash_is_no_match(hasher: &Hasher) {
    for text in ["", "password", "\0"] {
        assert_eq!(verify(hasher, &password(text), None).await, Match::No, "no hash is no match");
    }
}

/// The quickest of some interleaved tries of each, so that a busy machine does not decide.
pub async fn no_hash_costs_what_a_wrong_password_costs_a010(hasher: &Hasher) {
    let (stored, wrong) = (hash(hasher, &password("the right one")).await, password("the wrong one"));
    let (mut none, mut some) = (Duration::MAX, Duration::MAX);
    let slack = Duration::from_millis(1);
    // The best times of a busy machine take their time to show.
    for round in 0..400 {
        for (best, hash) in [(&mut none, None), (&mut some, Some(&stored))] {
            let begun = Instant::now();
            assert_eq!(verify(hasher, &wrong, hash).await, Match::No, "a wrong password does not match");
            *best = begun.elapsed().min(*best);
        }
        let equal = none + none / 2 + slack >= some && some + some / 2 + slack >= none;
        if round >= 12 && equal {
            return;
        }
    }
    panic!("no hash takes {none:?}, a wrong password {some:?}: the difference tells who has an account");
}

/// Garbage from the store is an answer, not an error.
pub async fn a_hash_that_cannot_be_read_is_no_match(hasher: &Hasher) {
    let right = password("a password");
    let stored = hash(hasher, &right).await;
    let cut = stored.as_str().char_indices().nth(stored.as_str().len() / 2).map_or(0, |(place, _)| place);
    for text in [
        "",
        "$",
        "$$$$$",
        "plain",
        "a password",
        "$argon2id$",
        "$argon2id$v=19$m=19456,t=2,p=1$$",
        "$2b$12$short",
        "$argon2id$v=19$m=abc,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$unknown$v=1$c2FsdA$aGFzaA",
        "日本",
        "\0",
        &stored.as_str()[..cut],
        &format!("{} ", stored.as_str()),
        &format!("{}\n", stored.as_str()),
    ] {
        let matched = verify(hasher, &right, Some(&PasswordHash::new(text.to_owned()))).await;
        assert_eq!(matched, Match::No, "a hash that cannot be read is no match: {text:?}");
    }
}

/// Cost bombs: memory, time, lanes.
pub async fn a_hash_above_the_limit_is_never_computed(hasher: &Hasher) {
    let salt_and_hash = "c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for cost in
        ["m=4194304,t=1,p=1", "m=19456,t=4294967295,p=1", "m=4294967295,t=4294967295,p=1", "m=2097152,t=50,p=255"]
    {
        for kind in ["argon2id", "argon2i", "argon2d"] {
            let bomb = PasswordHash::new(format!("${kind}$v=19${cost}${salt_and_hash}"));
            let begun = Instant::now();
            let matched = verify(hasher, &password("a password"), Some(&bomb)).await;
            assert_eq!(matched, Match::No, "a hash above the limit is no match: {cost}");
            assert!(begun.elapsed() < Duration::from_secs(2), "a hash above the limit is never computed: {cost}");
        }
    }
}

/// Everybody gets the answer to their own question.
pub async fn a_race_of_hashes_and_checks_never_mixes_them_up(hasher: &Hasher) {
    race(RACERS, |number| {
        let hasher = hasher.clone();
        async move {
            let (mine, other) = (password(format!("password {number}")), password(format!("password {}", number + 1)));
            let stored = hash(&hasher, &mine).await;
            assert_eq!(verify(&hasher, &mine, Some(&stored)).await, Match::Yes, "a race never mixes up passwords");
            assert_eq!(verify(&hasher, &other, Some(&stored)).await, Match::No, "a race never mixes up passwords");
            assert_eq!(verify(&hasher, &mine, None).await, Match::No, "a race never mixes up hashes");
        }
    })
    .await;
}

/// `Overloaded` comes within 50 ms, and whoever is accepted is served.
pub async fn too_much_work_is_refused_at_once(hasher: &Hasher) {
    let answers = race(400, |number| {
        let hasher = hasher.clone();
        async move {
            let begun = Instant::now();
            (hasher.hash(&password(format!("password {number}"))).await, begun.elapsed())
        }
    })
    .await;
    let mut refusals = Vec::new();
    for (answer, took) in answers {
        match answer {
            Ok(_) => {}
            Err(HashError::Overloaded) => refusals.push(took),
            Err(error) => panic!("under load a password is hashed or refused; the answer was {error:?}"),
        }
    }
    refusals.sort();
    // The middle one, because a loaded machine may stop any single task for longer.
    if let Some(middle) = refusals.get(refusals.len() / 2) {
        assert!(*middle < Duration::from_millis(50), "too much work is refused within 50 ms, not after {middle:?}");
    }
    hash(hasher, &password("afterwards")).await;
}

/// Callers that hung up leave no full queue behind.
pub async fn work_that_nobody_waits_for_blocks_nobody(hasher: &Hasher) {
    for _ in 0..5 {
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let hasher = hasher.clone();
                tokio::spawn(async move { drop(hasher.hash(&password(format!("password {number}"))).await) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(2)).await;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
    let patience = Duration::from_secs(20);
    let hashed = tokio::time::timeout(patience, hash(hasher, &password("afterwards"))).await;
    kept(hashed.map(drop), "work that nobody waits for blocks nobody");
}
