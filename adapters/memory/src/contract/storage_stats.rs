//! Counting.

use portcullis_domain::access::{ApiKey, Role};
use portcullis_domain::accounts::User;
use portcullis_domain::clients::Client;
use portcullis_domain::ports::stats::Counts;
use portcullis_domain::sessions::{RevocationReason, Revoked, Session};

use super::Storage;
use super::samples::{
    RACERS, at, begin, client, commit, kept, race, refused, session, stored_client, stored_session, stored_user,
    stored_webhook, user, webhook,
};
use super::samples_access::{api_key, disabled, role, stored_key, stored_role};

async fn counts(storage: &Storage, seconds: i64) -> Counts {
    kept(begin(&storage.store).await.stats().count(at(seconds)).await, "everything is counted")
}

/// What is there, and what is live at the instant.
pub async fn stats_count_what_is_there(storage: &Storage) {
    let promise = "stats count what is there";
    assert_eq!(counts(storage, 0).await, Counts::default(), "{promise}: nothing yet");
    let (ann, ben) = (stored_user(&storage.store, "ann").await, stored_user(&storage.store, "ben").await);
    let cat = stored_user(&storage.store, "cat").await;
    disabled(&storage.store, ben.id).await;
    let over = Some(Revoked { at: at(5), reason: RevocationReason::Logout });
    for session in [
        session(&ann, at(0)),
        session(&ben, at(0)),
        Session { revoked: over, ..session(&ann, at(0)) },
        Session { idle_expires_at: at(50), ..session(&ann, at(0)) },
        Session { idle_expires_at: at(60), expires_at: at(60), ..session(&cat, at(0)) },
    ] {
        stored_session(&storage.store, &session).await;
    }
    for key in [
        api_key(ann.id, at(0)),
        api_key(ben.id, at(0)),
        ApiKey { revoked_at: Some(at(5)), ..api_key(ann.id, at(0)) },
        ApiKey { expires_at: Some(at(50)), ..api_key(ann.id, at(0)) },
    ] {
        stored_key(&storage.store, &key).await;
    }
    for name in ["admin", "user", "clerk"] {
        stored_role(&storage.store, name).await;
    }
    stored_client(&storage.store, &client("orders")).await;
    stored_client(&storage.store, &Client { deleted_at: Some(at(1)), ..client("deleted") }).await;
    for _ in 0..2 {
        stored_webhook(&storage.store, &webhook()).await;
    }
    let all =
        Counts { users: 3, disabled_users: 1, live_sessions: 4, live_api_keys: 3, roles: 3, clients: 1, webhooks: 2 };
    assert_eq!(counts(storage, 49).await, all, "{promise}");
    let fewer = Counts { live_sessions: 3, live_api_keys: 2, ..all };
    assert_eq!(counts(storage, 50).await, fewer, "{promise}: what has ended counts no more");
    assert_eq!(counts(storage, 60).await, Counts { live_sessions: 2, ..fewer }, "{promise}");
}

/// Dropped, and after an error.
pub async fn stats_count_nothing_that_is_not_committed(storage: &Storage) {
    let promise = "stats count nothing that is not committed";
    let ann = stored_user(&storage.store, "ann").await;
    let one = Counts { users: 1, ..Counts::default() };
    for fails in [false, true] {
        let mut tx = begin(&storage.store).await;
        kept(tx.users().insert(&user("ben")).await, promise);
        kept(tx.roles().insert(&Role { version: 1, ..role("clerk") }, usize::MAX).await, promise);
        kept(tx.api_keys().insert(&api_key(ann.id, at(0)), u32::MAX).await, promise);
        assert_eq!(counts(storage, 0).await, one, "{promise}: not yet");
        if fails {
            refused(tx.users().insert(&User { id: ann.id, ..user("cat") }).await, "an id that is taken is refused");
            refused(tx.stats().count(at(0)).await, "after an error nothing is counted");
        }
        drop(tx);
        assert_eq!(counts(storage, 0).await, one, "{promise}: nor ever");
    }
}

/// While others write.
pub async fn stats_are_right_whoever_writes_meanwhile(storage: &Storage) {
    let promise = "stats are right, whoever writes meanwhile";
    let counted = race(RACERS, |number| {
        let store = storage.store.clone();
        async move {
            let mut tx = begin(&store).await;
            let user = user(&format!("user{number}"));
            kept(tx.users().insert(&user).await, "an account whose names are free is added");
            kept(tx.sessions().insert(&session(&user, at(0))).await, "a session of an existing account is added");
            commit(tx).await;
            kept(begin(&store).await.stats().count(at(1)).await, promise)
        }
    })
    .await;
    for seen in counted {
        assert!((1..=RACERS as u64).contains(&seen.users), "{promise}: {seen:?}");
    }
    let all = RACERS as u64;
    assert_eq!(counts(storage, 1).await, Counts { users: all, live_sessions: all, ..Counts::default() }, "{promise}");
}
