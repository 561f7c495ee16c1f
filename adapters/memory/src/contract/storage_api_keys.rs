//! API keys: adding, changing, listing.

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyInUse, KeyQuery, KeyUsage, Permissions};
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::secret::SecretDigest;

use super::Storage;
use super::samples::{RACERS, RANDOM, at, begin, commit, each_done_or_full, kept, race, refused, stored_user};
use super::samples_access::{
    api_key, disabled, granted, key_in, permissions, role_name, secret, stored_key, stored_role,
};

/// The networks in texts, as the type that the key has them in.
fn networks<N: FromStr<Err: Debug>>(texts: &[&str]) -> Vec<N> {
    texts.iter().map(|text| kept(text.parse(), "the suite's networks are networks")).collect()
}

/// An API key with every field at one of its ends, in each of several ways.
fn extremes(owner: &User) -> Vec<ApiKey> {
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let micro = Timestamp::from_unix_micros(at(0).as_unix_micros() + 1);
    let many: Vec<_> = (0..200).map(|number| format!("resource-{number}:action_{number}")).collect();
    let narrow: Vec<_> = (0..50).map(|number| format!("10.{number}.0.0/16")).collect();
    let narrow: Vec<_> = narrow.iter().map(String::as_str).collect();
    let plain = || api_key(owner.id, at(0));
    vec![
        plain(),
        ApiKey { name: "日本 '\"%\\ ".repeat(14), permissions: Permissions::all(), ..plain() },
        ApiKey { secret: SecretDigest([0; 32]), previous: Some((SecretDigest([0xFF; 32]), last)), ..plain() },
        ApiKey { permissions: permissions(&many.join(" ")), networks: networks(&narrow), ..plain() },
        ApiKey { permissions: Permissions::default(), roles: ["a", "a-b", "a_b"].map(role_name).to_vec(), ..plain() },
        // In an order of their own.
        ApiKey { networks: networks(&["2001:db8::/32", "::/0", "192.0.2.1/32", "0.0.0.0/0", "::1/128"]), ..plain() },
        ApiKey { quota: Some(Quota { burst: u32::MAX, period: Duration::from_secs(86_400) }), ..plain() },
        ApiKey { quota: Some(Quota { burst: 1, period: Duration::from_millis(1) }), version: u32::MAX, ..plain() },
        ApiKey { created_at: first, updated_at: last, expires_at: Some(micro), revoked_at: Some(first), ..plain() },
        ApiKey { updated_at: micro, expires_at: Some(first), revoked_at: Some(last), ..plain() },
    ]
}

/// Round trip of every field, extremes included; no use is counted yet.
pub async fn every_field_of_an_api_key_survives(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    for name in ["a_b", "a", "a-b"] {
        stored_role(&storage.store, name).await;
    }
    for written in extremes(&ann) {
        stored_key(&storage.store, &written).await;
        let read = key_in(&storage.store, written.id).await;
        assert_eq!(read, Some((written, KeyUsage::default())), "every field of an API key survives");
    }
    let stranger = ApiKeyId::new(at(0), &RANDOM);
    assert_eq!(key_in(&storage.store, stranger).await, None, "a key that nobody created is not found");
}

/// `Duplicate(Id)`.
pub async fn an_api_key_id_is_taken_once(storage: &Storage) {
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let key = api_key(ann.id, at(0));
    stored_key(&storage.store, &key).await;
    let mut tx = begin(&storage.store).await;
    let twin = ApiKey { id: key.id, ..api_key(ben.id, at(1)) };
    let error = refused(tx.api_keys().insert(&twin, u32::MAX).await, "the id of an API key is taken once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    let read = key_in(&storage.store, key.id).await.map(|(key, _)| key);
    assert_eq!(read, Some(key), "a refused key leaves no trace");
}

/// `Conflict` without them, also when they were deleted a moment ago.
pub async fn an_api_key_needs_its_account_and_its_roles(storage: &Storage) {
    let promise = "an API key needs its account and its roles";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let (clerk, gone) = (stored_role(&storage.store, "clerk").await, stored_role(&storage.store, "gone").await);
    let mut tx = begin(&storage.store).await;
    kept(tx.users().delete(ben.id).await, "an account is deleted");
    kept(tx.roles().delete(&gone.name, at(1)).await, "a role is deleted");
    commit(tx).await;
    let of_ann =
        |roles: &[&str]| ApiKey { roles: roles.iter().map(|name| role_name(name)).collect(), ..api_key(ann.id, at(0)) };
    let ghost = UserId::new(at(0), &RANDOM);
    for key in [api_key(ghost, at(0)), api_key(ben.id, at(0)), of_ann(&["clerk", "never"]), of_ann(&["gone"])] {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.api_keys().insert(&key, u32::MAX).await, promise);
        assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
        drop(tx);
        assert_eq!(key_in(&storage.store, key.id).await, None, "a refused key leaves no trace");
    }
    let key = of_ann(&["clerk"]);
    stored_key(&storage.store, &key).await;
    let mut tx = begin(&storage.store).await;
    let late = ApiKey { roles: vec![gone.name, clerk.name], ..key.clone() };
    let error = refused(tx.api_keys().update(&late).await, promise);
    assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
    drop(tx);
    let read = key_in(&storage.store, key.id).await.map(|(key, _)| key);
    assert_eq!(read, Some(key), "a refused update changes nothing");
}

/// Every field but `id`, `owner` and `created_at`; the version counts, and what was counted stays.
pub async fn an_update_of_an_api_key_writes_every_field_but_id_owner_and_birth(storage: &Storage) {
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    for name in ["a_b", "a", "a-b"] {
        stored_role(&storage.store, name).await;
    }
    let (mut key, bystander) = (api_key(ann.id, at(0)), api_key(ann.id, at(0)));
    stored_key(&storage.store, &key).await;
    stored_key(&storage.store, &bystander).await;
    let usage = KeyUsage { uses: 7, last_used_at: Some(at(3)) };
    let mut tx = begin(&storage.store).await;
    kept(tx.api_keys().add_uses(&[(key.id, usage)]).await, "uses are counted");
    commit(tx).await;
    for next in extremes(&ben) {
        let next = ApiKey { id: key.id, version: key.version, created_at: at(999), ..next };
        let mut tx = begin(&storage.store).await;
        kept(tx.api_keys().update(&next).await, "the newest version is updated");
        commit(tx).await;
        key = ApiKey { owner: ann.id, created_at: key.created_at, version: key.version + 1, ..next };
        let read = key_in(&storage.store, key.id).await;
        assert_eq!(read, Some((key.clone(), usage)), "an update writes every field, and leaves what was counted");
    }
    let read = key_in(&storage.store, bystander.id).await.map(|(key, _)| key);
    assert_eq!(read, Some(bystander), "and no other key");
}

/// `Conflict` for an older or newer version, and when there is no key.
pub async fn an_update_of_an_old_version_of_an_api_key_is_a_conflict(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let key = api_key(ann.id, at(0));
    stored_key(&storage.store, &key).await;
    let mut tx = begin(&storage.store).await;
    kept(tx.api_keys().update(&key).await, "the newest version is updated");
    commit(tx).await;
    let (newer, stranger) = (ApiKey { version: 3, ..key.clone() }, api_key(ann.id, at(0)));
    for (what, key) in [("an older version", &key), ("a version yet to come", &newer), ("a stranger", &stranger)] {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.api_keys().update(key).await, "only the newest version of an API key is updated");
        assert!(matches!(error, StoreError::Conflict), "{what}: Conflict, not {error:?}");
    }
    let read = key_in(&storage.store, key.id).await;
    assert_eq!(read.map(|(key, _)| key.version), Some(2), "a refused update changes nothing");
}

/// Two that rotate the secret at the same time: one of the secrets would never work.
pub async fn of_racing_updates_of_an_api_key_one_succeeds(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let key = api_key(ann.id, at(0));
    stored_key(&storage.store, &key).await;
    let answers = race(RACERS, |_| {
        let (store, next) = (storage.store.clone(), ApiKey { secret: secret(), ..key.clone() });
        async move {
            let mut tx = begin(&store).await;
            tx.api_keys().update(&next).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| next.secret)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(secret) => winners.push(secret),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("of racing updates the others get Conflict, not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing updates of one version exactly one succeeds");
    let read = key_in(&storage.store, key.id).await.map(|(key, _)| (key.secret, key.version));
    assert_eq!(read, winners.pop().map(|secret| (secret, 2)), "what is stored is what the winner wrote");
}

/// The key with what its owner is and has at this moment, live or not.
pub async fn an_api_key_in_use_comes_with_what_its_owner_is_and_has(storage: &Storage) {
    let promise = "an API key comes with what its owner is and has";
    let ann = stored_user(&storage.store, "ann").await;
    let (b, a) = (stored_role(&storage.store, "b").await, stored_role(&storage.store, "a").await);
    let key = ApiKey { roles: vec![b.name.clone()], ..api_key(ann.id, at(0)) };
    let over = ApiKey { revoked_at: Some(at(1)), expires_at: Some(at(1)), ..api_key(ann.id, at(0)) };
    stored_key(&storage.store, &key).await;
    stored_key(&storage.store, &over).await;
    let in_use = |id| async move { kept(begin(&storage.store).await.api_keys().in_use(id).await, promise) };
    let mut expected = KeyInUse { key: key.clone(), owner_status: UserStatus::Active, owner_roles: Vec::new() };
    assert_eq!(in_use(key.id).await.as_ref(), Some(&expected), "{promise}: no roles yet");
    granted(&storage.store, ann.id, &b, at(1)).await;
    granted(&storage.store, ann.id, &a, at(1)).await;
    expected.owner_roles = vec![a.name, b.name];
    assert_eq!(in_use(key.id).await.as_ref(), Some(&expected), "{promise}: roles, by name");
    disabled(&storage.store, ann.id).await;
    expected.owner_status = UserStatus::Disabled;
    assert_eq!(in_use(key.id).await.as_ref(), Some(&expected), "{promise}: the status");
    expected.key = over;
    assert_eq!(in_use(expected.key.id).await, Some(expected), "{promise}: also when it is over");
    assert_eq!(in_use(ApiKeyId::new(at(0), &RANDOM)).await, None, "{promise}: nobody created it");
}

/// Every filter alone and with the others, every page size, newest first by id.
pub async fn pages_of_api_keys_are_complete(storage: &Storage) {
    let promise = "pages hold every API key that matches once, the newest first";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let mut all = Vec::new();
    for number in [3, 0, 4, 1, 2, 6, 5, 7, 8] {
        let owner = if number % 3 == 0 { ben.id } else { ann.id };
        let key = ApiKey {
            revoked_at: (number == 4).then(|| at(20)),
            expires_at: [None, Some(at(50)), Some(at(30))][number as usize % 3],
            ..api_key(owner, at(number / 2))
        };
        stored_key(&storage.store, &key).await;
        all.push(key);
    }
    all.sort_by_key(|key| std::cmp::Reverse(key.id));
    for owner in [None, Some(ann.id), Some(ben.id), Some(UserId::new(at(0), &RANDOM))] {
        for live_at in [None, Some(at(20)), Some(at(30)), Some(at(49)), Some(at(50))] {
            let fits = |key: &&ApiKey| {
                owner.is_none_or(|owner| key.owner == owner) && live_at.is_none_or(|now| key.is_live(now))
            };
            let expected: Vec<_> = all.iter().filter(fits).cloned().collect();
            for limit in [1, 2, 4, 100] {
                let mut query = KeyQuery { owner, live_at, after: None, limit };
                let mut paged = Vec::new();
                let mut tx = begin(&storage.store).await;
                loop {
                    let page = kept(tx.api_keys().page(&query).await, promise);
                    assert!(page.len() <= limit as usize, "a page has at most {limit} keys");
                    let Some((last, _)) = page.last() else { break };
                    query.after = Some(last.id);
                    paged.extend(page.into_iter().map(|(key, _)| key));
                    assert!(paged.len() <= all.len(), "pages of {limit} repeat keys");
                }
                assert_eq!(paged, expected, "{promise}: {owner:?}, live at {live_at:?}, by {limit}");
            }
        }
    }
}

/// Neither revoked nor expired ones count, nor those of others; the unit's own do.
pub async fn an_account_has_so_many_live_api_keys_and_no_more(storage: &Storage) {
    let promise = "an account has so many live API keys and no more";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    for (owner, expires_at, revoked_at) in [
        (ann.id, None, None),
        (ann.id, Some(at(50)), None),
        (ann.id, None, Some(at(10))),
        (ann.id, Some(at(60)), Some(at(10))),
        (ben.id, None, None),
    ] {
        stored_key(&storage.store, &ApiKey { expires_at, revoked_at, ..api_key(owner, at(0)) }).await;
    }
    for (now, live) in [(at(0), 2), (at(49), 2), (at(50), 1)] {
        let mut tx = begin(&storage.store).await;
        kept(tx.api_keys().insert(&api_key(ann.id, now), live + 1).await, promise);
        let error = refused(tx.api_keys().insert(&api_key(ann.id, now), live + 1).await, promise);
        assert!(matches!(error, StoreError::Full), "{promise}: at {now} Full, not {error:?}");
        refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
    }
    for none in [api_key(ann.id, at(0)), api_key(ben.id, at(0))] {
        let error = refused(begin(&storage.store).await.api_keys().insert(&none, 0).await, promise);
        assert!(matches!(error, StoreError::Full), "{promise}: Full, not {error:?}");
        assert_eq!(key_in(&storage.store, none.id).await, None, "a refused key leaves no trace");
    }
}

/// Race for the last two places, of two accounts at a time.
pub async fn of_racing_api_keys_no_more_come_than_there_may_be(storage: &Storage) {
    let promise = "of racing API keys no more come than there may be";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    for owner in [ann.id, ben.id] {
        for _ in 0..3 {
            stored_key(&storage.store, &api_key(owner, at(0))).await;
        }
    }
    let answers = race(2 * RACERS, |number| {
        let owner = if number % 2 == 0 { ann.id } else { ben.id };
        let (store, key) = (storage.store.clone(), api_key(owner, at(0)));
        async move {
            let mut tx = begin(&store).await;
            tx.api_keys().insert(&key, 5).await?;
            tx.commit(at(0), Vec::new()).await
        }
    })
    .await;
    each_done_or_full(&answers, promise);
    for owner in [ann.id, ben.id] {
        let query = KeyQuery { owner: Some(owner), limit: 100, ..KeyQuery::default() };
        let there = kept(begin(&storage.store).await.api_keys().page(&query).await, promise);
        assert_eq!(there.len(), 5, "{promise}, and no fewer");
    }
}
