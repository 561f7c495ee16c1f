//! Sessions that begin with a password.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{CredentialState, User};
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::ports::store::{Store, StoreError, Tx, Unique};
use portcullis_domain::sessions::{RevocationReason, Revoked, Session};

use super::Storage;
use super::samples::{
    RACERS, at, attempt_key, attempts_in, audited, begin, commit, entry, everything, hash, kept, noted, race, refused,
    session, session_in, stored_session, stored_user, user,
};
use super::storage_sessions::extremes;

/// `None` and nothing added with another password, and for nobody.
pub async fn a_session_starts_only_with_the_password_of_its_account(storage: &Storage) {
    let promise = "a session starts only with the password of its account";
    let ann = stored_user(&storage.store, "ann").await;
    let ben = stored_user(&storage.store, "ben").await;
    let (hers, his) = (session(&ann, at(0)), session(&ben, at(0)));
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.credentials().replace(ben.id, &hash("current"), &hash("his")).await, promise), "{promise}");
    for wrong in ["his", "Current", "current ", ""] {
        let started = kept(tx.sessions().start(&hers, &hash(wrong)).await, promise);
        assert_eq!(started, None, "{promise}: {wrong:?} is not hers");
    }
    assert_eq!(kept(tx.sessions().start(&his, &hash("current")).await, promise), None, "{promise}: it was replaced");
    let ghost = session(&user("ghost"), at(0));
    assert_eq!(kept(tx.sessions().start(&ghost, &hash("current")).await, promise), None, "{promise}: nobody");
    assert_eq!(kept(tx.sessions().by_id(hers.id).await, promise), None, "`None` adds nothing");
    assert_eq!(kept(tx.sessions().start(&hers, &hash("current")).await, promise), Some(1), "{promise}");
    assert_eq!(kept(tx.sessions().start(&his, &hash("his")).await, promise), Some(1), "{promise}");
    commit(tx).await;
    assert_eq!(session_in(&storage.store, hers.id).await, Some(hers), "a session that was started is there");
    assert_eq!(session_in(&storage.store, his.id).await, Some(his), "a session that was started is there");
    assert_eq!(session_in(&storage.store, ghost.id).await, None, "`None` adds nothing");
}

/// Round trip of every field, extremes included.
pub async fn every_field_of_a_started_session_survives(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    for mut written in extremes(&session(&ann, at(0))) {
        written.id = session(&ann, at(0)).id;
        let mut tx = begin(&storage.store).await;
        let started = kept(tx.sessions().start(&written, &hash("current")).await, "a session is started");
        assert!(started.is_some(), "a session starts with the password of its account");
        commit(tx).await;
        assert_eq!(session_in(&storage.store, written.id).await, Some(written), "every field of a session survives");
    }
}

/// By the call or by the commit: the session begins with all that the unit did, every field as it was written.
pub async fn a_session_that_starts_with_the_commit_is_there_after_it(storage: &Storage) {
    let promise = "a session that starts with the commit is there after it, with what the unit did";
    let ann = stored_user(&storage.store, "ann").await;
    for mut written in extremes(&session(&ann, at(0))) {
        written.id = session(&ann, at(0)).id;
        let note = entry(at(7), Actor::User(ann.id), Action::LogIn).on(ann.id).in_session(written.id);
        let mut tx = begin(&storage.store).await;
        kept(tx.sessions().start_with_commit(&written, &hash("current"), 100).await, promise);
        kept(tx.audit().append(note.clone()).await, promise);
        kept(tx.commit(at(7), vec![noted(&ann, "begun")]).await, promise);
        assert_eq!(session_in(&storage.store, written.id).await.as_ref(), Some(&written), "{promise}");
        assert!(audited(&storage.store, &everything()).await.contains(&note), "{promise}");
    }
    let claimed = kept(storage.outbox.claim(100, at(8), Duration::from_secs(1)).await, promise);
    assert_eq!(claimed.len(), extremes(&session(&ann, at(0))).len(), "{promise}: one effect each");
}

/// `Conflict` from the call or the commit, and nothing of the unit done; the store goes on.
pub async fn a_session_that_cannot_start_with_the_commit_takes_its_unit_along(storage: &Storage) {
    let promise = "a session that cannot start with the commit takes its unit along";
    let ann = stored_user(&storage.store, "ann").await;
    let ben = stored_user(&storage.store, "ben").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.credentials().set_state(ben.id, CredentialState::Suspended).await, promise);
    commit(tx).await;
    let taken = session(&ann, at(0));
    stored_session(&storage.store, &taken).await;
    let ghost = session(&user("ghost"), at(0));
    let cases = [
        (session(&ann, at(1)), "another", 100, false),
        (session(&ann, at(1)), "current", 1, false),
        (session(&ann, at(1)), "current", 0, false),
        (session(&ben, at(1)), "current", 100, false),
        (ghost, "current", 100, false),
        (Session { ip: None, ..taken.clone() }, "current", 100, true),
    ];
    for (login, password, most, twin) in cases {
        for writes_before in [false, true] {
            let (mut tx, key) = (begin(&storage.store).await, attempt_key());
            if writes_before {
                kept(tx.attempts().fail(&key, at(1), at(0)).await, promise);
            }
            let begun = match tx.sessions().start_with_commit(&login, &hash(password), most).await {
                Ok(()) => {
                    kept(tx.audit().append(entry(at(7), Actor::User(ann.id), Action::LogIn)).await, promise);
                    tx.commit(at(7), vec![noted(&ann, "never")]).await
                }
                Err(error) => {
                    refused(tx.attempts().of(&key).await, "after an error every later call is refused");
                    refused(tx.commit(at(7), vec![noted(&ann, "never")]).await, "after an error the commit is refused");
                    Err(error)
                }
            };
            let error = refused(begun, promise);
            let expected = match error {
                StoreError::Duplicate(Unique::Id) => twin,
                StoreError::Conflict => !twin,
                _ => false,
            };
            assert!(expected, "{promise}: {error:?}, twin: {twin}");
            let there = session_in(&storage.store, login.id).await;
            assert_eq!(there, twin.then(|| taken.clone()), "{promise}");
            assert_eq!(attempts_in(&storage.store, &key).await, None, "{promise}");
        }
    }
    assert_eq!(audited(&storage.store, &everything()).await, [], "{promise}");
    let backlog = kept(storage.outbox.backlog().await, promise);
    assert_eq!(backlog.waiting, 0, "{promise}");
}

/// An account with one session that stays live, one that was revoked, one that is idle at 100 and one that ends at `end`; and
/// somebody else's session.
async fn with_sessions_that_end(storage: &Storage, end: Timestamp) -> User {
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let mut idle = session(&ann, at(0));
    idle.idle_expires_at = at(100);
    let mut ended = session(&ann, at(1));
    (ended.idle_expires_at, ended.expires_at) = (end, end);
    let mut revoked = session(&ann, at(2));
    revoked.revoked = Some(Revoked { at: at(4), reason: RevocationReason::Logout });
    for one in [&idle, &ended, &revoked, &session(&ann, at(3)), &session(&ben, at(4))] {
        stored_session(&storage.store, one).await;
    }
    ann
}

/// Revoked, idle, ended and foreign ones take no place.
pub async fn a_session_starts_with_the_commit_while_there_is_room(storage: &Storage) {
    let promise = "a session starts with the commit while the account has a place for it";
    let ann = with_sessions_that_end(storage, at(100)).await;
    for (created, most, expected) in [(99, 3, false), (100, 1, false), (100, 2, true), (101, 2, false), (101, 3, true)]
    {
        let (tx, login) = (begin(&storage.store).await, session(&ann, at(created)));
        let begun = start_with_commit(tx, &login, most, promise).await;
        assert_eq!(begun, expected, "{promise}: of {most} at {created}");
    }
}

/// Revoked, idle, ended and foreign ones do not count, the new one and the unit's own do.
pub async fn a_start_counts_the_live_sessions_of_the_account(storage: &Storage) {
    let promise = "a start counts the live sessions of the account, the new one included";
    let ann = with_sessions_that_end(storage, at(200)).await;
    for (created, expected) in [(99, 4), (100, 3), (200, 2)] {
        let mut tx = begin(&storage.store).await;
        let count = kept(tx.sessions().start(&session(&ann, at(created)), &hash("current")).await, promise);
        assert_eq!(count, Some(expected), "{promise}: at {created}");
    }
    let mut tx = begin(&storage.store).await;
    for expected in 2..6 {
        let count = kept(tx.sessions().start(&session(&ann, at(200)), &hash("current")).await, promise);
        assert_eq!(count, Some(expected), "{promise}: and those that the unit has added");
    }
    commit(tx).await;
    let mut tx = begin(&storage.store).await;
    let count = kept(tx.sessions().start(&session(&ann, at(201)), &hash("current")).await, promise);
    assert_eq!(count, Some(6), "{promise}");
}

/// `Duplicate(Id)`.
pub async fn a_session_is_started_once(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let web = session(&ann, at(0));
    stored_session(&storage.store, &web).await;
    let mut twin = session(&ann, at(1));
    twin.id = web.id;
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.sessions().start(&twin, &hash("current")).await, "a session id is taken once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    assert_eq!(session_in(&storage.store, web.id).await, Some(web), "the first session stays as it was");
}

/// After a start a concurrent replacement or deletion waits for the end of the unit.
pub async fn the_password_of_a_started_session_stays_until_the_unit_ends(storage: &Storage) {
    let promise = "the password with which a session started stays until the unit ends";
    for deletes in [false, true] {
        let ann = stored_user(&storage.store, &format!("ann{deletes}")).await;
        let web = session(&ann, at(0));
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.sessions().start(&web, &hash("current")).await, promise), Some(1), "{promise}");
        let store = storage.store.clone();
        let other = tokio::spawn(async move {
            let mut tx = begin(&store).await;
            let done = if deletes {
                kept(tx.users().delete(ann.id).await, "a deletion waits")
            } else {
                kept(tx.credentials().replace(ann.id, &hash("current"), &hash("new")).await, "a replacement waits")
            };
            commit(tx).await;
            done
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!other.is_finished(), "{promise}: another unit has changed it");
        commit(tx).await;
        assert!(kept(other.await, promise), "the other one goes on when the unit has ended");
        let there = session_in(&storage.store, web.id).await.is_some();
        assert_ne!(there, deletes, "a deletion takes the session along, a replacement does not");
    }
}

/// A start that waits for a replacement, or for a deletion, sees what that has left.
pub async fn a_start_that_waited_sees_the_new_password(storage: &Storage) {
    let promise = "a start that waited for a change of the password sees the new one";
    for deletes in [false, true] {
        let ann = stored_user(&storage.store, &format!("ann{deletes}")).await;
        let mut tx = begin(&storage.store).await;
        if deletes {
            assert!(kept(tx.users().delete(ann.id).await, promise), "there was an account");
        } else {
            let done = kept(tx.credentials().replace(ann.id, &hash("current"), &hash("new")).await, promise);
            assert!(done, "the password was the current one");
        }
        let (store, web) = (storage.store.clone(), session(&ann, at(0)));
        let login = tokio::spawn(async move {
            let mut tx = begin(&store).await;
            let started = kept(tx.sessions().start(&web, &hash("current")).await, "a start waits");
            commit(tx).await;
            started
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        commit(tx).await;
        assert_eq!(kept(login.await, promise), None, "{promise}");
    }
}

/// How a session is started.
#[derive(Clone, Copy)]
enum Way {
    AtOnce,
    WithCommit,
}

/// Starts a session in a unit of its own, while it is one of at most 100; whether it has begun.
async fn begins(store: &Arc<dyn Store>, login: &Session, way: Way, promise: &str) -> bool {
    let mut tx = begin(store).await;
    match way {
        Way::AtOnce => {
            let begun = kept(tx.sessions().start(login, &hash("current")).await, promise).is_some();
            commit(tx).await;
            begun
        }
        Way::WithCommit => start_with_commit(tx, login, 100, promise).await,
    }
}

/// Whether it has begun.
async fn start_with_commit(mut tx: Box<dyn Tx>, login: &Session, most: u32, promise: &str) -> bool {
    let begun = match tx.sessions().start_with_commit(login, &hash("current"), most).await {
        Ok(()) => tx.commit(login.created_at, Vec::new()).await,
        refused => refused,
    };
    assert!(matches!(begun, Ok(()) | Err(StoreError::Conflict)), "{promise}: {begun:?}");
    begun.is_ok()
}

/// Logins race a change of the password: afterwards no session of the old password is live.
pub async fn no_session_starts_with_a_password_that_is_being_replaced(storage: &Storage) {
    logins_race_a_replacement(storage, Way::AtOnce).await;
}

/// The same for sessions that start with their commit.
pub async fn no_session_starts_by_a_commit_with_a_password_that_is_being_replaced(storage: &Storage) {
    logins_race_a_replacement(storage, Way::WithCommit).await;
}

async fn logins_race_a_replacement(storage: &Storage, way: Way) {
    let promise = "no session starts with a password that is being replaced";
    for round in 0..5 {
        let ann = stored_user(&storage.store, &format!("ann{round}")).await;
        let begun = race(RACERS, |number| {
            let (store, login) = (storage.store.clone(), session(&ann, at(1)));
            async move {
                if number != RACERS / 2 {
                    return begins(&store, &login, way, promise).await.then_some(login.id);
                }
                let mut tx = begin(&store).await;
                let done = kept(tx.credentials().replace(login.user, &hash("current"), &hash("new")).await, promise);
                assert!(done, "nobody else replaces the password");
                let revoked = Revoked { at: at(2), reason: RevocationReason::PasswordChanged };
                kept(tx.sessions().revoke_all_of(login.user, None, revoked).await, promise);
                commit(tx).await;
                None
            }
        })
        .await;
        for id in begun.into_iter().flatten() {
            let there = session_in(&storage.store, id).await;
            assert!(there.is_some(), "{promise}: a session that began is there");
            let live = there.is_some_and(|session| session.is_live(at(3)));
            assert!(!live, "{promise}: session {id} of the old password is live after the change");
        }
        let late = begins(&storage.store, &session(&ann, at(4)), way, promise).await;
        assert!(!late, "{promise}: and none does afterwards");
    }
}

/// Logins race the deletion of the account: none fails, and none leaves a session behind.
pub async fn no_session_starts_at_an_account_that_is_being_deleted(storage: &Storage) {
    let promise = "no session starts at an account that is being deleted";
    for round in 0..5 {
        let ann = stored_user(&storage.store, &format!("ann{round}")).await;
        let begun = race(RACERS, |number| {
            let (store, login) = (storage.store.clone(), session(&ann, at(1)));
            async move {
                let mut tx = begin(&store).await;
                if number == RACERS / 2 {
                    assert!(kept(tx.users().delete(login.user).await, promise), "nobody else deletes the account");
                } else {
                    kept(tx.sessions().start(&login, &hash("current")).await, promise);
                }
                commit(tx).await;
                login.id
            }
        })
        .await;
        for id in begun {
            assert_eq!(session_in(&storage.store, id).await, None, "{promise}");
        }
    }
}
