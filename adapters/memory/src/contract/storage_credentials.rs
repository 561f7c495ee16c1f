//! Passwords in the store.

use std::time::Duration;

use portcullis_domain::accounts::User;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::sessions::{RevocationReason, Revoked};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, begin, commit, hash, kept, race, refused, session, session_in, stored_session, stored_user,
    user, user_in,
};

/// `Duplicate(Id)` for a second one.
pub async fn a_password_is_added_once(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.credentials().insert(ann.id, &hash("second")).await, "a password is added once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    let mut tx = begin(&storage.store).await;
    let read = kept(tx.credentials().of(ann.id).await, "the password is read");
    assert_eq!(read, Some(hash("current")), "the password survives as it was written");
}

/// Compare and swap.
pub async fn a_password_is_replaced_only_if_it_is_the_old_one(storage: &Storage) {
    let promise = "a password is replaced only if it is the old one";
    let ann = stored_user(&storage.store, "ann").await;
    let ben = stored_user(&storage.store, "ben").await;
    let mut tx = begin(&storage.store).await;
    for wrong in ["other", "Current", "current ", ""] {
        let done = kept(tx.credentials().replace(ann.id, &hash(wrong), &hash("new")).await, promise);
        assert!(!done, "{promise}: {wrong:?} is not the old one");
    }
    let nobody = UserId::new(at(0), &RANDOM);
    let done = kept(tx.credentials().replace(nobody, &hash("current"), &hash("new")).await, promise);
    assert!(!done, "{promise}: nobody has none");
    assert_eq!(kept(tx.credentials().of(ann.id).await, promise), Some(hash("current")), "`false` changes nothing");
    assert!(kept(tx.credentials().replace(ann.id, &hash("current"), &hash("new")).await, promise), "{promise}");
    commit(tx).await;
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.credentials().of(ann.id).await, promise), Some(hash("new")), "the new one is stored");
    assert_eq!(kept(tx.credentials().of(ben.id).await, promise), Some(hash("current")), "others keep theirs");
}

/// `confirm` compares exactly.
pub async fn a_password_is_confirmed_only_if_it_is_the_one(storage: &Storage) {
    let promise = "a password is confirmed only if it is the one";
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.credentials().confirm(ann.id, &hash("CURRENT")).await, promise), "{promise}");
    assert!(!kept(tx.credentials().confirm(UserId::new(at(0), &RANDOM), &hash("current")).await, promise), "{promise}");
    assert!(kept(tx.credentials().confirm(ann.id, &hash("current")).await, promise), "{promise}");
    commit(tx).await;
}

/// After `true` a concurrent replacement waits for the end of the unit.
pub async fn a_confirmed_password_stays_until_the_unit_ends(storage: &Storage) {
    let promise = "a confirmed password stays until the unit ends";
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.credentials().confirm(ann.id, &hash("current")).await, promise), "{promise}");

    let store = storage.store.clone();
    let replacement = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        let done = kept(tx.credentials().replace(ann.id, &hash("current"), &hash("new")).await, "a replacement waits");
        commit(tx).await;
        done
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!replacement.is_finished(), "{promise}: another unit has replaced it");
    let mut other = begin(&storage.store).await;
    assert_eq!(kept(other.credentials().of(ann.id).await, promise), Some(hash("current")), "{promise}");
    drop(other);
    kept(tx.sessions().insert(&session(&ann, at(0))).await, promise);
    commit(tx).await;
    assert!(kept(replacement.await, promise), "the replacement goes on when the unit has ended");
}

/// After a committed replacement `confirm` says `false`, in a unit that began before it too.
pub async fn a_replaced_password_is_not_confirmed_afterwards(storage: &Storage) {
    let promise = "a replaced password is not confirmed afterwards";
    let ann = stored_user(&storage.store, "ann").await;
    let mut early = begin(&storage.store).await;
    assert_eq!(kept(early.credentials().of(ann.id).await, promise), Some(hash("current")), "{promise}");
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.credentials().replace(ann.id, &hash("current"), &hash("new")).await, promise), "{promise}");
    commit(tx).await;
    assert!(!kept(early.credentials().confirm(ann.id, &hash("current")).await, promise), "{promise}");
}

/// Neither a change nor the end of an account that is held goes before the end of the unit, and no session of it.
pub async fn an_account_that_is_held_stays_until_the_unit_ends(storage: &Storage) {
    let promise = "an account that is held stays until the unit ends";
    let ann = user("ann");
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&ann).await, promise);
    commit(tx).await;
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().hold(ann.id).await, promise), "{promise}: it is there");

    let (store, changed) = (storage.store.clone(), User { email_verified: true, ..ann.clone() });
    let change = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        kept(tx.users().update(&changed).await, "a change waits");
        commit(tx).await;
    });
    let (store, held) = (storage.store.clone(), ann.id);
    let holder = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        kept(tx.users().hold(held).await, "another one waits")
    });
    let (store, begun) = (storage.store.clone(), session(&ann, at(0)));
    let start = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        kept(tx.sessions().insert(&begun).await, "a session waits");
        commit(tx).await;
    });
    let (store, held) = (storage.store.clone(), ann.id);
    let first_password = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        kept(tx.credentials().put(held, &hash("first")).await, "a password waits");
        commit(tx).await;
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (what, done) in [
        ("changed", change.is_finished()),
        ("held", holder.is_finished()),
        ("given a session", start.is_finished()),
        ("given a password", first_password.is_finished()),
    ] {
        assert!(!done, "{promise}: it was {what}");
    }
    assert_eq!(user_in(&storage.store, ann.id).await, Some(ann.clone()), "{promise}: everybody can read it");
    commit(tx).await;
    kept(change.await, "the change goes on when the unit has ended");
    assert!(kept(holder.await, promise), "so does the next one who holds it");
    kept(start.await, "and the session");
    kept(first_password.await, "and the password");

    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().hold(ann.id).await, promise), "{promise}");
    let (store, held) = (storage.store.clone(), ann.id);
    let end = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        let gone = kept(tx.users().delete(held).await, "the end waits");
        commit(tx).await;
        gone
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!end.is_finished(), "{promise}: it was deleted");
    drop(tx);
    assert!(kept(end.await, promise), "the end comes when the unit was dropped");
}

/// An unknown account, and one that has gone.
pub async fn nobody_holds_an_account_that_is_not_there(storage: &Storage) {
    let promise = "nobody holds an account that is not there";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, user("ben"));
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().delete(ann.id).await, promise), "{promise}");
    commit(tx).await;
    for id in [ann.id, ben.id] {
        let mut tx = begin(&storage.store).await;
        assert!(!kept(tx.users().hold(id).await, promise), "{promise}");
    }
}

/// Race of replacements.
pub async fn of_racing_replacements_one_succeeds(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let answers = race(RACERS, |number| {
        let store = storage.store.clone();
        async move {
            let new = hash(&format!("new{number}"));
            let mut tx = begin(&store).await;
            let done = kept(tx.credentials().replace(ann.id, &hash("current"), &new).await, "a replacement may lose");
            commit(tx).await;
            done.then_some(new)
        }
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "of {RACERS} racing replacements exactly one succeeds");
    let mut tx = begin(&storage.store).await;
    let read = kept(tx.credentials().of(ann.id).await, "the password is read");
    assert_eq!(read.as_ref(), winners.first(), "what is stored is what the winner wrote");
}

/// Logins race a change of the password: afterwards no session of the old password is live.
pub async fn no_session_begins_with_a_password_that_is_being_replaced(storage: &Storage) {
    let promise = "no session begins with a password that is being replaced";
    for round in 0..5 {
        let ann = stored_user(&storage.store, &format!("ann{round}")).await;
        let before = session(&ann, at(0));
        stored_session(&storage.store, &before).await;
        let begun = race(RACERS, |number| {
            let (store, login) = (storage.store.clone(), session(&ann, at(1)));
            async move {
                let mut tx = begin(&store).await;
                if number == RACERS / 2 {
                    let done =
                        kept(tx.credentials().replace(login.user, &hash("current"), &hash("new")).await, promise);
                    assert!(done, "nobody else replaces the password");
                    let revoked = Revoked { at: at(2), reason: RevocationReason::PasswordChanged };
                    kept(tx.sessions().revoke_all_of(login.user, None, revoked).await, promise);
                    commit(tx).await;
                    return None;
                }
                if !kept(tx.credentials().confirm(login.user, &hash("current")).await, promise) {
                    return None;
                }
                kept(tx.sessions().insert(&login).await, promise);
                commit(tx).await;
                Some(login.id)
            }
        })
        .await;
        for id in begun.into_iter().flatten().chain([before.id]) {
            let live = session_in(&storage.store, id).await.is_some_and(|session| session.is_live(at(3)));
            assert!(!live, "{promise}: session {id} of the old password is live after the change");
        }
    }
}
