//! All sessions of an account, and those in which somebody else acts.

use portcullis_domain::caller::Impersonation;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::sessions::{RevocationReason, Revoked, Session};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, begin, commit, kept, race, refused, session, session_in, stored_session, stored_user,
};

const REVOKED: Revoked = Revoked { at: at(10), reason: RevocationReason::RevokedByAdmin };

fn acting(by: UserId, read_only: bool, plain: Session) -> Session {
    Session { impersonation: Some(Impersonation { by, read_only }), ..plain }
}

/// Ended ones too, newest first, with pages of every size.
pub async fn all_sessions_of_an_account_are_listed(storage: &Storage) {
    let promise = "pages hold every session of the account once, ended or not, the newest first";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let mut all = Vec::new();
    for number in [3, 0, 4, 1, 2, 5] {
        let plain = session(&ann, at(number));
        let one = match number {
            0 => Session { revoked: Some(REVOKED), ..plain },
            1 => Session { idle_expires_at: at(2), ..plain },
            2 => acting(ben.id, true, plain),
            3 => Session { idle_expires_at: at(-9), expires_at: at(-9), ..plain },
            _ => plain,
        };
        stored_session(&storage.store, &one).await;
        all.push(one);
    }
    stored_session(&storage.store, &session(&ben, at(3))).await;
    all.sort_by_key(|session| std::cmp::Reverse(session.id));
    for limit in [1, 2, 4, 6, 100] {
        let (mut paged, mut after) = (Vec::new(), None);
        let mut tx = begin(&storage.store).await;
        loop {
            let page = kept(tx.sessions().all_of(ann.id, after, limit).await, promise);
            assert!(page.len() <= limit as usize, "a page has at most {limit} sessions");
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            paged.extend(page);
            assert!(paged.len() <= all.len(), "pages of {limit} repeat sessions");
        }
        assert_eq!(paged, all, "{promise}: pages of {limit}");
    }
    let mut tx = begin(&storage.store).await;
    let new = session(&ann, at(9));
    kept(tx.sessions().insert(&new).await, promise);
    let page = kept(tx.sessions().all_of(ann.id, None, 1).await, promise);
    assert_eq!(page, [new], "{promise}: the unit's own too");
    let nobody = UserId::new(at(0), &RANDOM);
    assert_eq!(kept(tx.sessions().all_of(nobody, None, 9).await, promise), [], "{promise}: nobody has any");
}

/// Live ones in which this one acts, whoever's they are; also when the one who acts has just been deleted.
pub async fn impersonations_end_with_their_impersonator(storage: &Storage) {
    let promise = "the sessions in which an account acts as another end at once";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let (boss, chief) = (stored_user(&storage.store, "boss").await.id, stored_user(&storage.store, "chief").await.id);
    let hers = acting(boss, true, session(&ann, at(0)));
    let his = acting(boss, false, session(&ben, at(1)));
    let over = Session { idle_expires_at: at(10), ..acting(boss, true, session(&ann, at(2))) };
    let ended = Revoked { at: at(3), reason: RevocationReason::Logout };
    let ended = Session { revoked: Some(ended), ..acting(boss, true, session(&ann, at(3))) };
    let others = acting(chief, true, session(&ann, at(4)));
    let own = session(&ann, at(5));
    let untouched = [over, ended, others, own];
    for one in [&hers, &his].into_iter().chain(&untouched) {
        stored_session(&storage.store, one).await;
    }
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().delete(boss).await, promise), "there was an account");
    let mut found = kept(tx.sessions().revoke_impersonations(boss, REVOKED).await, promise);
    found.sort_by_key(|(_, id)| *id);
    assert_eq!(found, [(ann.id, hers.id), (ben.id, his.id)], "{promise}: it says which ones, and whose");
    let again = kept(tx.sessions().revoke_impersonations(boss, REVOKED).await, promise);
    assert_eq!(again, [], "{promise}: each once");
    commit(tx).await;
    for one in [hers, his] {
        let expected = Session { revoked: Some(REVOKED), ..one.clone() };
        assert_eq!(session_in(&storage.store, one.id).await, Some(expected), "{promise}");
    }
    for one in untouched {
        assert_eq!(session_in(&storage.store, one.id).await, Some(one), "{promise}: and no other");
    }
}

/// Race of revocations.
pub async fn of_racing_ends_of_impersonations_each_is_ended_once(storage: &Storage) {
    let boss = stored_user(&storage.store, "boss").await.id;
    let mut all = Vec::new();
    for number in 0..10 {
        let ann = stored_user(&storage.store, &format!("ann{number}")).await;
        let one = acting(boss, true, session(&ann, at(0)));
        stored_session(&storage.store, &one).await;
        all.push(one.id);
    }
    let ended = race(RACERS, |number| {
        let (store, first) = (storage.store.clone(), all[number % all.len()]);
        async move {
            let mut tx = begin(&store).await;
            let ended: Vec<SessionId> = if number % 2 == 0 {
                let found = tx.sessions().revoke_impersonations(boss, REVOKED).await;
                kept(found, "a revocation may come second").into_iter().map(|(_, id)| id).collect()
            } else {
                let done = kept(tx.sessions().revoke(first, REVOKED).await, "a revocation may come second");
                done.then_some(first).into_iter().collect()
            };
            commit(tx).await;
            ended
        }
    })
    .await;
    let mut ended = ended.concat();
    ended.sort();
    all.sort();
    assert_eq!(ended, all, "of racing revocations each session is ended by one, and told to it alone");
}

/// Dropped, and after an error.
pub async fn an_end_of_impersonations_dropped_never_happened(storage: &Storage) {
    let promise = "an end of impersonations that is not committed never happened";
    let (ann, boss) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "boss").await.id);
    let one = acting(boss, true, session(&ann, at(0)));
    stored_session(&storage.store, &one).await;
    for fails in [false, true] {
        let mut tx = begin(&storage.store).await;
        let found = kept(tx.sessions().revoke_impersonations(boss, REVOKED).await, promise);
        assert_eq!(found, [(ann.id, one.id)], "{promise}: the unit ends it");
        if fails {
            refused(tx.sessions().insert(&one).await, "a session id is taken once");
            refused(tx.sessions().revoke_impersonations(boss, REVOKED).await, "after an error nothing is ended");
            refused(tx.sessions().all_of(ann.id, None, 9).await, "after an error nothing is read");
            refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
        } else {
            drop(tx);
        }
        assert_eq!(session_in(&storage.store, one.id).await.as_ref(), Some(&one), "{promise}");
    }
}
