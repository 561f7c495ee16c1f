//! Signing keys in the store.

use portcullis_domain::Timestamp;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::tokens::{Algorithm, SigningKey};

use super::Storage;
use super::samples::{RACERS, at, begin, commit, kept, race, refused, signing_key};

async fn stored(storage: &Storage, key: &SigningKey) {
    let mut tx = begin(&storage.store).await;
    kept(tx.keys().insert(key).await, "a key whose kid and ordinal are free is added");
    commit(tx).await;
}

async fn all(storage: &Storage) -> Vec<SigningKey> {
    kept(begin(&storage.store).await.keys().all().await, "the keys are read")
}

/// Round trip of every field, extremes included.
pub async fn every_field_of_a_key_survives(storage: &Storage) {
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    for (number, algorithm) in Algorithm::ALL.into_iter().enumerate() {
        let key = SigningKey {
            kid: format!("k4.pid.{number}_日本 '\"%"),
            public: (0..=255).collect(),
            sealed_private: if number == 0 { Vec::new() } else { vec![0; 4_096] },
            created_at: first,
            activates_at: Timestamp::from_unix_micros(at(0).as_unix_micros() + 1),
            retires_at: (number > 1).then_some(last),
            ..signing_key(algorithm, if number == 0 { u32::MAX } else { 1 })
        };
        stored(storage, &key).await;
        let read = all(storage).await.into_iter().find(|stored| stored.kid == key.kid);
        assert_eq!(read, Some(key), "every field of a key survives");
    }
}

/// By algorithm, and in it by ordinal as a number.
pub async fn keys_come_by_algorithm_and_ordinal(storage: &Storage) {
    for (algorithm, ordinal) in [
        (Algorithm::V4Public, 2),
        (Algorithm::Es256, 10),
        (Algorithm::Es256, 9),
        (Algorithm::V4Public, 1),
        (Algorithm::Es256, 100),
    ] {
        stored(storage, &signing_key(algorithm, ordinal)).await;
    }
    let read: Vec<_> = all(storage).await.into_iter().map(|key| (key.algorithm, key.ordinal)).collect();
    for algorithm in [Algorithm::Es256, Algorithm::V4Public] {
        let places: Vec<_> = read.iter().enumerate().filter(|(_, key)| key.0 == algorithm).collect();
        let together = places.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
        assert!(together, "the keys of {algorithm:?} come together: {read:?}");
        assert!(places.windows(2).all(|pair| pair[0].1.1 < pair[1].1.1), "keys come by ordinal: {read:?}");
    }
    assert_eq!(read.len(), 5, "all keys come");
}

/// `Duplicate(KeyOrdinal)`; another algorithm counts for itself.
pub async fn an_ordinal_belongs_to_one_key_of_its_algorithm(storage: &Storage) {
    stored(storage, &signing_key(Algorithm::Es256, 1)).await;
    let mut tx = begin(&storage.store).await;
    let inserted = tx.keys().insert(&signing_key(Algorithm::Es256, 1)).await;
    let error = refused(inserted, "an ordinal belongs to one key of its algorithm");
    assert!(matches!(error, StoreError::Duplicate(Unique::KeyOrdinal)), "Duplicate(KeyOrdinal), not {error:?}");
    drop(tx);
    stored(storage, &signing_key(Algorithm::EdDsa, 1)).await;
    stored(storage, &signing_key(Algorithm::Es256, 2)).await;
}

/// `Duplicate(Id)`.
pub async fn a_kid_belongs_to_one_key(storage: &Storage) {
    let key = signing_key(Algorithm::Es256, 1);
    stored(storage, &key).await;
    let mut tx = begin(&storage.store).await;
    let twin = SigningKey { kid: key.kid.clone(), ..signing_key(Algorithm::Rs256, 5) };
    let error = refused(tx.keys().insert(&twin).await, "a kid belongs to one key");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    assert_eq!(all(storage).await, [key], "a refused key leaves no trace");
}

/// Race of replicas that start together.
pub async fn of_racing_first_keys_one_is_stored(storage: &Storage) {
    let answers = race(RACERS, |_| {
        let (store, key) = (storage.store.clone(), signing_key(Algorithm::Es256, 1));
        async move {
            let mut tx = begin(&store).await;
            tx.keys().insert(&key).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| key)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(key) => winners.push(key),
            Err(StoreError::Duplicate(Unique::KeyOrdinal)) => {}
            Err(error) => panic!("of racing first keys the others get Duplicate(KeyOrdinal), not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing first keys exactly one is stored");
    assert_eq!(all(storage).await, winners, "it is the one whose maker was told so");
}
