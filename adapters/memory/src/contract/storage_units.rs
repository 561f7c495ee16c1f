//! What holds for every unit of work.

use std::time::{Duration, Instant};

use portcullis_domain::accounts::{Attempts, LoginName};
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::ports::accounts::LoginLook;
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::ports::store::{StoreError, Tx, Unique};
use portcullis_domain::sessions::{RevocationReason, Revoked};
use portcullis_domain::tokens::Algorithm;

use super::Storage;
use super::samples::{
    at, attempt_key, begin, client, client_id, commit, email, entry, everything, hash, kept, noted, refused, rotation,
    sent_to, session, session_in, signing_key, stored_client, stored_user, stored_webhook, user, user_in, username,
    webhook,
};

/// Dropped without commit, a unit leaves nothing in any table.
pub async fn a_unit_dropped_without_commit_leaves_no_trace(storage: &Storage) {
    let (ann, key) = (user("ann"), signing_key(Algorithm::Es256, 1));
    let web = session(&ann, at(0));
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&ann).await, "an account is added");
    kept(tx.credentials().insert(ann.id, &hash("a")).await, "a password is added");
    kept(tx.sessions().insert(&web).await, "a session is added");
    let revocation = Revocation { grant: web.id.into(), at: at(1), until: at(900) };
    kept(tx.revocations().add(&[revocation]).await, "a revocation is added");
    kept(tx.keys().insert(&key).await, "a key is added");
    let (orders, hook) = (client("orders"), webhook());
    kept(tx.clients().insert(&orders).await, "a client is added");
    kept(tx.webhooks().insert(&hook).await, "a webhook is added");
    let counter = attempt_key();
    kept(tx.attempts().fail(&counter, at(1), at(0)).await, "a failure is counted");
    kept(tx.audit().append(entry(at(1), Actor::Service, Action::Register)).await, "an audit entry is appended");
    let phone = session(&ann, at(0));
    let started = kept(tx.sessions().start(&phone, &hash("a")).await, "a session is started");
    assert_eq!(started, Some(2), "the unit sees its own account, password and session");
    drop(tx);

    let mut tx = begin(&storage.store).await;
    let promise = "a unit dropped without commit leaves no trace";
    assert_eq!(kept(tx.users().by_id(ann.id).await, promise), None, "{promise}: the account is there");
    assert_eq!(kept(tx.users().by_email(&ann.email).await, promise), None, "{promise}: the address finds somebody");
    assert_eq!(kept(tx.credentials().of(ann.id).await, promise), None, "{promise}: the password is there");
    assert_eq!(kept(tx.sessions().by_id(web.id).await, promise), None, "{promise}: the session is there");
    assert_eq!(kept(tx.revocations().since(at(0), at(0)).await, promise), [], "{promise}: the revocation is there");
    assert_eq!(kept(tx.sessions().by_id(phone.id).await, promise), None, "{promise}: the started session is there");
    assert_eq!(kept(tx.keys().all().await, promise), [], "{promise}: the key is there");
    assert_eq!(kept(tx.clients().by_id(&orders.id).await, promise), None, "{promise}: the client is there");
    assert_eq!(kept(tx.clients().changed_since(at(-9)).await, promise), [], "{promise}: the client is there");
    assert_eq!(kept(tx.webhooks().all().await, promise), [], "{promise}: the webhook is there");
    assert_eq!(kept(tx.attempts().of(&counter).await, promise), None, "{promise}: the failure is counted");
    assert_eq!(kept(tx.audit().page(&everything()).await, promise), [], "{promise}: the audit entry is there");
    drop(tx);
    assert_eq!(kept(storage.outbox.backlog().await, promise).waiting, 0, "{promise}: the outbox has something");
    stored_user(&storage.store, "ann").await;
}

/// Reads see the unit's own writes.
pub async fn a_unit_sees_its_own_writes(storage: &Storage) {
    let promise = "a unit sees its own writes";
    let mut ann = user("ann");
    let web = session(&ann, at(0));
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&ann).await, promise);
    kept(tx.credentials().insert(ann.id, &hash("a")).await, promise);
    kept(tx.sessions().insert(&web).await, promise);
    assert_eq!(kept(tx.users().by_email(&ann.email).await, promise).as_ref(), Some(&ann), "{promise}: added account");
    assert_eq!(kept(tx.credentials().of(ann.id).await, promise), Some(hash("a")), "{promise}: added password");
    assert_eq!(kept(tx.sessions().live_of(ann.id, at(1), None, 9).await, promise).len(), 1, "{promise}: session");

    ann.username = Some(username("anna"));
    kept(tx.users().update(&ann).await, promise);
    let read = kept(tx.users().by_username(&username("anna")).await, promise);
    assert_eq!(read.map(|user| user.version), Some(2), "{promise}: changed username");
    assert_eq!(kept(tx.users().by_username(&username("ann")).await, promise), None, "{promise}: username given up");
    assert!(kept(tx.credentials().replace(ann.id, &hash("a"), &hash("b")).await, promise), "{promise}: replaced");
    assert!(kept(tx.credentials().confirm(ann.id, &hash("b")).await, promise), "{promise}: replaced password");
    let revoked = Revoked { at: at(2), reason: RevocationReason::Logout };
    assert!(kept(tx.sessions().revoke(web.id, revoked).await, promise), "{promise}: revoked");
    assert!(!kept(tx.sessions().revoke(web.id, revoked).await, promise), "{promise}: revoked only once");
    assert_eq!(kept(tx.sessions().live_of(ann.id, at(3), None, 9).await, promise), [], "{promise}: revoked session");
    assert!(kept(tx.users().delete(ann.id).await, promise), "{promise}: deleted");
    assert_eq!(kept(tx.users().by_id(ann.id).await, promise), None, "{promise}: deleted account");
    assert_eq!(kept(tx.sessions().by_id(web.id).await, promise), None, "{promise}: session of a deleted account");
    let (key, orders, hook) = (signing_key(Algorithm::Es256, 1), client("orders"), webhook());
    kept(tx.keys().insert(&key).await, promise);
    assert!(kept(tx.keys().revoke(&key.kid, at(5)).await, promise), "{promise}: a key revoked");
    assert_eq!(kept(tx.keys().all().await, promise)[0].retires_at, Some(at(5)), "{promise}: a key revoked");
    assert!(kept(tx.keys().delete(&key.kid).await, promise), "{promise}: a key deleted");
    assert_eq!(kept(tx.keys().all().await, promise), [], "{promise}: a key deleted");
    kept(tx.clients().insert(&orders).await, promise);
    kept(tx.clients().update(&orders).await, promise);
    let read = kept(tx.clients().by_id(&orders.id).await, promise);
    assert_eq!(read.map(|client| client.version), Some(2), "{promise}: a client changed");
    kept(tx.webhooks().insert(&hook).await, promise);
    assert_eq!(kept(tx.webhooks().all().await, promise).len(), 1, "{promise}: a webhook added");
    assert!(kept(tx.webhooks().delete(hook.id).await, promise), "{promise}: a webhook deleted");
    assert_eq!(kept(tx.webhooks().by_id(hook.id).await, promise), None, "{promise}: a webhook deleted");
    commit(tx).await;
    assert_eq!(user_in(&storage.store, ann.id).await, None, "{promise}: after the commit the account is gone");
}

/// A read in a unit that began earlier, and has read before, still sees what was committed meanwhile.
pub async fn a_read_sees_what_was_committed_before_it(storage: &Storage) {
    let promise = "a read sees at least what was committed before it";
    let mut early = begin(&storage.store).await;
    assert_eq!(kept(early.users().by_email(&email("ann@example.com")).await, promise), None);
    let ann = stored_user(&storage.store, "ann").await;
    assert_eq!(kept(early.users().by_email(&ann.email).await, promise), Some(ann), "{promise}");
}

/// What is not committed is nobody else's business.
pub async fn nobody_sees_a_write_before_its_commit(storage: &Storage) {
    let promise = "nobody sees a write before its commit";
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    kept(tx.users().update(&ann).await, promise);
    assert!(kept(tx.credentials().replace(ann.id, &hash("current"), &hash("new")).await, promise), "{promise}");
    let ben = user("ben");
    kept(tx.users().insert(&ben).await, promise);

    let mut other = begin(&storage.store).await;
    assert_eq!(kept(other.users().by_id(ann.id).await, promise).map(|u| u.version), Some(1), "{promise}: an update");
    assert_eq!(kept(other.credentials().of(ann.id).await, promise), Some(hash("current")), "{promise}: a password");
    assert_eq!(kept(other.users().by_email(&ben.email).await, promise), None, "{promise}: an account");
    drop(other);
    commit(tx).await;
    assert_eq!(user_in(&storage.store, ann.id).await.map(|u| u.version), Some(2), "after it everybody sees it");
    assert_eq!(user_in(&storage.store, ben.id).await, Some(ben), "after it everybody sees it");
}

/// Whatever failed, the unit is dead: every call of every repository, and the commit.
pub async fn after_an_error_every_later_call_is_refused(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    let stale = {
        let mut stale = ann.clone();
        stale.version = 7;
        stale
    };
    let (taken, hook) = (client("taken"), webhook());
    stored_client(&storage.store, &taken).await;
    stored_webhook(&storage.store, &hook).await;
    for way in 0..7 {
        let mut tx = begin(&storage.store).await;
        let failed = match way {
            0 => tx.users().insert(&ann).await,
            1 => tx.users().update(&stale).await,
            2 => tx.credentials().insert(ann.id, &hash("b")).await,
            3 => tx.clients().insert(&taken).await,
            4 => tx.clients().update(&client("nobody")).await,
            5 => tx.webhooks().insert(&hook).await,
            _ => tx.sessions().insert(&session(&user("ghost"), at(0))).await,
        };
        refused(failed, "a call that cannot be done is refused");
        for call in CALLS {
            let error = refused(attempt(&mut *tx, call, &ann).await, &format!("after an error {call} is refused"));
            assert!(
                !matches!(error, StoreError::Unavailable(_)),
                "after an error {call} says that the unit has failed, not that the store is away"
            );
        }
        let event = sent_to(&[hook.id], noted(&ann, "never"));
        refused(tx.commit(at(1), vec![event]).await, "after an error the commit is refused");
        let backlog = kept(storage.outbox.backlog().await, "the backlog is counted");
        assert_eq!(backlog.waiting, 0, "a unit that has failed leaves no effect");
        let waiting = kept(storage.queue.waiting().await, "the webhook queue is counted");
        assert_eq!(waiting, 0, "a unit that has failed leaves nothing for a webhook");
    }
}

const CALLS: [&str; 46] = [
    "users.insert",
    "users.by_id",
    "users.by_email",
    "users.by_username",
    "users.for_login",
    "users.update",
    "users.delete",
    "users.page",
    "credentials.insert",
    "credentials.of",
    "credentials.confirm",
    "credentials.replace",
    "sessions.insert",
    "sessions.start",
    "sessions.start_with_commit",
    "sessions.by_id",
    "sessions.live_of",
    "sessions.beyond",
    "sessions.rotate",
    "sessions.revoke",
    "sessions.revoke_all_of",
    "sessions.purge",
    "revocations.add",
    "revocations.since",
    "attempts.of",
    "attempts.fail",
    "attempts.reserve",
    "attempts.clear",
    "attempts.purge",
    "audit.append",
    "audit.page",
    "audit.purge",
    "keys.insert",
    "keys.all",
    "keys.activate",
    "keys.revoke",
    "keys.delete",
    "clients.insert",
    "clients.update",
    "clients.by_id",
    "clients.changed_since",
    "webhooks.insert",
    "webhooks.update",
    "webhooks.delete",
    "webhooks.by_id",
    "webhooks.all",
];

async fn attempt(tx: &mut dyn Tx, call: &str, ann: &portcullis_domain::accounts::User) -> Result<(), StoreError> {
    let (ben, revoked) = (user("ben"), Revoked { at: at(1), reason: RevocationReason::Logout });
    let web = session(ann, at(0));
    let revocation = Revocation { grant: web.id.into(), at: at(1), until: at(2) };
    let (counter, seen) = (attempt_key(), Attempts { failures: 1, last_at: at(0) });
    let hook = webhook();
    match call {
        "users.insert" => tx.users().insert(&ben).await,
        "users.by_id" => tx.users().by_id(ann.id).await.map(drop),
        "users.by_email" => tx.users().by_email(&ann.email).await.map(drop),
        "users.by_username" => tx.users().by_username(&username("ann")).await.map(drop),
        "users.for_login" => {
            let name = LoginName::Username(username("ann"));
            let look = LoginLook { name: &name, key: &counter, hidden_after: None };
            tx.users().for_login(&look).await.map(drop)
        }
        "users.update" => tx.users().update(ann).await,
        "users.delete" => tx.users().delete(ann.id).await.map(drop),
        "users.page" => tx.users().page(None, 1).await.map(drop),
        "credentials.insert" => tx.credentials().insert(ben.id, &hash("x")).await,
        "credentials.of" => tx.credentials().of(ann.id).await.map(drop),
        "credentials.confirm" => tx.credentials().confirm(ann.id, &hash("current")).await.map(drop),
        "credentials.replace" => tx.credentials().replace(ann.id, &hash("current"), &hash("x")).await.map(drop),
        "sessions.insert" => tx.sessions().insert(&web).await,
        "sessions.start" => tx.sessions().start(&web, &hash("current")).await.map(drop),
        "sessions.start_with_commit" => tx.sessions().start_with_commit(&web, &hash("current"), 9).await,
        "sessions.by_id" => tx.sessions().by_id(web.id).await.map(drop),
        "sessions.live_of" => tx.sessions().live_of(ann.id, at(1), None, 5).await.map(drop),
        "sessions.beyond" => tx.sessions().beyond(ann.id, at(1), 0).await.map(drop),
        "sessions.rotate" => tx.sessions().rotate(&rotation(&web, at(1))).await.map(drop),
        "sessions.revoke" => tx.sessions().revoke(web.id, revoked).await.map(drop),
        "sessions.revoke_all_of" => tx.sessions().revoke_all_of(ann.id, None, revoked).await.map(drop),
        "sessions.purge" => tx.sessions().purge(at(0), 1).await.map(drop),
        "revocations.add" => tx.revocations().add(&[revocation]).await,
        "revocations.since" => tx.revocations().since(at(0), at(0)).await.map(drop),
        "attempts.of" => tx.attempts().of(&counter).await.map(drop),
        "attempts.fail" => tx.attempts().fail(&counter, at(1), at(0)).await.map(drop),
        "attempts.reserve" => tx.attempts().reserve(&counter, seen, at(1)).await.map(drop),
        "attempts.clear" => tx.attempts().clear(&counter).await,
        "attempts.purge" => tx.attempts().purge(at(0), 1).await.map(drop),
        "audit.append" => tx.audit().append(entry(at(1), Actor::Service, Action::Register)).await,
        "audit.page" => tx.audit().page(&everything()).await.map(drop),
        "audit.purge" => tx.audit().purge(at(0), 1).await.map(drop),
        "keys.insert" => tx.keys().insert(&signing_key(Algorithm::Es256, 1)).await,
        "keys.all" => tx.keys().all().await.map(drop),
        "keys.activate" => tx.keys().activate("kid", at(0)).await.map(drop),
        "keys.revoke" => tx.keys().revoke("kid", at(0)).await.map(drop),
        "keys.delete" => tx.keys().delete("kid").await.map(drop),
        "clients.insert" => tx.clients().insert(&client("orders")).await,
        "clients.update" => tx.clients().update(&client("taken")).await,
        "clients.by_id" => tx.clients().by_id(&client_id("taken")).await.map(drop),
        "clients.changed_since" => tx.clients().changed_since(at(0)).await.map(drop),
        "webhooks.insert" => tx.webhooks().insert(&hook).await,
        "webhooks.update" => tx.webhooks().update(&hook).await,
        "webhooks.delete" => tx.webhooks().delete(hook.id).await.map(drop),
        "webhooks.by_id" => tx.webhooks().by_id(hook.id).await.map(drop),
        _ => tx.webhooks().all().await.map(drop),
    }
}

/// A unit that fails late takes its earlier writes with it, although its caller commits nothing.
pub async fn an_error_undoes_what_the_unit_wrote_before_it(storage: &Storage) {
    let promise = "an error undoes what the unit wrote before it";
    let ann = stored_user(&storage.store, "ann").await;
    let mut tx = begin(&storage.store).await;
    let ben = user("ben");
    kept(tx.users().insert(&ben).await, promise);
    let web = session(&ann, at(0));
    kept(tx.sessions().insert(&web).await, promise);
    let error = refused(tx.users().insert(&user("ann")).await, "an address that is taken is refused");
    assert!(matches!(error, StoreError::Duplicate(Unique::Email | Unique::Username)), "it says why: {error:?}");
    refused(tx.commit(at(0), Vec::new()).await, "after an error the commit is refused");
    assert_eq!(user_in(&storage.store, ben.id).await, None, "{promise}");
    assert_eq!(session_in(&storage.store, web.id).await, None, "{promise}");
    stored_user(&storage.store, "ben").await;
}

/// Units that are dropped, by the hundred, leave neither locks nor connections behind.
pub async fn dropped_units_hold_nothing_back(storage: &Storage) {
    for number in 0..200 {
        let mut tx = begin(&storage.store).await;
        if number % 2 == 0 {
            kept(tx.users().insert(&user("ann")).await, "a dropped unit holds nothing back");
        } else {
            kept(tx.users().by_email(&email("ann@example.com")).await, "a dropped unit holds nothing back");
        }
        drop(tx);
    }
    stored_user(&storage.store, "ann").await;
}

/// A caller that goes away in the middle of a call, a client that hung up, blocks nobody.
pub async fn a_cancelled_call_holds_nothing_back(storage: &Storage) {
    for number in 0..60_u64 {
        let store = storage.store.clone();
        let work = async move {
            let mut tx = begin(&store).await;
            let ann = user("ann");
            drop(tx.users().insert(&ann).await);
            drop(tx.users().by_id(ann.id).await);
            tokio::time::sleep(Duration::from_secs(60)).await;
        };
        // The work never ends by itself: whatever it was doing by then is cut off.
        let cut = tokio::time::timeout(Duration::from_micros(number * 50), work).await;
        assert!(cut.is_err(), "the work is cut off");
    }
    stored_user(&storage.store, "ann").await;
}

/// `ping` answers in time.
pub async fn the_store_answers_a_ping_within_two_seconds(storage: &Storage) {
    let begun = Instant::now();
    kept(storage.store.ping().await, "a store that can serve a read answers a ping");
    assert!(begun.elapsed() < Duration::from_secs(2), "a ping is answered within 2 s");
}
