//! Failed attempts at passwords.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts};

use super::Storage;
use super::samples::{RACERS, at, attempt_key, attempts_in, begin, commit, fail, kept, race};

/// Longer ago than any failure of these promises.
const NEVER: i64 = -1_000_000;

fn micros_after(seconds: i64, micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(at(seconds).as_unix_micros() + micros)
}

/// One, two, three, each key for itself.
pub async fn failures_in_a_row_are_counted(storage: &Storage) {
    let promise = "failures in a row are counted, each key for itself";
    let (one, other) = (attempt_key(), attempt_key());
    assert_eq!(attempts_in(&storage.store, &one).await, None, "{promise}: none before the first");
    for failures in 1..=5 {
        let now = micros_after(i64::from(failures), 7);
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.attempts().fail(&one, now, at(NEVER)).await, promise), failures, "{promise}");
        let seen = kept(tx.attempts().of(&one).await, promise);
        assert_eq!(seen, Some(Attempts { failures, last_at: now }), "{promise}: the unit sees its own");
        commit(tx).await;
        assert_eq!(attempts_in(&storage.store, &one).await, Some(Attempts { failures, last_at: now }), "{promise}");
    }
    assert_eq!(attempts_in(&storage.store, &other).await, None, "{promise}: another key has none");
    assert_eq!(fail(&storage.store, &other, at(9), at(NEVER)).await, 1, "{promise}: another key begins at one");
}

/// Any bytes are a key, any instant is an instant.
pub async fn every_key_and_instant_of_attempts_survives(storage: &Storage) {
    let mut last_bit = [0; 32];
    last_bit[31] = 1;
    for key in [[0; 32], [0xFF; 32], last_bit, *b"'; DROP TABLE attempts; --\0 % _\\"] {
        assert_eq!(attempts_in(&storage.store, &AttemptKey(key)).await, None, "a key of others finds nothing");
        for last_at in [i64::MIN, 0, micros_after(1, 1).as_unix_micros(), i64::MAX].map(Timestamp::from_unix_micros) {
            fail(&storage.store, &AttemptKey(key), last_at, Timestamp::from_unix_micros(i64::MIN)).await;
            let read = attempts_in(&storage.store, &AttemptKey(key)).await.map(|attempts| attempts.last_at);
            assert_eq!(read, Some(last_at), "every key and every instant of attempts survives");
        }
    }
}

/// `forgotten` itself still counts.
pub async fn failures_before_the_instant_count_no_more(storage: &Storage) {
    let promise = "what was last counted before the instant counts no more";
    let key = attempt_key();
    for failures in 1..=3 {
        assert_eq!(fail(&storage.store, &key, at(100), at(NEVER)).await, failures, "{promise}");
    }
    assert_eq!(fail(&storage.store, &key, at(200), at(100)).await, 4, "{promise}: at the instant it counts");
    assert_eq!(fail(&storage.store, &key, at(300), micros_after(200, 1)).await, 1, "{promise}");
    let read = attempts_in(&storage.store, &key).await;
    assert_eq!(read, Some(Attempts { failures: 1, last_at: at(300) }), "{promise}");
}

/// Units commit in another order than their clocks were read.
pub async fn a_failure_that_comes_late_moves_nothing_back(storage: &Storage) {
    let key = attempt_key();
    fail(&storage.store, &key, at(50), at(NEVER)).await;
    assert_eq!(fail(&storage.store, &key, at(40), at(NEVER)).await, 2, "a failure that comes late is counted");
    let read = attempts_in(&storage.store, &key).await;
    assert_eq!(read, Some(Attempts { failures: 2, last_at: at(50) }), "the last failure stays the last");
}

/// Compare and swap.
pub async fn an_attempt_is_reserved_only_as_it_was_seen(storage: &Storage) {
    let promise = "an attempt is reserved only if nothing has changed since it was seen";
    let key = attempt_key();
    fail(&storage.store, &key, at(1), at(NEVER)).await;
    fail(&storage.store, &key, at(2), at(NEVER)).await;
    let seen = Attempts { failures: 2, last_at: at(2) };
    let others = [
        Attempts { failures: 1, ..seen },
        Attempts { failures: 3, ..seen },
        Attempts { last_at: at(1), ..seen },
        Attempts { last_at: micros_after(2, 1), ..seen },
    ];
    let mut tx = begin(&storage.store).await;
    for other in others {
        assert!(!kept(tx.attempts().reserve(&key, other, at(10)).await, promise), "{promise}: {other:?}");
    }
    assert!(!kept(tx.attempts().reserve(&attempt_key(), seen, at(10)).await, promise), "{promise}: nobody's");
    assert_eq!(kept(tx.attempts().of(&key).await, promise), Some(seen), "`false` changes nothing");
    assert!(kept(tx.attempts().reserve(&key, seen, at(10)).await, promise), "{promise}");
    assert!(!kept(tx.attempts().reserve(&key, seen, at(10)).await, promise), "{promise}: only once");
    commit(tx).await;
    let read = attempts_in(&storage.store, &key).await;
    assert_eq!(read, Some(Attempts { last_at: at(10), ..seen }), "a reservation counts from its instant");
    assert_eq!(fail(&storage.store, &key, at(11), at(NEVER)).await, 3, "a reservation is no failure and forgets none");
}

/// Race of failures.
pub async fn of_racing_failures_all_are_counted(storage: &Storage) {
    let key = attempt_key();
    for round in 0..3 {
        let mut answers = race(RACERS, |_| {
            let store = storage.store.clone();
            async move { fail(&store, &key, at(1), at(NEVER)).await }
        })
        .await;
        answers.sort_unstable();
        let first = round * RACERS as u32 + 1;
        let expected: Vec<u32> = (first..first + RACERS as u32).collect();
        assert_eq!(answers, expected, "of {RACERS} racing failures all are counted, each once");
    }
}

/// Race for the one attempt.
pub async fn of_racing_reservations_one_gets_the_attempt(storage: &Storage) {
    for round in 0..5 {
        let key = attempt_key();
        fail(&storage.store, &key, at(round), at(NEVER)).await;
        let seen = attempts_in(&storage.store, &key).await;
        let Some(seen) = seen else { panic!("a failure is counted") };
        let answers = race(RACERS, |_| {
            let store = storage.store.clone();
            async move {
                let mut tx = begin(&store).await;
                let mine = kept(tx.attempts().reserve(&key, seen, at(100)).await, "a reservation may lose");
                commit(tx).await;
                mine
            }
        })
        .await;
        let winners = answers.into_iter().filter(|mine| *mine).count();
        assert_eq!(winners, 1, "of {RACERS} racing reservations exactly one gets the attempt");
    }
}

/// A reservation in a unit that is given up leaves the attempt to another one.
pub async fn attempts_of_a_dropped_unit_never_happened(storage: &Storage) {
    let promise = "what a dropped unit did to attempts never happened";
    let key = attempt_key();
    fail(&storage.store, &key, at(1), at(NEVER)).await;
    let seen = Attempts { failures: 1, last_at: at(1) };
    let mut tx = begin(&storage.store).await;
    kept(tx.attempts().fail(&key, at(2), at(NEVER)).await, promise);
    drop(tx);
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.attempts().reserve(&key, seen, at(3)).await, promise), "{promise}: a failure");
    drop(tx);
    let mut tx = begin(&storage.store).await;
    kept(tx.attempts().clear(&key).await, promise);
    drop(tx);
    assert_eq!(attempts_in(&storage.store, &key).await, Some(seen), "{promise}");
}

/// The next failure is the first one again; clearing what is not there is fine.
pub async fn cleared_attempts_are_forgotten(storage: &Storage) {
    let promise = "cleared attempts are forgotten, and no others";
    let (one, other) = (attempt_key(), attempt_key());
    for key in [&one, &other] {
        fail(&storage.store, key, at(1), at(NEVER)).await;
    }
    for _ in 0..2 {
        let mut tx = begin(&storage.store).await;
        kept(tx.attempts().clear(&one).await, promise);
        assert_eq!(kept(tx.attempts().of(&one).await, promise), None, "{promise}: the unit sees it");
        commit(tx).await;
    }
    assert_eq!(attempts_in(&storage.store, &one).await, None, "{promise}");
    assert!(attempts_in(&storage.store, &other).await.is_some(), "{promise}");
    assert_eq!(fail(&storage.store, &one, at(2), at(NEVER)).await, 1, "the next failure is the first one");
}

/// The limit holds, the instant itself stays, and repetition reaches the end.
pub async fn purging_forgets_attempts_from_before_the_instant(storage: &Storage) {
    let promise = "purging forgets attempts last touched before the instant, at most the limit";
    let mut old = Vec::new();
    for second in 0..10 {
        let key = attempt_key();
        fail(&storage.store, &key, at(second), at(NEVER)).await;
        old.push(key);
    }
    let (edge, renewed) = (attempt_key(), attempt_key());
    fail(&storage.store, &edge, at(10), at(NEVER)).await;
    fail(&storage.store, &renewed, at(0), at(NEVER)).await;
    fail(&storage.store, &renewed, at(11), at(NEVER)).await;
    for expected in [4, 4, 2, 0] {
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.attempts().purge(at(10), 4).await, promise), expected, "{promise}");
        commit(tx).await;
    }
    for key in old {
        assert_eq!(attempts_in(&storage.store, &key).await, None, "{promise}");
    }
    for key in [edge, renewed] {
        assert!(attempts_in(&storage.store, &key).await.is_some(), "{promise}: no others");
    }
}
