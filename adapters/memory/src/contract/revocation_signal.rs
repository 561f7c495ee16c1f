//! The suite `revocation_signal`: [`RevocationSignal`](portcullis_domain::ports::sessions::RevocationSignal).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::ports::sessions::{Revocation, RevocationSignal};
use portcullis_domain::ports::store::Store;

use super::Replicas;
use super::samples::{RACERS, at, begin, commit, kept, race, session, user};

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
        );
    };
}

/// Promised are 250 ms; a busy machine gets more.
const SOON: Duration = Duration::from_secs(10);

/// Revokes a session that nobody else knows.
async fn revoke(store: &Arc<dyn Store>) -> Revocation {
    let revocation = Revocation { session: session(&user("ann"), at(0)).id, at: at(1), until: at(900) };
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
