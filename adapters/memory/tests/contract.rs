//! The memory adapters keep every promise.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_domain::ports::security::{Mac, PasswordHasher, PasswordPolicy, Vault};
use portcullis_domain::ports::sessions::{RefreshTokenCodec, RevocationList};
use portcullis_domain::tokens::Algorithm;
use portcullis_memory::contract::hash_import::HashImports;
use portcullis_memory::contract::{Ambient, Limiter, Publisher, Received, Replicas, Signers, Sink, Storage, Time};
use portcullis_memory::{
    InProcessPublisher, LaxPolicy, ManualClock, MemoryLimiter, MemoryRevocations, MemoryStore, PlainHasher,
    PlainHashes, RecordingPublisher, SeededRandomness, ToyMac, ToyRefreshTokens, ToyTokens, ToyVault,
};
use tokio::sync::Mutex;

fn nothing() -> Box<dyn Any + Send> {
    Box::new(())
}

fn random() -> Arc<dyn Randomness> {
    Arc::new(SeededRandomness::new(7))
}

mod store {
    use super::*;

    async fn fresh() -> Storage {
        let store = Arc::new(MemoryStore::new(random()));
        Storage { outbox: store.clone(), queue: store.clone(), store, guard: nothing() }
    }

    portcullis_memory::storage_contract!(fresh);
    portcullis_memory::outbox_contract!(fresh);
    portcullis_memory::webhook_queue_contract!(fresh);

    async fn alone() -> Replicas {
        let store = Arc::new(MemoryStore::new(random()));
        Replicas { here: store.clone(), signal: store, elsewhere: Vec::new(), guard: nothing() }
    }

    portcullis_memory::revocation_signal_contract!(alone);
}

mod recording {
    use super::*;

    struct Records(Arc<RecordingPublisher>);

    #[async_trait]
    impl Sink for Records {
        async fn received(&self, at_least: usize) -> Vec<Received> {
            // Too few after the wait is for the suite to judge.
            let _waited = tokio::time::timeout(Duration::from_secs(5), self.0.wait_for(at_least)).await;
            let received = |published: portcullis_memory::Published| Received {
                id: published.delivery.id.to_string(),
                routing_key: published.delivery.event.name().to_owned(),
                body: published.body.into_bytes(),
            };
            self.0.published().into_iter().map(received).collect()
        }
    }

    async fn fresh() -> Publisher {
        let publisher = Arc::new(RecordingPublisher::new("https://id.example.com"));
        Publisher { sink: Arc::new(Records(publisher.clone())), publisher, guard: nothing() }
    }

    portcullis_memory::publisher_contract!(fresh);
}

mod in_process {
    use super::*;

    struct Subscriber(Mutex<tokio::sync::broadcast::Receiver<Arc<str>>>, Mutex<Vec<Received>>);

    #[async_trait]
    impl Sink for Subscriber {
        async fn received(&self, at_least: usize) -> Vec<Received> {
            for _ in 0..500 {
                let mut events = self.0.lock().await;
                let mut seen = self.1.lock().await;
                while let Ok(body) = events.try_recv() {
                    let json: serde_json::Value = serde_json::from_str(&body).expect("a subscriber gets JSON");
                    let kind = json["type"].as_str().expect("a CloudEvent has a type");
                    let key = kind.strip_prefix("portcullis.").and_then(|kind| kind.strip_suffix(".v1"));
                    let id = json["id"].as_str().expect("a CloudEvent has an id").to_owned();
                    let routing_key = key.expect("a type has a name and a version").to_owned();
                    seen.push(Received { id, routing_key, body: body.as_bytes().to_vec() });
                }
                if seen.len() >= at_least {
                    break;
                }
                drop((seen, events));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.1.lock().await.clone()
        }
    }

    async fn fresh() -> Publisher {
        let publisher = Arc::new(InProcessPublisher::new("https://id.example.com/"));
        let sink = Subscriber(Mutex::new(publisher.subscribe()), Mutex::default());
        Publisher { publisher, sink: Arc::new(sink), guard: nothing() }
    }

    portcullis_memory::publisher_contract!(fresh);
}

async fn toy_signers(algorithm: Algorithm) -> Signers {
    let (issuer_url, audience) = ("https://id.example.com".to_owned(), "api".to_owned());
    let tokens = Arc::new(ToyTokens::new(algorithm, issuer_url.clone(), audience.clone(), random()));
    Signers { issuer: tokens.clone(), verifier: tokens.clone(), keys: tokens, algorithm, issuer_url, audience }
}

mod toy_jwt {
    use super::*;
    portcullis_memory::signers_contract!(|| toy_signers(Algorithm::EdDsa));
}

mod toy_paseto {
    use super::*;
    portcullis_memory::signers_contract!(|| toy_signers(Algorithm::V4Public));
}

async fn revocations() -> Arc<dyn RevocationList> {
    Arc::new(MemoryRevocations::new())
}
portcullis_memory::revocation_list_contract!(revocations);

/// Time that passes when the suite says so.
struct Hand {
    clock: Arc<ManualClock>,
    begun: Timestamp,
}

#[async_trait]
impl Time for Hand {
    async fn pass(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn elapsed(&self) -> Duration {
        self.clock.now().since(self.begun)
    }
}

async fn limiter() -> Limiter {
    let clock = Arc::new(ManualClock::default());
    let time = Hand { begun: clock.now(), clock: clock.clone() };
    Limiter { limiter: Arc::new(MemoryLimiter::new(clock)), time: Arc::new(time), guard: nothing() }
}
portcullis_memory::rate_limiter_contract!(limiter);

async fn toy_refresh_tokens() -> Arc<dyn RefreshTokenCodec> {
    Arc::new(ToyRefreshTokens::new([7; 32]))
}
portcullis_memory::refresh_tokens_contract!(toy_refresh_tokens);

async fn plain_hasher() -> Arc<dyn PasswordHasher> {
    Arc::new(PlainHasher::new(random()))
}
portcullis_memory::hasher_contract!(plain_hasher);

async fn plain_hashes() -> HashImports {
    let foreign = ["Correct horse 1", "Battery staple 2"];
    HashImports {
        import: Arc::new(PlainHashes),
        hasher: Arc::new(PlainHasher::new(random())),
        foreign: foreign
            .map(|password| (PlainHashes::foreign(password, PlainHashes::MAX_COST), password.to_owned()))
            .into(),
        costly: vec![PlainHashes::foreign("Correct horse 1", PlainHashes::MAX_COST + 1)],
    }
}
portcullis_memory::hash_import_contract!(plain_hashes);

async fn lax_policy() -> Arc<dyn PasswordPolicy> {
    Arc::new(LaxPolicy)
}
portcullis_memory::password_policy_contract!(lax_policy);

async fn toy_vault() -> Arc<dyn Vault> {
    Arc::new(ToyVault::new([7; 32], random()))
}
portcullis_memory::vault_contract!(toy_vault);

async fn toy_mac(key: [u8; 32]) -> Arc<dyn Mac> {
    Arc::new(ToyMac::new(key))
}
portcullis_memory::mac_contract!(toy_mac);

async fn manual_and_seeded() -> Ambient {
    Ambient { clock: Arc::new(ManualClock::default()), random: random() }
}
portcullis_memory::ambient_contract!(manual_and_seeded);

mod recording_webhooks {
    use portcullis_domain::webhooks::WebhookUrl;
    use portcullis_memory::contract::webhook_sender::{Receiver, Webhooks};
    use portcullis_memory::{Posted, RecordingWebhooks, Reply};

    use super::*;

    struct Records(Arc<RecordingWebhooks>);

    #[async_trait]
    impl Receiver for Records {
        fn url(&self) -> WebhookUrl {
            WebhookUrl::parse("https://hooks.example.com/portcullis?tenant=7").expect("a URL")
        }

        fn answer(&self, reply: Reply) {
            self.0.answer(reply);
        }

        async fn received(&self) -> Vec<Posted> {
            self.0.posted()
        }
    }

    async fn fresh() -> Webhooks {
        let sender = Arc::new(RecordingWebhooks::new());
        Webhooks { receiver: Arc::new(Records(sender.clone())), sender, guard: nothing() }
    }

    portcullis_memory::webhook_sender_contract!(fresh);
}
