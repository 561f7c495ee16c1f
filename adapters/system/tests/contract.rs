//! The adapters of this crate keep every promise of their ports.

use std::sync::Arc;

use portcullis_domain::ports::security::{PasswordHasher, PasswordPolicy};
use portcullis_memory::contract::Ambient;
use portcullis_system::{Argon2Hasher, GuessPolicy, HashSettings, SystemClock, SystemRandomness};

/// As in production.
fn argon2() -> Argon2Hasher {
    Argon2Hasher::new(&HashSettings::default(), Arc::new(SystemRandomness))
        .expect("the settings of production are valid")
}

async fn hasher() -> Arc<dyn PasswordHasher> {
    Arc::new(argon2())
}

async fn policy() -> Arc<dyn PasswordPolicy> {
    Arc::new(GuessPolicy::new(8, vec!["Portcullis".to_owned()], argon2().pool()).expect("8 is a length"))
}

async fn ambient() -> Ambient {
    Ambient { clock: Arc::new(SystemClock), random: Arc::new(SystemRandomness) }
}

portcullis_memory::hasher_contract!(hasher);
portcullis_memory::password_policy_contract!(policy);
portcullis_memory::ambient_contract!(ambient);
