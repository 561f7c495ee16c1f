//! Whether a password may be used.

use std::time::Duration;

use portcullis_domain::accounts::CredentialState::{self, MustChange, Suspended, Usable};
use portcullis_domain::accounts::User;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::sessions::{RevocationReason, Revoked};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, begin, commit, hash, kept, race, refused, session, session_in, stored_user, user,
};

async fn set(storage: &Storage, user: &User, state: CredentialState) {
    let mut tx = begin(&storage.store).await;
    kept(tx.credentials().set_state(user.id, state).await, "the state of a password is set");
    commit(tx).await;
}

/// Whether a session starts with this password; none is left behind.
async fn starts(storage: &Storage, user: &User, password: &str) -> bool {
    let mut tx = begin(&storage.store).await;
    let started = tx.sessions().start(&session(user, at(0)), &hash(password)).await;
    kept(started, "a start answers").is_some()
}

/// Only with a password that is usable, as it is from the beginning.
pub async fn a_session_starts_only_with_a_password_that_may_be_used(storage: &Storage) {
    let promise = "a session starts only with a password that may be used";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    assert!(starts(storage, &ann, "current").await, "{promise}: a password that is added may");
    for (state, may) in [(MustChange, false), (Usable, true), (Suspended, false), (MustChange, false), (Usable, true)] {
        set(storage, &ann, state).await;
        assert_eq!(starts(storage, &ann, "current").await, may, "{promise}: {state:?}");
        assert!(!starts(storage, &ann, "wrong").await, "{promise}: and only with the right one");
        assert!(starts(storage, &ben, "current").await, "{promise}: others are not touched");
        let mut tx = begin(&storage.store).await;
        let right = kept(tx.credentials().confirm(ann.id, &hash("current")).await, promise);
        assert!(right, "a password is confirmed whatever its state");
        assert_eq!(kept(tx.credentials().of(ann.id).await, promise), Some(hash("current")), "and read");
    }
    let nobody = User { id: UserId::new(at(0), &RANDOM), ..user("ghost") };
    set(storage, &nobody, Usable).await;
    assert!(!starts(storage, &nobody, "current").await, "where there is no password nothing happens");
}

/// Not a suspended one; otherwise the state stays what it was.
pub async fn a_password_that_is_replaced_keeps_its_state(storage: &Storage) {
    let promise = "a password that is replaced keeps its state";
    let ann = stored_user(&storage.store, "ann").await;
    let mut current = "current".to_owned();
    for (state, replaces) in
        [(Usable, true), (MustChange, true), (Suspended, false), (MustChange, true), (Usable, true)]
    {
        set(storage, &ann, state).await;
        let next = format!("after {current}");
        let mut tx = begin(&storage.store).await;
        let done = kept(tx.credentials().replace(ann.id, &hash(&current), &hash(&next)).await, promise);
        assert_eq!(done, replaces, "a password is replaced unless it is suspended: {state:?}");
        commit(tx).await;
        if done {
            current = next;
        }
        assert_eq!(starts(storage, &ann, &current).await, state == Usable, "{promise}: {state:?}");
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.credentials().of(ann.id).await, promise), Some(hash(&current)), "{promise}: {state:?}");
    }
}

/// Usable then, whatever it was; `Conflict` where nobody is.
pub async fn a_password_is_put_whether_there_was_one_or_not(storage: &Storage) {
    let promise = "a password is put whether there was one or not";
    let (ann, cat) = (stored_user(&storage.store, "ann").await, user("cat"));
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&cat).await, "an account whose names are free is added");
    commit(tx).await;
    for (who, state) in [(&ann, Usable), (&ann, Suspended), (&ann, MustChange), (&cat, Usable), (&cat, Suspended)] {
        set(storage, who, state).await;
        let mut tx = begin(&storage.store).await;
        kept(tx.credentials().put(who.id, &hash(&format!("{state:?}"))).await, promise);
        commit(tx).await;
        assert!(starts(storage, who, &format!("{state:?}")).await, "{promise}: and may be used, whatever was before");
        assert!(!starts(storage, who, "current").await, "{promise}: the one before is no more");
    }
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.credentials().put(UserId::new(at(0), &RANDOM), &hash("x")).await, "nobody has no password");
    assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
}

/// All of them succeed; one of them is the last.
pub async fn of_racing_puts_of_a_password_none_fails(storage: &Storage) {
    let promise = "of passwords that are put at the same time none fails";
    let cat = user("cat");
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&cat).await, "an account whose names are free is added");
    commit(tx).await;
    let put = race(RACERS, |number| {
        let (store, hash) = (storage.store.clone(), hash(&format!("put{number}")));
        async move {
            let mut tx = begin(&store).await;
            kept(tx.credentials().put(cat.id, &hash).await, promise);
            commit(tx).await;
            hash
        }
    })
    .await;
    let last = kept(begin(&storage.store).await.credentials().of(cat.id).await, promise);
    assert!(last.is_some_and(|last| put.contains(&last)), "{promise}: one of them is the password");
}

/// Dropped, and after an error.
pub async fn a_state_of_a_dropped_unit_never_happened(storage: &Storage) {
    let promise = "what a unit does to passwords that is not committed never happened";
    let ann = stored_user(&storage.store, "ann").await;
    for fails in [false, true] {
        let mut tx = begin(&storage.store).await;
        kept(tx.credentials().put(ann.id, &hash("put")).await, promise);
        kept(tx.credentials().set_state(ann.id, Suspended).await, promise);
        let started = kept(tx.sessions().start(&session(&ann, at(0)), &hash("put")).await, promise);
        assert_eq!(started, None, "a unit sees its own writes");
        if fails {
            refused(tx.credentials().insert(ann.id, &hash("twice")).await, "a password is added once");
            refused(tx.credentials().set_state(ann.id, Usable).await, "after an error nothing is set");
            refused(tx.credentials().put(ann.id, &hash("put")).await, "after an error nothing is put");
            refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
        } else {
            drop(tx);
        }
        assert!(starts(storage, &ann, "current").await, "{promise}");
    }
}

/// Whichever comes second waits for the first, and sees what it has done.
pub async fn a_start_and_a_suspension_wait_for_each_other(storage: &Storage) {
    let promise = "a start and a suspension wait for each other";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let mut tx = begin(&storage.store).await;
    kept(tx.credentials().set_state(ann.id, Suspended).await, promise);
    let (store, hers) = (storage.store.clone(), session(&ann, at(0)));
    let login = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        let started = kept(tx.sessions().start(&hers, &hash("current")).await, "a start waits");
        commit(tx).await;
        started
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!login.is_finished(), "{promise}: the start has got an answer");
    commit(tx).await;
    assert_eq!(kept(login.await, promise), None, "{promise}: the start sees the suspension");

    let his = session(&ben, at(0));
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.sessions().start(&his, &hash("current")).await, promise).is_some(), "{promise}: it may start");
    let store = storage.store.clone();
    let disabling = tokio::spawn(async move {
        let mut tx = begin(&store).await;
        kept(tx.credentials().set_state(ben.id, Suspended).await, "a suspension waits");
        let revoked = Revoked { at: at(1), reason: RevocationReason::AccountDisabled };
        let ended = kept(tx.sessions().revoke_all_of(ben.id, None, revoked).await, "sessions are ended");
        commit(tx).await;
        ended
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!disabling.is_finished(), "{promise}: the suspension is done");
    commit(tx).await;
    assert_eq!(kept(disabling.await, promise), [his.id], "{promise}: the suspension sees the session");
}

/// Logins race a suspension: afterwards no session is live.
pub async fn no_session_starts_at_an_account_that_is_being_suspended(storage: &Storage) {
    let promise = "no session starts at an account that is being suspended";
    for (round, state) in [Suspended, MustChange, Suspended, MustChange, Suspended].into_iter().enumerate() {
        let ann = stored_user(&storage.store, &format!("ann{round}")).await;
        let begun = race(RACERS, |number| {
            let (store, login) = (storage.store.clone(), session(&ann, at(1)));
            async move {
                let mut tx = begin(&store).await;
                if number == RACERS / 2 {
                    kept(tx.credentials().set_state(login.user, state).await, promise);
                    let revoked = Revoked { at: at(2), reason: RevocationReason::AccountDisabled };
                    kept(tx.sessions().revoke_all_of(login.user, None, revoked).await, promise);
                    commit(tx).await;
                    return None;
                }
                kept(tx.sessions().start(&login, &hash("current")).await, promise)?;
                commit(tx).await;
                Some(login.id)
            }
        })
        .await;
        for id in begun.into_iter().flatten() {
            let live = session_in(&storage.store, id).await.is_some_and(|session| session.is_live(at(3)));
            assert!(!live, "{promise}: session {id} is live after it");
        }
    }
}
