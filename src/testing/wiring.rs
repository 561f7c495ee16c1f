//! The other list: which struct stands behind which port when a test holds time, chance and passwords in its hand.
//! Everything that is not here is what production has.

use std::sync::Arc;

use portcullis_domain::ports::security::Vault;
use portcullis_domain::secret::SecretString;
pub use portcullis_memory::ManualClock;
use portcullis_memory::{LaxPolicy, MemoryStore, PlainHasher, PlainHashes, SeededRandomness, ToyVault};
pub(super) use portcullis_memory::{Published, RecordingPublisher};

use crate::StartError;
use crate::config::Config;
use crate::wiring::{self, Ambient, Security, Storage, WayOut};

/// Time in the test's hand, and chance from a seed.
pub(super) fn ambient(clock: Arc<ManualClock>, seed: u64) -> Ambient {
    Ambient { clock, random: Arc::new(SeededRandomness::new(seed)) }
}

/// A clock that stands where that of the machine is, on a whole second.
pub(super) fn clock_of_now() -> Arc<ManualClock> {
    let now = wiring::ambient().clock.now();
    let second = portcullis_domain::Timestamp::from_unix_seconds(now.as_unix_seconds());
    Arc::new(ManualClock::new(second))
}

pub(super) fn storage(ambient: &Ambient) -> Storage {
    let store = Arc::new(MemoryStore::new(ambient.random.clone()));
    Storage {
        store: store.clone(),
        outbox: store.clone(),
        webhook_queue: store.clone(),
        signal: store,
        shared: false,
        sql: None,
    }
}

/// No work, hardly any rules, and keys that are sealed without the system's chance: it takes many milliseconds to get
/// ready for the first use.
pub(super) fn plain_security(ambient: &Ambient, master_key: &SecretString) -> Security {
    Security {
        hasher: Arc::new(PlainHasher::new(ambient.random.clone())),
        policy: Arc::new(LaxPolicy),
        import: Arc::new(PlainHashes),
        vault: plain_vault(ambient),
        mac: wiring::mac(master_key),
    }
}

/// Passwords as in production.
pub(super) fn strict_security(
    config: &Config,
    ambient: &Ambient,
    master_key: &SecretString,
) -> Result<Security, StartError> {
    Ok(Security { vault: plain_vault(ambient), ..wiring::security(config, ambient, master_key)? })
}

fn plain_vault(ambient: &Ambient) -> Arc<dyn Vault> {
    let mut key = [0; 32];
    ambient.random.fill(&mut key);
    Arc::new(ToyVault::new(key, ambient.random.clone()))
}

pub(super) fn way_out(publisher: &Arc<RecordingPublisher>) -> WayOut {
    WayOut { publisher: publisher.clone(), amqp: None }
}
