//! Changing and deleting accounts.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::{StoreError, Unique};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, begin, commit, email, hash, kept, race, refused, session, session_in, stored_session,
    stored_user, user, user_in, username,
};

/// Every field but `id` and `created_at`, and the version counts.
pub async fn an_update_writes_every_field_but_id_and_birth(storage: &Storage) {
    let mut ann = stored_user(&storage.store, "ann").await;
    let birth = ann.created_at;
    for (round, name) in [Some(username("Annabel")), None, Some(username("ann"))].into_iter().enumerate() {
        let mut next = ann.clone();
        next.username = name;
        next.email = email(&format!("Round{round}@example.com"));
        next.email_verified = !ann.email_verified;
        next.status = if round == 0 { UserStatus::Disabled } else { UserStatus::Active };
        next.status_reason = (round == 0).then(|| "left the company".to_owned());
        next.must_change_password = round == 1;
        next.created_at = at(999);
        next.updated_at = Timestamp::from_unix_micros(at(1).as_unix_micros() + 1);
        let mut tx = begin(&storage.store).await;
        kept(tx.users().update(&next).await, "the newest version is updated");
        commit(tx).await;
        next.created_at = birth;
        next.version += 1;
        assert_eq!(user_in(&storage.store, ann.id).await.as_ref(), Some(&next), "an update writes every field");
        ann = next;
    }
    let mut last = user("last");
    last.version = u32::MAX - 1;
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&last).await, "an account of any version is added");
    kept(tx.users().update(&last).await, "a very high version is updated");
    commit(tx).await;
    assert_eq!(
        user_in(&storage.store, last.id).await.map(|u| u.version),
        Some(u32::MAX),
        "the version counts to the end"
    );
}

/// `Conflict` for an older or newer version, and when there is no account.
pub async fn an_update_of_an_old_version_is_a_conflict(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.users().update(&ann).await, "the newest version is updated");
    commit(tx).await;
    let mut newer = ann.clone();
    newer.version = 3;
    for (what, user) in [("an older version", &ann), ("a version yet to come", &newer), ("a stranger", &user("ben"))] {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.users().update(user).await, "only the newest version of an account is updated");
        assert!(matches!(error, StoreError::Conflict), "{what}: Conflict, not {error:?}");
    }
    assert_eq!(user_in(&storage.store, ann.id).await.map(|u| u.version), Some(2), "a refused update changes nothing");
}

/// `Duplicate` at update.
pub async fn an_update_cannot_take_a_name_that_is_taken(storage: &Storage) {
    stored_user(&storage.store, "ann").await;
    let ben = stored_user(&storage.store, "ben").await;
    let mut thief = ben.clone();
    thief.email = email("ANN@example.com");
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.users().update(&thief).await, "an update cannot take an address that is taken");
    assert!(matches!(error, StoreError::Duplicate(Unique::Email)), "Duplicate(Email), not {error:?}");
    drop(tx);
    let mut thief = ben.clone();
    thief.username = Some(username("Ann"));
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.users().update(&thief).await, "an update cannot take a username that is taken");
    assert!(matches!(error, StoreError::Duplicate(Unique::Username)), "Duplicate(Username), not {error:?}");
    drop(tx);
    assert_eq!(user_in(&storage.store, ben.id).await, Some(ben), "a refused update changes nothing");
}

/// Race for a version.
pub async fn of_racing_updates_of_a_version_one_succeeds(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let answers = race(RACERS, |number| {
        let (store, mut next) = (storage.store.clone(), ann.clone());
        next.username = Some(username(&format!("racer{number}")));
        async move {
            let mut tx = begin(&store).await;
            tx.users().update(&next).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| next.username)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(name) => winners.push(name),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("of racing updates the others get Conflict, not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing updates of one version exactly one succeeds");
    let read = user_in(&storage.store, ann.id).await.map(|user| (user.username, user.version));
    assert_eq!(read, winners.pop().map(|name| (name, 2)), "what is stored is what the winner wrote");
}

/// Names that were changed away from can be taken, in the same unit even.
pub async fn a_name_given_up_is_free(storage: &Storage) {
    let promise = "a name given up is free";
    let mut ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    ann.username = None;
    ann.email = email("elsewhere@example.com");
    kept(tx.users().update(&ann).await, promise);
    kept(tx.users().insert(&user("ann")).await, promise);
    commit(tx).await;
}

/// Password and sessions go with the account; other accounts keep theirs.
pub async fn a_deleted_account_takes_its_password_and_sessions_along(storage: &Storage) {
    let promise = "a deleted account takes its password and sessions along";
    let ann = stored_user(&storage.store, "ann").await;
    let ben = stored_user(&storage.store, "ben").await;
    let (hers, his) = (session(&ann, at(0)), session(&ben, at(0)));
    stored_session(&storage.store, &hers).await;
    stored_session(&storage.store, &his).await;

    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().delete(ann.id).await, promise), "deleting says that there was an account");
    assert!(!kept(tx.users().delete(ann.id).await, promise), "deleting twice says that there was none");
    commit(tx).await;
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.users().by_id(ann.id).await, promise), None, "{promise}: the account");
    assert_eq!(kept(tx.credentials().of(ann.id).await, promise), None, "{promise}: the password");
    assert!(kept(tx.credentials().of(ben.id).await, promise).is_some(), "another account keeps its password");
    drop(tx);
    assert_eq!(session_in(&storage.store, hers.id).await, None, "{promise}: the session");
    assert_eq!(session_in(&storage.store, his.id).await, Some(his), "another account keeps its sessions");
}

/// Address and username can be taken again, by a new account.
pub async fn the_names_of_a_deleted_account_are_free(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().delete(ann.id).await, "an account is deleted"), "there was an account");
    commit(tx).await;
    let next = stored_user(&storage.store, "ann").await;
    assert_ne!(next.id, ann.id, "a new account is another one");
}

/// Race of deletions.
pub async fn of_racing_deletions_one_finds_the_account(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let answers = race(RACERS, |_| {
        let store = storage.store.clone();
        async move {
            let mut tx = begin(&store).await;
            let found = kept(tx.users().delete(ann.id).await, "a deletion may come second");
            commit(tx).await;
            found
        }
    })
    .await;
    let winners = answers.into_iter().filter(|found| *found).count();
    assert_eq!(winners, 1, "of {RACERS} racing deletions exactly one finds the account");
}

/// Every page size gives every account once, with its password if it has one.
pub async fn pages_of_accounts_come_by_id_with_their_passwords(storage: &Storage) {
    let promise = "pages hold every account once, by id, with its password";
    let mut expected = Vec::new();
    for number in [3, 0, 4, 1, 2, 5, 6] {
        let mut one = user(&format!("user{number}"));
        one.id = UserId::new(at(number % 3), &RANDOM);
        let password = (number != 4).then(|| hash(&format!("of {number}")));
        let mut tx = begin(&storage.store).await;
        kept(tx.users().insert(&one).await, "an account whose names are free is added");
        if let Some(password) = &password {
            kept(tx.credentials().insert(one.id, password).await, "an account without a password gets one");
        }
        commit(tx).await;
        expected.push((one, password));
    }
    expected.sort_by_key(|(user, _)| user.id);
    for limit in [1, 2, 3, 7, 100] {
        let (mut paged, mut after) = (Vec::new(), None);
        let mut tx = begin(&storage.store).await;
        loop {
            let page = kept(tx.users().page(after, limit).await, promise);
            assert!(page.len() <= limit as usize, "a page has at most {limit} accounts");
            let Some((last, _)) = page.last() else { break };
            after = Some(last.id);
            paged.extend(page);
            assert!(paged.len() <= expected.len(), "pages of {limit} repeat accounts");
        }
        assert_eq!(paged, expected, "{promise}: pages of {limit}");
    }
    let mut tx = begin(&storage.store).await;
    let gone = expected.remove(2).0.id;
    assert!(kept(tx.users().delete(gone).await, promise), "there was an account");
    assert_eq!(kept(tx.users().page(None, 100).await, promise), expected, "{promise}: as the unit sees them");
    let rest = kept(tx.users().page(Some(gone), 100).await, promise);
    assert_eq!(rest, expected[2..], "{promise}: a page goes on after an account that is gone");
}
