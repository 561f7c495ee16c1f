//! The end of sessions, and the revocations that stay behind.

use std::collections::HashSet;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::TokenId;
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::sessions::{RevocationReason, Revoked, Session};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, begin, commit, kept, race, session, session_in, stored_session, stored_user, user,
};

const LOGOUT: RevocationReason = RevocationReason::Logout;

/// `true` once, `false` for the second time and for a stranger.
pub async fn a_session_is_revoked_once(storage: &Storage) {
    let promise = "a session is revoked once";
    let ann = stored_user(&storage.store, "ann").await;
    let web = session(&ann, at(0));
    stored_session(&storage.store, &web).await;
    let revoked = Revoked { at: Timestamp::from_unix_micros(at(5).as_unix_micros() + 7), reason: LOGOUT };
    for expected in [true, false] {
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.sessions().revoke(web.id, revoked).await, promise), expected, "{promise}");
        commit(tx).await;
    }
    let expected = Session { revoked: Some(revoked), ..web };
    assert_eq!(session_in(&storage.store, expected.id).await, Some(expected), "instant and reason are kept");
    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.sessions().revoke(session(&ann, at(0)).id, revoked).await, promise), "{promise}: a stranger");
}

/// A later revocation does not change when and why.
pub async fn the_first_revocation_stands(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let web = session(&ann, at(0));
    stored_session(&storage.store, &web).await;
    let first = Revoked { at: at(1), reason: RevocationReason::TokenReuse };
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.sessions().revoke(web.id, first).await, "a session is revoked"), "it was live");
    commit(tx).await;
    let later = Revoked { at: at(2), reason: LOGOUT };
    let mut tx = begin(&storage.store).await;
    assert!(!kept(tx.sessions().revoke(web.id, later).await, "revoking twice is fine"), "it was revoked before");
    let ended = kept(tx.sessions().revoke_all_of(ann.id, None, later).await, "all are revoked");
    assert_eq!(ended, [], "a revoked session is not ended again");
    commit(tx).await;
    let read = session_in(&storage.store, web.id).await.and_then(|session| session.revoked);
    assert_eq!(read, Some(first), "the first revocation stands");
}

/// Race to revoke.
pub async fn of_racing_revocations_one_ends_the_session(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let web = session(&ann, at(0));
    stored_session(&storage.store, &web).await;
    let id = web.id;
    let answers = race(RACERS, |number| {
        let store = storage.store.clone();
        async move {
            let revoked = Revoked { at: at(1 + number as i64), reason: LOGOUT };
            let mut tx = begin(&store).await;
            let ended = kept(tx.sessions().revoke(id, revoked).await, "a revocation may lose");
            commit(tx).await;
            ended.then_some(revoked)
        }
    })
    .await;
    let winners: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "of {RACERS} racing revocations exactly one answers true");
    let read = session_in(&storage.store, id).await.and_then(|session| session.revoked);
    assert_eq!(read.as_ref(), winners.first(), "what is stored is what the winner wrote");
}

/// `revoke_all_of`: live ones only, not the kept one, nobody else's.
pub async fn revoking_all_ends_the_live_ones_but_the_kept_one(storage: &Storage) {
    let promise = "revoking all ends the live sessions of the account but the kept one";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let (one, two, kept_one, foreign) =
        (session(&ann, at(0)), session(&ann, at(1)), session(&ann, at(2)), session(&ben, at(3)));
    let mut idle = session(&ann, at(4));
    idle.idle_expires_at = at(10);
    let mut over = session(&ann, at(5));
    (over.idle_expires_at, over.expires_at) = (at(10), at(10));
    for session in [&one, &two, &kept_one, &foreign, &idle, &over] {
        stored_session(&storage.store, session).await;
    }
    let revoked = Revoked { at: at(10), reason: RevocationReason::PasswordChanged };
    let mut tx = begin(&storage.store).await;
    let ended = kept(tx.sessions().revoke_all_of(ann.id, Some(kept_one.id), revoked).await, promise);
    commit(tx).await;
    let unique: HashSet<_> = ended.iter().copied().collect();
    assert_eq!(unique, HashSet::from([one.id, two.id]), "{promise}, and says which");
    assert_eq!(ended.len(), 2, "each is named once");
    for gone in [one, two] {
        let read = session_in(&storage.store, gone.id).await.and_then(|session| session.revoked);
        assert_eq!(read, Some(revoked), "{promise}");
    }
    for untouched in [kept_one, foreign, idle, over] {
        assert_eq!(session_in(&storage.store, untouched.id).await, Some(untouched), "{promise}");
    }
    let mut tx = begin(&storage.store).await;
    let ended = kept(tx.sessions().revoke_all_of(user("cleo").id, None, revoked).await, promise);
    assert_eq!(ended, [], "{promise}: nobody has none");
}

/// Race to revoke all.
pub async fn of_racing_revocations_of_all_each_session_is_ended_once(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut expected = HashSet::new();
    for second in 0..10 {
        let one = session(&ann, at(second));
        stored_session(&storage.store, &one).await;
        expected.insert(one.id);
    }
    let answers = race(RACERS, |number| {
        let store = storage.store.clone();
        async move {
            let revoked = Revoked { at: at(100 + number as i64), reason: RevocationReason::LogoutAll };
            let mut tx = begin(&store).await;
            let ended = kept(tx.sessions().revoke_all_of(ann.id, None, revoked).await, "a revocation may lose");
            commit(tx).await;
            ended
        }
    })
    .await;
    let ended: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(ended.len(), expected.len(), "of {RACERS} racing revocations of all each session is ended once");
    assert_eq!(ended.into_iter().collect::<HashSet<_>>(), expected, "and none is left");
}

/// Revoked, idle or ended before the instant goes; at it, after it or live stays.
pub async fn purging_forgets_sessions_that_ended_before(storage: &Storage) {
    let promise = "purging forgets the sessions that ended before the instant, and no others";
    let ann = stored_user(&storage.store, "ann").await;
    let just_before = Timestamp::from_unix_micros(at(1_000).as_unix_micros() - 1);
    let build = |revoked: Option<Timestamp>, idle: Timestamp, end: Timestamp| Session {
        revoked: revoked.map(|at| Revoked { at, reason: LOGOUT }),
        idle_expires_at: idle,
        expires_at: end,
        ..session(&ann, at(0))
    };
    let gone = [
        build(Some(just_before), at(2_000), at(3_000)),
        build(None, just_before, at(3_000)),
        build(None, just_before, just_before),
    ];
    let stay = [
        build(Some(at(1_000)), at(2_000), at(3_000)),
        build(None, at(1_000), at(3_000)),
        build(None, at(2_000), at(3_000)),
    ];
    for one in gone.iter().chain(&stay) {
        stored_session(&storage.store, one).await;
    }
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.sessions().purge(at(1_000), 100).await, promise), 3, "{promise}: it says how many");
    commit(tx).await;
    for one in gone {
        assert_eq!(session_in(&storage.store, one.id).await, None, "{promise}");
    }
    for one in stay {
        assert_eq!(session_in(&storage.store, one.id).await, Some(one), "{promise}");
    }
}

/// The limit holds, and repetition reaches the end.
pub async fn purging_forgets_no_more_than_the_limit(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    for second in 0..10 {
        stored_session(&storage.store, &session(&ann, at(second))).await;
    }
    for expected in [4, 4, 2, 0] {
        let mut tx = begin(&storage.store).await;
        let gone = kept(tx.sessions().purge(at(1_000_000), 4).await, "sessions are purged");
        commit(tx).await;
        assert_eq!(gone, expected, "purging forgets as many as it may, at most the limit");
    }
}

fn revocation(ann: &portcullis_domain::accounts::User, at_: i64, until: i64) -> Revocation {
    Revocation { grant: session(ann, at(0)).id.into(), at: at(at_), until: at(until) }
}

async fn revocations_since(storage: &Storage, since: i64, now: i64) -> HashSet<(String, Timestamp, Timestamp)> {
    let mut tx = begin(&storage.store).await;
    let found = kept(tx.revocations().since(at(since), at(now)).await, "revocations are read");
    let count = found.len();
    let unique: HashSet<_> = found.iter().map(|r| (r.grant.to_string(), r.at, r.until)).collect();
    assert_eq!(unique.len(), count, "each revocation is given once");
    unique
}

async fn add(storage: &Storage, revocations: &[Revocation]) {
    let mut tx = begin(&storage.store).await;
    kept(tx.revocations().add(revocations).await, "revocations are added");
    commit(tx).await;
}

fn set(revocations: &[Revocation]) -> HashSet<(String, Timestamp, Timestamp)> {
    revocations.iter().map(|r| (r.grant.to_string(), r.at, r.until)).collect()
}

/// `since` includes its instant, and leaves out what matters no more.
pub async fn a_revocation_is_found_by_its_instant(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let (early, edge, late) = (revocation(&ann, 10, 500), revocation(&ann, 20, 600), revocation(&ann, 30, 700));
    let promise = "revocations from an instant on are found as long as they matter";
    add(storage, &[early, edge, late]).await;
    add(storage, &[]).await;
    assert_eq!(revocations_since(storage, 0, 40).await, set(&[early, edge, late]), "{promise}");
    assert_eq!(revocations_since(storage, 20, 40).await, set(&[edge, late]), "{promise}: not before it");
    assert_eq!(revocations_since(storage, 21, 40).await, set(&[late]), "{promise}");
    assert_eq!(revocations_since(storage, 0, 600).await, set(&[late]), "{promise}: until is after now");
    assert_eq!(revocations_since(storage, 31, 40).await, set(&[]), "{promise}");
}

/// Adding again never shortens.
pub async fn a_revocation_keeps_the_later_until(storage: &Storage) {
    let promise = "a revocation that is there already keeps the later until";
    let ann = stored_user(&storage.store, "ann").await;
    let first = revocation(&ann, 10, 500);
    add(storage, &[first]).await;
    add(storage, &[Revocation { until: at(400), ..first }]).await;
    assert_eq!(revocations_since(storage, 0, 450).await, set(&[first]), "{promise}: an earlier one is nothing new");
    add(storage, &[Revocation { until: at(900), ..first }]).await;
    let later = revocations_since(storage, 0, 800).await;
    assert!(later.iter().any(|(id, _, until)| *id == first.grant.to_string() && *until == at(900)), "{promise}");
    assert_eq!(later.len(), 1, "{promise}: it stays one");
}

/// They are truth of their own: neither purge nor deletion takes them.
pub async fn revocations_outlive_sessions_and_accounts(storage: &Storage) {
    let promise = "revocations outlive sessions and accounts";
    let ann = stored_user(&storage.store, "ann").await;
    let (web, phone) = (session(&ann, at(0)), session(&ann, at(1)));
    stored_session(&storage.store, &web).await;
    stored_session(&storage.store, &phone).await;
    let all = [web.id, phone.id].map(|session| Revocation { grant: session.into(), at: at(2), until: at(900) });
    let mut tx = begin(&storage.store).await;
    kept(tx.sessions().revoke(web.id, Revoked { at: at(2), reason: LOGOUT }).await, promise);
    kept(tx.revocations().add(&all).await, promise);
    assert_eq!(kept(tx.sessions().purge(at(3), 10).await, promise), 1, "the session is purged");
    assert!(kept(tx.users().delete(ann.id).await, promise), "the account is deleted");
    commit(tx).await;
    assert_eq!(revocations_since(storage, 0, 100).await, set(&all), "{promise}");
}

/// `purge` takes those whose `until` is not after now.
pub async fn purging_forgets_revocations_that_matter_no_more(storage: &Storage) {
    let promise = "purging forgets the revocations whose until is not after now, and no others";
    let ann = stored_user(&storage.store, "ann").await;
    let (past, edge, future) = (revocation(&ann, 1, 100), revocation(&ann, 2, 200), revocation(&ann, 3, 201));
    add(storage, &[past, edge, future]).await;
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.revocations().purge(at(200), 10).await, promise), 2, "{promise}: it says how many");
    commit(tx).await;
    assert_eq!(revocations_since(storage, 0, 0).await, set(&[future]), "{promise}");
}

/// The limit holds for revocations, and repetition reaches the end.
pub async fn purging_forgets_no_more_revocations_than_the_limit(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let past: Vec<_> = (0..10).map(|second| revocation(&ann, second, 100 + second)).collect();
    add(storage, &past).await;
    for expected in [4, 4, 2, 0] {
        let mut tx = begin(&storage.store).await;
        let gone = kept(tx.revocations().purge(at(109), 4).await, "revocations are purged");
        commit(tx).await;
        assert_eq!(gone, expected, "purging forgets as many revocations as it may, at most the limit");
    }
}

/// Its grant is the token itself, every bit of it.
pub async fn a_token_of_no_session_is_revoked_like_a_session(storage: &Storage) {
    let promise = "a token of no session is revoked like a session";
    let ids = [TokenId::new(at(0), &RANDOM), TokenId::new(at(0), &RANDOM)];
    let both = ids.map(|token| Revocation { grant: token.into(), at: at(5), until: at(900) });
    add(storage, &both).await;
    assert_eq!(revocations_since(storage, 5, 6).await, set(&both), "{promise}");
    add(storage, &[Revocation { until: at(1_000), ..both[0] }]).await;
    let later = Revocation { until: at(1_000), ..both[0] };
    assert_eq!(revocations_since(storage, 0, 900).await, set(&[later]), "{promise}: the later until stays");
}

/// Race to add one revocation.
pub async fn of_racing_additions_of_a_revocation_none_fails(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let one = revocation(&ann, 1, 100);
    race(RACERS, |number| {
        let store = storage.store.clone();
        async move {
            let mut tx = begin(&store).await;
            let later = Revocation { until: at(100 + number as i64), ..one };
            kept(tx.revocations().add(&[later]).await, "of racing additions of a revocation none fails");
            commit(tx).await;
        }
    })
    .await;
    let found = revocations_since(storage, 0, 0).await;
    let untils: Vec<_> = found.into_iter().map(|(_, _, until)| until).collect();
    assert_eq!(untils, [at(99 + RACERS as i64)], "the latest until stands, once");
}
