//! Signing keys that are brought forward, revoked and destroyed.

use portcullis_domain::Timestamp;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::tokens::{Algorithm, SigningKey};

use super::Storage;
use super::samples::{RACERS, at, begin, commit, kept, race, signing_key};

/// The key number 1, signing from the instant 100 on.
async fn stored(storage: &Storage) -> SigningKey {
    let key = SigningKey { activates_at: at(100), ..signing_key(Algorithm::Es256, 1) };
    let mut tx = begin(&storage.store).await;
    kept(tx.keys().insert(&key).await, "a key whose kid and ordinal are free is added");
    kept(tx.keys().insert(&signing_key(Algorithm::Es256, 2)).await, "and another one beside it");
    commit(tx).await;
    key
}

/// The key as it is stored; the one beside it must never change.
async fn read(storage: &Storage, key: &SigningKey) -> Option<SigningKey> {
    let mut all = kept(begin(&storage.store).await.keys().all().await, "the keys are read");
    let other = all.iter().find(|stored| stored.ordinal == 2);
    assert_eq!(other.map(|other| (other.activates_at, other.retires_at)), Some((at(0), None)), "no other key changes");
    all.retain(|stored| stored.kid == key.kid);
    all.pop()
}

async fn activate(storage: &Storage, kid: &str, now: Timestamp) -> bool {
    let mut tx = begin(&storage.store).await;
    let answer = kept(tx.keys().activate(kid, now).await, "a key is brought forward");
    commit(tx).await;
    answer
}

async fn revoke(storage: &Storage, kid: &str, now: Timestamp) -> bool {
    let mut tx = begin(&storage.store).await;
    let answer = kept(tx.keys().revoke(kid, now).await, "a key is revoked");
    commit(tx).await;
    answer
}

/// `false` for the same instant, a later one, and a stranger.
pub async fn a_key_is_brought_forward_and_never_put_off(storage: &Storage) {
    let promise = "a key is brought forward and never put off";
    let key = stored(storage).await;
    let sooner = Timestamp::from_unix_micros(at(50).as_unix_micros() + 1);
    for (now, moved) in [(at(200), false), (at(100), false), (sooner, true), (sooner, false), (at(60), false)] {
        assert_eq!(activate(storage, &key.kid, now).await, moved, "{promise}: at {now}");
    }
    assert!(!activate(storage, "stranger", at(1)).await, "{promise}: an unknown key");
    assert_eq!(read(storage, &key).await, Some(SigningKey { activates_at: sooner, ..key }), "{promise}: nothing else");
}

/// What is revoked signs no more, from no instant on.
pub async fn a_revoked_key_is_not_brought_forward(storage: &Storage) {
    let promise = "a revoked key is not brought forward";
    let key = stored(storage).await;
    assert!(revoke(storage, &key.kid, at(10)).await, "a key is revoked");
    assert!(!activate(storage, &key.kid, at(20)).await, "{promise}");
    assert_eq!(read(storage, &key).await, Some(SigningKey { retires_at: Some(at(10)), ..key }), "{promise}");
}

/// `true` once; `false` for the second time, whatever its instant, and for a stranger.
pub async fn a_key_is_revoked_once_and_the_first_time_stands(storage: &Storage) {
    let promise = "a key is revoked once and the first time stands";
    let key = stored(storage).await;
    let first = Timestamp::from_unix_micros(at(10).as_unix_micros() + 7);
    assert!(!revoke(storage, "stranger", first).await, "{promise}: an unknown key");
    for (now, noted) in [(first, true), (at(5), false), (at(20), false), (first, false)] {
        assert_eq!(revoke(storage, &key.kid, now).await, noted, "{promise}: at {now}");
    }
    assert_eq!(read(storage, &key).await, Some(SigningKey { retires_at: Some(first), ..key }), "{promise}");
}

/// With its private part; `false` when there is none.
pub async fn a_deleted_key_is_gone_and_its_place_is_free(storage: &Storage) {
    let promise = "a deleted key is gone and its place is free";
    let key = stored(storage).await;
    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.keys().delete("stranger").await, promise), "{promise}: an unknown key");
    assert!(kept(tx.keys().delete(&key.kid).await, promise), "{promise}");
    assert!(!kept(tx.keys().delete(&key.kid).await, promise), "{promise}: only once");
    assert!(!kept(tx.keys().revoke(&key.kid, at(1)).await, promise), "{promise}: it is not revoked any more");
    commit(tx).await;
    assert_eq!(read(storage, &key).await, None, "{promise}");
    let mut tx = begin(&storage.store).await;
    kept(tx.keys().insert(&key).await, promise);
    commit(tx).await;
    assert_eq!(read(storage, &key).await, Some(key), "{promise}");
}

/// All three.
pub async fn changes_of_keys_in_a_dropped_unit_never_happened(storage: &Storage) {
    let promise = "changes of keys in a dropped unit never happened";
    let key = stored(storage).await;
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.keys().activate(&key.kid, at(1)).await, promise), "{promise}");
    assert!(kept(tx.keys().revoke(&key.kid, at(1)).await, promise), "{promise}");
    drop(tx);
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.keys().delete(&key.kid).await, promise), "{promise}");
    drop(tx);
    assert_eq!(read(storage, &key).await, Some(key), "{promise}");
}

/// Race to revoke.
pub async fn of_racing_revocations_of_a_key_one_is_told_so(storage: &Storage) {
    let key = stored(storage).await;
    let answers = race(RACERS, |number| {
        let (store, kid) = (storage.store.clone(), key.kid.clone());
        async move {
            let (mut tx, now) = (begin(&store).await, at(number as i64));
            let noted = tx.keys().revoke(&kid, now).await?;
            tx.commit(now, Vec::new()).await.map(|()| noted.then_some(now))
        }
    })
    .await;
    let answers: Result<Vec<_>, StoreError> = answers.into_iter().collect();
    let winners: Vec<_> = kept(answers, "of racing revocations none fails").into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "of {RACERS} racing revocations of a key exactly one is told so");
    let stored = read(storage, &key).await.and_then(|key| key.retires_at);
    assert_eq!(stored, winners.first().copied(), "and its instant is the one that stands");
}

/// Race to destroy.
pub async fn of_racing_deletions_of_a_key_one_finds_it(storage: &Storage) {
    let key = stored(storage).await;
    let answers = race(RACERS, |_| {
        let (store, kid) = (storage.store.clone(), key.kid.clone());
        async move {
            let mut tx = begin(&store).await;
            let found = tx.keys().delete(&kid).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| found)
        }
    })
    .await;
    let answers: Result<Vec<_>, StoreError> = answers.into_iter().collect();
    let found = kept(answers, "of racing deletions none fails").into_iter().filter(|found| *found).count();
    assert_eq!(found, 1, "of {RACERS} racing deletions of a key exactly one finds it");
    assert_eq!(read(storage, &key).await, None, "and it is gone");
}
