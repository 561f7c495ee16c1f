//! Adding, finding and listing sessions.

use std::net::IpAddr;

use portcullis_domain::Timestamp;
use portcullis_domain::caller::Impersonation;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::sessions::{RevocationReason, Revoked, Session, TokenFamily};

use super::Storage;
use super::samples::{
    RANDOM, at, begin, commit, digest, kept, refused, scope, session, session_in, stored_session, stored_user, user,
};

const REASONS: [RevocationReason; 11] = [
    RevocationReason::Logout,
    RevocationReason::LogoutAll,
    RevocationReason::RevokedByOwner,
    RevocationReason::TokenReuse,
    RevocationReason::PasswordChanged,
    RevocationReason::AccountDeleted,
    RevocationReason::TokenRevoked,
    RevocationReason::Displaced,
    RevocationReason::RevokedByAdmin,
    RevocationReason::AccountDisabled,
    RevocationReason::PasswordExpired,
];

pub(super) fn extremes(plain: &Session) -> Vec<Session> {
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let addresses = ["127.0.0.1", "255.255.255.255", "::", "2001:db8::8a2e:370:7334", "::ffff:192.0.2.1"];
    let mut all = vec![plain.clone()];
    for (number, reason) in REASONS.into_iter().enumerate() {
        let micro = Timestamp::from_unix_micros(at(5).as_unix_micros() + 1);
        all.push(Session {
            client_id: format!("client {number} ελλ 日本 '\"\\%_"),
            scope: scope(["", "one", "openid https://api.example.com/a!~ x:y"][number % 3]),
            authenticated_at: first,
            created_at: micro,
            last_seen_at: last,
            idle_expires_at: at(7),
            expires_at: last,
            revoked: Some(Revoked { at: micro, reason }),
            ip: addresses.get(number).and_then(|text| text.parse::<IpAddr>().ok()),
            impersonation: (number > 0)
                .then(|| Impersonation { by: UserId::new(at(0), &RANDOM), read_only: number % 2 == 0 }),
            user_agent: (number > 0).then(|| "Mozilla/5.0 (日本; 😀) \u{202E}x".repeat(number)),
            family: TokenFamily {
                generation: if number == 0 { u32::MAX } else { 2_147_483_648 },
                digest: digest(),
                used_at: [Some(last), None, (number > 2).then(|| at(1)), Some(first)],
            },
            ..plain.clone()
        });
    }
    all
}

/// Round trip of every field, extremes included.
pub async fn every_field_of_a_session_survives(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    for mut written in extremes(&session(&ann, at(0))) {
        written.id = session(&ann, at(0)).id;
        stored_session(&storage.store, &written).await;
        assert_eq!(session_in(&storage.store, written.id).await, Some(written), "every field of a session survives");
    }
}

/// `Duplicate(Id)`.
pub async fn a_session_id_is_taken_once(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let web = session(&ann, at(0));
    stored_session(&storage.store, &web).await;
    let mut twin = session(&ann, at(1));
    twin.id = web.id;
    let mut tx = begin(&storage.store).await;
    let error = refused(tx.sessions().insert(&twin).await, "a session id is taken once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    assert_eq!(session_in(&storage.store, web.id).await, Some(web), "the first session stays as it was");
}

/// `Conflict` without an account, also when it was deleted a moment ago.
pub async fn a_session_needs_its_account(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.users().delete(ann.id).await, "an account is deleted"), "there was an account");
    commit(tx).await;
    for nobody in [ann, user("ben")] {
        let mut tx = begin(&storage.store).await;
        let inserted = tx.sessions().insert(&session(&nobody, at(0))).await;
        let error = refused(inserted, "a session needs its account");
        assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
    }
}

async fn listed(storage: &Storage, user: &portcullis_domain::accounts::User, now: i64) -> Vec<SessionId> {
    let mut tx = begin(&storage.store).await;
    let list = kept(tx.sessions().live_of(user.id, at(now), None, 100).await, "sessions are listed");
    list.into_iter().map(|session| session.id).collect()
}

/// Newest first, whatever the order of insertion.
pub async fn live_sessions_come_newest_first(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let mut sessions: Vec<_> = (0..7).map(|second| session(&ann, at(second))).collect();
    for place in [3, 0, 6, 1, 5, 2, 4] {
        stored_session(&storage.store, &sessions[place]).await;
    }
    sessions.reverse();
    let mut tx = begin(&storage.store).await;
    let list = kept(tx.sessions().live_of(ann.id, at(10), None, 100).await, "sessions are listed");
    assert_eq!(list, sessions, "live sessions come newest first, every field as it was written");
}

/// Revoked, idle, ended and foreign ones are not in the list; the last microsecond counts.
pub async fn only_live_sessions_are_listed(storage: &Storage) {
    let promise = "only the live sessions of the account are listed";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let live = session(&ann, at(0));
    let mut idle = session(&ann, at(1));
    idle.idle_expires_at = at(100);
    let mut ended = session(&ann, at(2));
    (ended.idle_expires_at, ended.expires_at) = (at(200), at(200));
    let mut revoked = session(&ann, at(3));
    revoked.revoked = Some(Revoked { at: at(4), reason: RevocationReason::Logout });
    let foreign = session(&ben, at(4));
    for one in [&live, &idle, &ended, &revoked, &foreign] {
        stored_session(&storage.store, one).await;
    }
    assert_eq!(listed(storage, &ann, 99).await, [ended.id, idle.id, live.id], "{promise}");
    assert_eq!(listed(storage, &ann, 100).await, [ended.id, live.id], "{promise}: idle from its instant on");
    assert_eq!(listed(storage, &ann, 200).await, [live.id], "{promise}: ended from its instant on");
    assert_eq!(listed(storage, &ben, 99).await, [foreign.id], "{promise}");
    assert_eq!(listed(storage, &user("cleo"), 99).await, [], "{promise}: nobody has none");
}

/// Every page size gives every session once, also for sessions of one instant.
pub async fn pages_of_sessions_are_complete(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let sessions: Vec<_> = (0..11).map(|number| session(&ann, at(number / 4))).collect();
    for one in &sessions {
        stored_session(&storage.store, one).await;
    }
    let whole = listed(storage, &ann, 10).await;
    assert_eq!(whole.len(), sessions.len(), "the list holds every session once");
    for limit in [1, 2, 3, 5, 11, 50] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let mut tx = begin(&storage.store).await;
            let page = kept(tx.sessions().live_of(ann.id, at(10), after, limit).await, "a page is read");
            assert!(page.len() <= limit as usize, "a page has at most {limit} sessions");
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            paged.extend(page.into_iter().map(|session| session.id));
            assert!(paged.len() <= whole.len(), "pages of {limit} repeat sessions");
        }
        assert_eq!(paged, whole, "pages of {limit} hold every session once, in order");
    }
}

/// The last session of a page may be gone when the next page is asked for.
pub async fn a_page_goes_on_after_a_session_that_ended_meanwhile(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let sessions: Vec<_> = (0..5).map(|second| session(&ann, at(second))).collect();
    for one in &sessions {
        stored_session(&storage.store, one).await;
    }
    let revoked = Revoked { at: at(6), reason: RevocationReason::Logout };
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.sessions().revoke(sessions[3].id, revoked).await, "a session is revoked"), "it was live");
    commit(tx).await;
    let mut tx = begin(&storage.store).await;
    let page = kept(tx.sessions().live_of(ann.id, at(7), Some(sessions[3].id), 9).await, "a page is read");
    let page: Vec<_> = page.into_iter().map(|session| session.id).collect();
    let rest = [sessions[2].id, sessions[1].id, sessions[0].id];
    assert_eq!(page, rest, "a page goes on after a session that ended meanwhile");
}

/// Live ones only, the newest kept, at most 100.
pub async fn the_sessions_beyond_the_newest_are_found(storage: &Storage) {
    let promise = "the live sessions of the account without the newest are found";
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let mut sessions: Vec<_> = (0..7).map(|second| session(&ann, at(second))).collect();
    sessions[2].revoked = Some(Revoked { at: at(8), reason: RevocationReason::Logout });
    sessions[4].idle_expires_at = at(9);
    for one in sessions.iter().chain([&session(&ben, at(0))]) {
        stored_session(&storage.store, one).await;
    }
    let live = [6, 5, 3, 1, 0].map(|number: usize| sessions[number].id);
    let mut tx = begin(&storage.store).await;
    for keep in 0..8_usize {
        let mut found = kept(tx.sessions().beyond(ann.id, at(9), keep as u32).await, promise);
        found.sort();
        let mut expected = live.get(keep..).unwrap_or_default().to_vec();
        expected.sort();
        assert_eq!(found, expected, "{promise}: without {keep}");
    }
    assert_eq!(kept(tx.sessions().beyond(ann.id, at(9), u32::MAX).await, promise), [], "{promise}: without all");
    drop(tx);
    let mut tx = begin(&storage.store).await;
    for number in 0..120 {
        kept(tx.sessions().insert(&session(&ben, at(number))).await, "a session is added");
    }
    let found = kept(tx.sessions().beyond(ben.id, at(130), 5).await, promise);
    assert_eq!(found.len(), 100, "at most 100 are given at once, the unit's own among them");
}
