//! The suite `revocation_signal`: [`RevocationSignal`](portcullis_domain::ports::sessions::RevocationSignal).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::clients::Client;
use portcullis_domain::ports::sessions::{Revocation, RevocationSignal};
use portcullis_domain::ports::store::{Store, Tx};
use portcullis_domain::tokens::{Algorithm, SigningKey};
use portcullis_domain::webhooks::Webhook;

use super::Replicas;
use super::samples::{RACERS, at, begin, client, commit, kept, race, session, signing_key, user, webhook};

/// Runs the suite `revocation_signal` on what `async fn factory() -> contract::Replicas` gives.
#[macro_export]
macro_rules! revocation_signal_contract {
    ($factory:expr) => {
        $crate::promises!(
            revocation_signal,
            $factory,
            word_gets_through,
            a_revocation_elsewhere_is_heard,
            what_was_revoked_before_the_question_is_heard,
            a_question_given_up_loses_nothing,
            after_word_the_revocation_is_there,
            the_last_of_many_revocations_is_heard,
            word_comes_when_there_is_some,
            every_change_of_a_client_elsewhere_is_heard,
            every_change_of_a_key_elsewhere_is_heard,
            every_change_of_a_webhook_elsewhere_is_heard,
            a_change_that_was_given_up_is_not_heard,
        );
    };
}

/// Promised are 250 ms; a busy machine gets more.
const SOON: Duration = Duration::from_secs(10);

/// Revokes a session that nobody else knows.
async fn revoke(store: &Arc<dyn Store>) -> Revocation {
    let revocation = Revocation { grant: session(&user("ann"), at(0)).id.into(), at: at(1), until: at(900) };
    let mut tx = begin(store).await;
    kept(tx.revocations().add(&[revocation]).await, "a revocation is added");
    commit(tx).await;
    revocation
}

async fn is_known(store: &Arc<dyn Store>, revocation: Revocation) -> bool {
    let mut tx = begin(store).await;
    kept(tx.revocations().since(at(0), at(0)).await, "revocations are read").contains(&revocation)
}

async fn heard(signal: &dyn RevocationSignal, promise: &str) {
    assert!(tokio::time::timeout(SOON, signal.heard()).await.is_ok(), "broken promise: {promise}");
}

/// Listens until it is connected, and until what it has to say about that is said.
async fn settled(replicas: &Replicas) {
    let signal = &replicas.signal;
    for _ in 0..200 {
        // An answer may come or not; only that it listens matters.
        let _word = tokio::time::timeout(Duration::from_millis(50), signal.heard()).await;
        if signal.is_connected() && tokio::time::timeout(Duration::from_millis(200), signal.heard()).await.is_err() {
            return;
        }
    }
    panic!("broken promise: word from others gets through, and there is some only when there is some");
}

/// Whoever listens is connected, sooner or later.
pub async fn word_gets_through(replicas: &Replicas) {
    settled(replicas).await;
    assert!(replicas.signal.is_connected(), "word from others gets through");
}

/// By one who waits for it, from every replica.
pub async fn a_revocation_elsewhere_is_heard(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        for _ in 0..3 {
            let (signal, store) = (replicas.signal.clone(), elsewhere.clone());
            let waiting = tokio::spawn(async move { heard(&*signal, "a revocation elsewhere is heard").await });
            tokio::time::sleep(Duration::from_millis(20)).await;
            revoke(&store).await;
            kept(waiting.await, "whoever waits is woken");
        }
    }
}

/// Between two questions too.
pub async fn what_was_revoked_before_the_question_is_heard(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        revoke(elsewhere).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        heard(&*replicas.signal, "what was revoked before the question is heard").await;
    }
}

/// Word is not lost with somebody who did not wait for it.
pub async fn a_question_given_up_loses_nothing(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        let mut heard_before = false;
        let revoked = revoke(elsewhere);
        tokio::pin!(revoked);
        // Questions are given up at every moment while it happens.
        for micros in 0..200_u64 {
            let question = tokio::time::timeout(Duration::from_micros(micros * 5), replicas.signal.heard());
            heard_before |= question.await.is_ok();
            if micros == 20 {
                revoked.as_mut().await;
            }
        }
        if !heard_before {
            heard(&*replicas.signal, "a question given up loses nothing").await;
        }
    }
}

/// Word comes after the commit: whoever looks then finds it.
pub async fn after_word_the_revocation_is_there(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        for _ in 0..10 {
            let revocation = revoke(elsewhere).await;
            heard(&*replicas.signal, "a revocation elsewhere is heard").await;
            assert!(is_known(&replicas.here, revocation).await, "after word the revocation is there");
        }
    }
}

/// However many: after the last one there is word once more.
pub async fn the_last_of_many_revocations_is_heard(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        let listener = {
            let (signal, here) = (replicas.signal.clone(), replicas.here.clone());
            tokio::spawn(async move {
                let mut most = 0;
                while most < RACERS * 5 {
                    heard(&*signal, "the last of many revocations is heard").await;
                    let mut tx = begin(&here).await;
                    most = kept(tx.revocations().since(at(0), at(0)).await, "revocations are read").len();
                }
            })
        };
        race(RACERS, |_| {
            let store = elsewhere.clone();
            async move {
                for _ in 0..5 {
                    revoke(&store).await;
                }
            }
        })
        .await;
        kept(listener.await, "the last of many revocations is heard");
    }
}

/// It may wake for nothing, but not without end: each time costs a look at the store.
pub async fn word_comes_when_there_is_some(replicas: &Replicas) {
    settled(replicas).await;
    let mut words = 0;
    let listening = async {
        while words < 10 {
            replicas.signal.heard().await;
            words += 1;
        }
    };
    let endless = tokio::time::timeout(Duration::from_millis(400), listening).await.is_ok();
    assert!(!endless, "there is no word while nobody revokes anything");
    revoke(&replicas.here).await;
    assert!(replicas.signal.is_connected(), "its own revocations do not disturb it");
}

/// Changes in a unit of their own: word of it comes, and then the change is there.
async fn heard_of(replicas: &Replicas, tx: Box<dyn Tx>, what: &str) {
    commit(tx).await;
    heard(&*replicas.signal, what).await;
}

/// Created, changed, deleted: another replica must know its secret, and that it is gone.
pub async fn every_change_of_a_client_elsewhere_is_heard(replicas: &Replicas) {
    settled(replicas).await;
    for (number, elsewhere) in replicas.elsewhere.iter().enumerate() {
        let new = client(&format!("client{number}"));
        let mut tx = begin(elsewhere).await;
        kept(tx.clients().insert(&new).await, "a client is added");
        heard_of(replicas, tx, "a new client elsewhere is heard of").await;
        let deleted = Client { deleted_at: Some(at(1)), ..new.clone() };
        let mut tx = begin(elsewhere).await;
        kept(tx.clients().update(&deleted).await, "a client is changed");
        heard_of(replicas, tx, "a change of a client elsewhere is heard of").await;
        let mut tx = begin(&replicas.here).await;
        let read = kept(tx.clients().by_id(&new.id).await, "a client is looked up");
        assert_eq!(read, Some(Client { version: 2, ..deleted }), "after word the change is there");
    }
}

/// Made, brought forward, revoked, destroyed: another replica must publish it, sign with it, refuse it.
pub async fn every_change_of_a_key_elsewhere_is_heard(replicas: &Replicas) {
    settled(replicas).await;
    for (number, elsewhere) in (1..).zip(&replicas.elsewhere) {
        let key = SigningKey { activates_at: at(100), ..signing_key(Algorithm::Es256, number) };
        let mut tx = begin(elsewhere).await;
        kept(tx.keys().insert(&key).await, "a key is added");
        heard_of(replicas, tx, "a new key elsewhere is heard of").await;
        let mut tx = begin(elsewhere).await;
        assert!(kept(tx.keys().activate(&key.kid, at(1)).await, "a key is brought forward"));
        heard_of(replicas, tx, "a key brought forward elsewhere is heard of").await;
        let mut tx = begin(elsewhere).await;
        assert!(kept(tx.keys().revoke(&key.kid, at(2)).await, "a key is revoked"));
        heard_of(replicas, tx, "a key revoked elsewhere is heard of").await;
        let read = kept(begin(&replicas.here).await.keys().all().await, "the keys are read");
        assert_eq!(read.last().and_then(|key| key.retires_at), Some(at(2)), "after word the change is there");
        let mut tx = begin(elsewhere).await;
        assert!(kept(tx.keys().delete(&key.kid).await, "a key is destroyed"));
        heard_of(replicas, tx, "a key destroyed elsewhere is heard of").await;
    }
}

/// Created, changed, deleted: another replica must send to it, or no more.
pub async fn every_change_of_a_webhook_elsewhere_is_heard(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        let new = webhook();
        let mut tx = begin(elsewhere).await;
        kept(tx.webhooks().insert(&new).await, "a webhook is added");
        heard_of(replicas, tx, "a new webhook elsewhere is heard of").await;
        let changed = Webhook { events: vec!["user.*".to_owned()], ..new.clone() };
        let mut tx = begin(elsewhere).await;
        kept(tx.webhooks().update(&changed).await, "a webhook is changed");
        heard_of(replicas, tx, "a change of a webhook elsewhere is heard of").await;
        let read = kept(begin(&replicas.here).await.webhooks().by_id(new.id).await, "a webhook is looked up");
        assert_eq!(read, Some(Webhook { version: 2, ..changed }), "after word the change is there");
        let mut tx = begin(elsewhere).await;
        assert!(kept(tx.webhooks().delete(new.id).await, "a webhook is deleted"));
        heard_of(replicas, tx, "a webhook deleted elsewhere is heard of").await;
    }
}

/// Word of what never happened would cost every replica a look.
pub async fn a_change_that_was_given_up_is_not_heard(replicas: &Replicas) {
    settled(replicas).await;
    for elsewhere in &replicas.elsewhere {
        let mut tx = begin(elsewhere).await;
        kept(tx.clients().insert(&client("orders")).await, "a client is added");
        kept(tx.keys().insert(&signing_key(Algorithm::Es256, 1)).await, "a key is added");
        kept(tx.webhooks().insert(&webhook()).await, "a webhook is added");
        drop(tx);
        let word = tokio::time::timeout(Duration::from_millis(400), replicas.signal.heard()).await;
        assert!(word.is_err(), "a change that was given up is not heard");
    }
}
