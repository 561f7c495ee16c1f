//! Roles as such: adding, changing, deleting.

use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, Permissions, Role};
use portcullis_domain::ports::store::{StoreError, Unique};

use super::Storage;
use super::samples::{RACERS, at, begin, commit, each_done_or_full, kept, race, refused, stored_user, user_in};
use super::samples_access::{
    api_key, granted, key_in, permissions, role, role_in, role_name, roles_of, stored_holder, stored_key, stored_role,
};

/// Round trip of every field, extremes included.
pub async fn every_field_of_a_role_survives(storage: &Storage) {
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let micro = Timestamp::from_unix_micros(at(0).as_unix_micros() + 1);
    let many: Vec<_> = (0..200).map(|number| format!("resource-{number}:action_{number}")).collect();
    let longest = format!("{}:{}", "r".repeat(32), "a".repeat(32));
    let variants = [
        Role { permissions: Permissions::all(), ..role("admin") },
        Role { description: String::new(), permissions: Permissions::default(), ..role("user") },
        Role { description: "日本 😀 '\"% \\ ".repeat(16), created_at: first, updated_at: last, ..role("a") },
        Role { permissions: permissions(&many.join(" ")), version: u32::MAX, ..role(&"z".repeat(64)) },
        Role { permissions: permissions(&format!("*:read {longest} a:*")), updated_at: micro, ..role("a.b-c_9") },
    ];
    for written in variants {
        let mut tx = begin(&storage.store).await;
        kept(tx.roles().insert(&written, usize::MAX).await, "a role whose name is free is added");
        commit(tx).await;
        let read = role_in(&storage.store, &written.name).await;
        assert_eq!(read, Some(written), "every field of a role survives");
    }
    assert_eq!(role_in(&storage.store, &role_name("a-b-c_9")).await, None, "names are compared exactly");
}

/// `Duplicate(Id)`.
pub async fn a_role_name_is_taken_once(storage: &Storage) {
    let clerk = stored_role(&storage.store, "clerk").await;
    let mut tx = begin(&storage.store).await;
    let twin = Role { description: "another".to_owned(), ..role("clerk") };
    let error = refused(tx.roles().insert(&twin, usize::MAX).await, "the name of a role is taken once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    assert_eq!(role_in(&storage.store, &clerk.name).await, Some(clerk), "a refused role leaves no trace");
}

/// By name, byte for byte, a unit's own included.
pub async fn roles_come_by_name(storage: &Storage) {
    let sorted = ["a", "a-b", "a.b", "a0", "a_b", "aa", "ab", "b"];
    for name in ["ab", "a_b", "a", "b", "a.b", "aa", "a-b"] {
        stored_role(&storage.store, name).await;
    }
    let mut tx = begin(&storage.store).await;
    kept(tx.roles().insert(&role("a0"), usize::MAX).await, "a role whose name is free is added");
    let read = kept(tx.roles().all().await, "all roles are read");
    assert_eq!(read, sorted.map(role), "all roles come by name, byte for byte");
    drop(tx);
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    for name in ["b", "a_b", "a.b", "aa", "a-b", "a"] {
        kept(tx.roles().grant(ann.id, &role_name(name), at(1)).await, "a role is granted");
    }
    let expected = ["a", "a-b", "a.b", "a_b", "aa", "b"].map(role_name);
    assert_eq!(kept(tx.roles().of(ann.id).await, "roles are read"), expected, "the roles of an account come by name");
}

/// Every field but `name` and `created_at`, and the version counts.
pub async fn an_update_of_a_role_writes_every_field_but_name_and_birth(storage: &Storage) {
    let mut clerk = stored_role(&storage.store, "clerk").await;
    let bystander = stored_role(&storage.store, "clerk2").await;
    for (round, may) in ["", "*:*", "orders:read users:*"].into_iter().enumerate() {
        let next = Role {
            description: format!("round {round}"),
            permissions: permissions(may),
            created_at: at(999),
            updated_at: Timestamp::from_unix_micros(at(1).as_unix_micros() + 1),
            ..clerk.clone()
        };
        let mut tx = begin(&storage.store).await;
        kept(tx.roles().update(&next).await, "the newest version is updated");
        commit(tx).await;
        clerk = Role { created_at: clerk.created_at, version: clerk.version + 1, ..next };
        assert_eq!(role_in(&storage.store, &clerk.name).await.as_ref(), Some(&clerk), "an update writes every field");
    }
    assert_eq!(role_in(&storage.store, &bystander.name).await, Some(bystander), "and no other role");
}

/// `Conflict` for an older or newer version, and when there is no role.
pub async fn an_update_of_an_old_version_of_a_role_is_a_conflict(storage: &Storage) {
    let clerk = stored_role(&storage.store, "clerk").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.roles().update(&clerk).await, "the newest version is updated");
    commit(tx).await;
    let newer = Role { version: 3, ..clerk.clone() };
    let ways = [("an older version", &clerk), ("a version yet to come", &newer), ("a stranger", &role("nobody"))];
    for (what, role) in ways {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.roles().update(role).await, "only the newest version of a role is updated");
        assert!(matches!(error, StoreError::Conflict), "{what}: Conflict, not {error:?}");
    }
    let read = role_in(&storage.store, &clerk.name).await;
    assert_eq!(read.map(|role| role.version), Some(2), "a refused update changes nothing");
}

/// Race for a version: what two administrators allow or forbid at the same time is not mixed.
pub async fn of_racing_updates_of_a_role_one_succeeds(storage: &Storage) {
    let clerk = stored_role(&storage.store, "clerk").await;
    let answers = race(RACERS, |number| {
        let may = permissions(&format!("orders:act{number}"));
        let (store, next) = (storage.store.clone(), Role { permissions: may, ..clerk.clone() });
        async move {
            let mut tx = begin(&store).await;
            tx.roles().update(&next).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| next.permissions)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(permissions) => winners.push(permissions),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("of racing updates the others get Conflict, not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing updates of one version exactly one succeeds");
    let read = role_in(&storage.store, &clerk.name).await.map(|role| (role.permissions, role.version));
    assert_eq!(read, winners.pop().map(|may| (may, 2)), "what is stored is what the winner wrote");
}

/// Race for a name.
pub async fn of_racing_roles_one_gets_the_name(storage: &Storage) {
    let answers = race(RACERS, |number| {
        let (store, role) = (storage.store.clone(), Role { description: format!("of {number}"), ..role("clerk") });
        async move {
            let mut tx = begin(&store).await;
            tx.roles().insert(&role, usize::MAX).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| role)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(role) => winners.push(role),
            Err(StoreError::Duplicate(Unique::Id)) => {}
            Err(error) => panic!("of racing roles the others get Duplicate(Id), not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing roles exactly one gets the name");
    assert_eq!(role_in(&storage.store, &role_name("clerk")).await, winners.pop(), "it is the one that was told so");
}

/// The unit's own count.
pub async fn there_are_so_many_roles_and_no_more(storage: &Storage) {
    let promise = "there are so many roles and no more";
    stored_role(&storage.store, "first").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.roles().insert(&role("second"), 3).await, promise);
    assert!(kept(tx.roles().delete(&role_name("first"), at(1)).await, promise), "it was there");
    for name in ["third", "fourth"] {
        kept(tx.roles().insert(&role(name), 3).await, promise);
    }
    let error = refused(tx.roles().insert(&role("fifth"), 3).await, promise);
    assert!(matches!(error, StoreError::Full), "{promise}: Full, not {error:?}");
    refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
    let all = kept(begin(&storage.store).await.roles().all().await, promise);
    assert_eq!(all, [role("first")], "a refused role leaves no trace");
}

/// Race for the last two places.
pub async fn of_racing_roles_no_more_come_than_there_may_be(storage: &Storage) {
    let promise = "of racing roles no more come than there may be";
    for name in ["a", "b", "c"] {
        stored_role(&storage.store, name).await;
    }
    let answers = race(RACERS, |number| {
        let (store, role) = (storage.store.clone(), role(&format!("role-{number}")));
        async move {
            let mut tx = begin(&store).await;
            tx.roles().insert(&role, 5).await?;
            tx.commit(at(0), Vec::new()).await
        }
    })
    .await;
    each_done_or_full(&answers, promise);
    let there = kept(begin(&storage.store).await.roles().all().await, promise);
    assert_eq!(there.len(), 5, "{promise}, and no fewer");
}

/// Accounts and API keys lose it, and change by that; a later role of that name is nobody's.
pub async fn a_deleted_role_is_taken_from_everybody(storage: &Storage) {
    let promise = "a deleted role is taken from everybody";
    let clerk = stored_role(&storage.store, "clerk").await;
    let other = stored_role(&storage.store, "other").await;
    let ann = stored_holder(&storage.store, "ann", &clerk).await;
    let ben = stored_holder(&storage.store, "ben", &other).await;
    granted(&storage.store, ann.id, &other, at(0)).await;
    let both = ApiKey { roles: vec![clerk.name.clone(), other.name.clone()], ..api_key(ben.id, at(0)) };
    let neither = api_key(ann.id, at(1));
    stored_key(&storage.store, &both).await;
    stored_key(&storage.store, &neither).await;

    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.roles().delete(&clerk.name, at(9)).await, promise), "deleting says that there was a role");
    assert!(!kept(tx.roles().delete(&clerk.name, at(9)).await, promise), "deleting twice says that there was none");
    assert_eq!(
        kept(tx.roles().of(ann.id).await, promise),
        std::slice::from_ref(&other.name),
        "{promise}: as the unit sees it"
    );
    commit(tx).await;

    assert_eq!(role_in(&storage.store, &clerk.name).await, None, "{promise}: it is gone");
    stored_role(&storage.store, "clerk").await;
    assert_eq!(
        roles_of(&storage.store, ann.id).await,
        std::slice::from_ref(&other.name),
        "{promise}: a later role is not theirs"
    );
    let changed = user_in(&storage.store, ann.id).await.map(|user| (user.updated_at, user.version));
    assert_eq!(changed, Some((at(9), 4)), "an account changes by it");
    assert_eq!(user_in(&storage.store, ben.id).await, Some(ben.clone()), "an account that had not got it does not");
    assert_eq!(roles_of(&storage.store, ben.id).await, std::slice::from_ref(&other.name), "and keeps its own");
    let left = ApiKey { roles: vec![other.name], updated_at: at(9), version: 2, ..both.clone() };
    assert_eq!(key_in(&storage.store, both.id).await.map(|(key, _)| key), Some(left), "{promise}: API keys too");
    let read = key_in(&storage.store, neither.id).await.map(|(key, _)| key);
    assert_eq!(read, Some(neither), "an API key that had not got it does not change");
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.api_keys().update(&both).await, "whoever overlooks the deletion is refused");
    assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
}

/// Dropped, and after an error.
pub async fn changes_of_roles_in_a_dropped_unit_never_happened(storage: &Storage) {
    let promise = "changes of roles in a unit that is not committed never happened";
    let clerk = stored_role(&storage.store, "clerk").await;
    let other = stored_role(&storage.store, "other").await;
    let ann = stored_holder(&storage.store, "ann", &clerk).await;
    for fails in [false, true] {
        let mut tx = begin(&storage.store).await;
        kept(tx.roles().update(&Role { permissions: Permissions::all(), ..other.clone() }).await, promise);
        assert!(kept(tx.roles().grant(ann.id, &other.name, at(5)).await, promise), "{promise}: the grant is new");
        assert!(kept(tx.roles().withdraw(ann.id, &clerk.name, at(5)).await, promise), "{promise}: it was held");
        assert!(kept(tx.roles().delete(&clerk.name, at(5)).await, promise), "{promise}: it was there");
        kept(tx.roles().insert(&role("third"), usize::MAX).await, promise);
        if fails {
            refused(tx.roles().insert(&role("third"), usize::MAX).await, "a name that is taken is refused");
            refused(tx.roles().all().await, "after an error nothing is read");
            refused(tx.roles().of(ann.id).await, "after an error nothing is read");
            refused(tx.roles().grant(ann.id, &other.name, at(5)).await, "after an error nothing is granted");
            refused(tx.roles().held_without(&clerk.name, ann.id).await, "after an error nothing is asked");
            refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
        } else {
            drop(tx);
        }
        let mut tx = begin(&storage.store).await;
        let all = kept(tx.roles().all().await, promise);
        assert_eq!(all, [clerk.clone(), other.clone()], "{promise}");
        assert_eq!(kept(tx.roles().of(ann.id).await, promise), std::slice::from_ref(&clerk.name), "{promise}");
        assert_eq!(kept(tx.users().by_id(ann.id).await, promise).as_ref(), Some(&ann), "{promise}: nor of the account");
    }
}
