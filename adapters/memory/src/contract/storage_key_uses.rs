//! API keys: counting their use, their end, and what a unit does to them that is not committed.

use portcullis_domain::access::{ApiKey, KeyUsage};
use portcullis_domain::ids::ApiKeyId;
use portcullis_domain::ports::store::{StoreError, Unique};

use super::Storage;
use super::samples::{RACERS, RANDOM, at, begin, commit, kept, race, refused, stored_user};
use super::samples_access::{api_key, key_in, role_name, secret, stored_key, stored_role};

fn usage(uses: u64, last: Option<i64>) -> KeyUsage {
    KeyUsage { uses, last_used_at: last.map(at) }
}

/// Added up; the later instant stays, and nothing else changes.
pub async fn uses_of_api_keys_are_added_up(storage: &Storage) {
    let promise = "uses of API keys are added up";
    let ann = stored_user(&storage.store, "ann").await;
    let keys = [api_key(ann.id, at(0)), api_key(ann.id, at(0)), api_key(ann.id, at(0))];
    for key in &keys {
        stored_key(&storage.store, key).await;
    }
    let [first, second, idle] = &keys;
    let stranger = ApiKeyId::new(at(0), &RANDOM);
    let steps: [&[_]; 5] = [
        &[
            (first.id, usage(1, Some(5))),
            (stranger, usage(9, Some(9))),
            (second.id, usage(u64::from(u32::MAX), Some(5))),
        ],
        &[(second.id, usage(2, Some(4)))],
        &[(first.id, usage(3, Some(5))), (second.id, usage(0, None))],
        &[(stranger, usage(1, None))],
        &[],
    ];
    for step in steps {
        let mut tx = begin(&storage.store).await;
        kept(tx.api_keys().add_uses(step).await, promise);
        commit(tx).await;
    }
    let read = key_in(&storage.store, first.id).await;
    assert_eq!(read, Some((first.clone(), usage(4, Some(5)))), "{promise}: and the key does not change");
    let read = key_in(&storage.store, second.id).await;
    let expected = usage(u64::from(u32::MAX) + 2, Some(5));
    assert_eq!(read, Some((second.clone(), expected)), "{promise}: the later instant stays");
    let read = key_in(&storage.store, idle.id).await;
    assert_eq!(read, Some((idle.clone(), KeyUsage::default())), "{promise}: no other key is counted");
    assert_eq!(key_in(&storage.store, stranger).await, None, "a key that is no more is passed over");
}

/// The same keys in different orders, while they are changed too.
pub async fn of_racing_uses_all_are_counted(storage: &Storage) {
    let promise = "concurrent uses of API keys are all counted";
    let ann = stored_user(&storage.store, "ann").await;
    let mut keys = Vec::new();
    for _ in 0..10 {
        let key = api_key(ann.id, at(0));
        stored_key(&storage.store, &key).await;
        keys.push(key);
    }
    race(RACERS, |number| {
        let (store, mut keys) = (storage.store.clone(), keys.clone());
        async move {
            if number < 4 {
                let mut tx = begin(&store).await;
                kept(tx.api_keys().update(&keys[number]).await, "nobody else changes the key");
                commit(tx).await;
            }
            if number % 2 == 0 {
                keys.reverse();
            }
            let seconds = i64::try_from(number).unwrap_or_default();
            for _ in 0..3 {
                let uses: Vec<_> = keys.iter().map(|key| (key.id, usage(2, Some(seconds)))).collect();
                let mut tx = begin(&store).await;
                kept(tx.api_keys().add_uses(&uses).await, promise);
                commit(tx).await;
            }
        }
    })
    .await;
    let racers = RACERS as i64;
    for key in keys {
        let counted = key_in(&storage.store, key.id).await.map(|(_, usage)| usage);
        assert_eq!(counted, Some(usage(racers.unsigned_abs() * 6, Some(racers - 1))), "{promise}");
    }
}

/// Revoked, or ended by themselves.
pub async fn purging_forgets_api_keys_that_ended_before(storage: &Storage) {
    let promise = "purging forgets API keys that ended before the instant";
    let ann = stored_user(&storage.store, "ann").await;
    stored_role(&storage.store, "clerk").await;
    let plain = || ApiKey { roles: vec![role_name("clerk")], ..api_key(ann.id, at(0)) };
    let stay = [
        plain(),
        ApiKey { expires_at: Some(at(100)), ..plain() },
        ApiKey { revoked_at: Some(at(100)), ..plain() },
        ApiKey { revoked_at: Some(at(101)), expires_at: Some(at(200)), ..plain() },
    ];
    let go = [
        ApiKey { expires_at: Some(at(99)), ..plain() },
        ApiKey { revoked_at: Some(at(99)), ..plain() },
        ApiKey { revoked_at: Some(at(1)), expires_at: Some(at(200)), ..plain() },
        ApiKey { revoked_at: Some(at(150)), expires_at: Some(at(2)), ..plain() },
    ];
    for key in stay.iter().chain(&go) {
        stored_key(&storage.store, key).await;
    }
    for expected in [3, 1, 0] {
        let mut tx = begin(&storage.store).await;
        let gone = kept(tx.api_keys().purge(at(100), 3).await, promise);
        assert_eq!(gone, expected, "{promise}: no more than the limit at once, and it says how many");
        commit(tx).await;
    }
    for key in stay {
        let read = key_in(&storage.store, key.id).await.map(|(key, _)| key);
        assert_eq!(read, Some(key), "{promise}: and no other");
    }
    for key in go {
        assert_eq!(key_in(&storage.store, key.id).await, None, "{promise}");
    }
}

/// Dropped, and after an error.
pub async fn changes_of_api_keys_in_a_dropped_unit_never_happened(storage: &Storage) {
    let promise = "changes of API keys in a unit that is not committed never happened";
    let ann = stored_user(&storage.store, "ann").await;
    let (key, over) = (api_key(ann.id, at(0)), ApiKey { revoked_at: Some(at(1)), ..api_key(ann.id, at(0)) });
    stored_key(&storage.store, &key).await;
    stored_key(&storage.store, &over).await;
    for fails in [false, true] {
        let new = api_key(ann.id, at(5));
        let mut tx = begin(&storage.store).await;
        kept(tx.api_keys().insert(&new, u32::MAX).await, promise);
        kept(tx.api_keys().add_uses(&[(key.id, usage(3, Some(5)))]).await, promise);
        kept(tx.api_keys().update(&ApiKey { revoked_at: Some(at(5)), ..key.clone() }).await, promise);
        let seen = kept(tx.api_keys().by_id(key.id).await, promise);
        let seen = seen.map(|(key, usage)| (key.revoked_at, key.version, usage.uses));
        assert_eq!(seen, Some((Some(at(5)), 2, 3)), "a unit sees its own writes");
        assert_eq!(kept(tx.api_keys().purge(at(3), 10).await, promise), 1, "{promise}: one was over");
        if fails {
            refused(tx.api_keys().insert(&new, u32::MAX).await, "an id that is taken is refused");
            refused(tx.api_keys().by_id(key.id).await, "after an error nothing is read");
            refused(tx.api_keys().in_use(key.id).await, "after an error nothing is read");
            refused(tx.api_keys().add_uses(&[]).await, "after an error nothing is counted");
            refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
        } else {
            drop(tx);
        }
        assert_eq!(key_in(&storage.store, new.id).await, None, "{promise}");
        let read = key_in(&storage.store, key.id).await;
        assert_eq!(read, Some((key.clone(), KeyUsage::default())), "{promise}");
        assert!(key_in(&storage.store, over.id).await.is_some(), "{promise}");
    }
}

/// Race for an id.
pub async fn of_racing_api_keys_one_gets_the_id(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let key = api_key(ann.id, at(0));
    let answers = race(RACERS, |_| {
        let (store, key) = (storage.store.clone(), ApiKey { secret: secret(), ..key.clone() });
        async move {
            let mut tx = begin(&store).await;
            tx.api_keys().insert(&key, u32::MAX).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| key)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(key) => winners.push(key),
            Err(StoreError::Duplicate(Unique::Id)) => {}
            Err(error) => panic!("of racing API keys the others get Duplicate(Id), not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing API keys exactly one gets the id");
    let read = key_in(&storage.store, key.id).await.map(|(key, _)| key);
    assert_eq!(read, winners.pop(), "it is the one that was told so");
}

/// Keys are made with a role that is being deleted: whichever comes first, none keeps it.
pub async fn no_api_key_keeps_a_role_that_is_being_deleted(storage: &Storage) {
    let promise = "no API key keeps a role that is being deleted";
    let ann = stored_user(&storage.store, "ann").await;
    for round in 0..3 {
        let clerk = stored_role(&storage.store, &format!("clerk{round}")).await;
        let made = race(RACERS, |number| {
            let store = storage.store.clone();
            let key = ApiKey { roles: vec![clerk.name.clone()], ..api_key(ann.id, at(0)) };
            async move {
                let mut tx = begin(&store).await;
                if number == RACERS / 2 {
                    assert!(kept(tx.roles().delete(&key.roles[0], at(1)).await, promise), "nobody else deletes it");
                    commit(tx).await;
                    return None;
                }
                match tx.api_keys().insert(&key, u32::MAX).await {
                    Ok(()) => {
                        commit(tx).await;
                        Some(key.id)
                    }
                    Err(StoreError::Conflict) => None,
                    Err(error) => panic!("{promise}: whoever comes late gets Conflict, not {error:?}"),
                }
            }
        })
        .await;
        for id in made.into_iter().flatten() {
            let read = key_in(&storage.store, id).await.map(|(key, _)| (key.roles, key.updated_at, key.version));
            assert_eq!(read, Some((Vec::new(), at(1), 2)), "{promise}");
        }
    }
}
