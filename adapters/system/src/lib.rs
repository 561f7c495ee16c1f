//! What the machine gives: time, randomness, and processor time for passwords.
//!
//! [`Argon2Hasher`] and [`GuessPolicy`] share one [`WorkPool`], so that neither can keep the async threads or the
//! processors busy beyond its limits.

mod clock;
mod guessing;
mod hashing;
pub mod legacy;
mod randomness;
mod work;

pub use clock::SystemClock;
pub use guessing::{GuessPolicy, PolicySettingError};
pub use hashing::{Argon2Hasher, HashSettings, HashStartError, SettingError};
pub use legacy::LegacyHashes;
pub use randomness::SystemRandomness;
pub use work::WorkPool;
