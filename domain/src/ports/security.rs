//! Passwords and secrets at rest.

use async_trait::async_trait;

use crate::accounts::{Password, PasswordHash};
use crate::failure::BoxError;

/// Hashes and checks passwords.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// [`HashError::Overloaded`] when a password that came now would be refused: asked first, so that whoever is refused
    /// has cost nothing else. `Ok` promises nothing.
    fn admit(&self) -> Result<(), HashError> {
        Ok(())
    }

    /// Hashes a password with a fresh random salt and the current parameters.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Compares. `None` MUST answer [`Match::No`] after the work that a wrong password costs. A hash that cannot be
    /// read, or whose cost is above the limit, is [`Match::No`] and never computed.
    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError>;
}

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The password is wrong, or there is none.
    No,
    /// The password is right.
    Yes,
    /// The password is right, and its hash is weaker than the current parameters ask for.
    YesButStale,
}

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More work is waiting than the limit allows; MUST be answered within 50 ms.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded,
    /// The hasher failed.
    #[error("hashing failed")]
    Failed(#[source] BoxError),
}

/// Judges new passwords.
#[async_trait]
pub trait PasswordPolicy: Send + Sync {
    /// The fewest Unicode code points of a new password, at least [`Password::MIN_CHARS`].
    fn min_chars(&self) -> usize;

    /// Refuses a password that is common or easy to guess. `context` is what belongs to the user (name, e-mail): a
    /// password made of it MUST be refused. Away from the async threads; [`PolicyError::Overloaded`] like the hasher.
    async fn check(&self, password: &Password, context: &[&str]) -> Result<(), PolicyError>;
}

/// Why a new password is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is too easy to guess. The text tells its owner why and what to do, and does not repeat the password.
    #[error("{0}")]
    Weak(String),
    /// Too much work is waiting.
    #[error("too many passwords are waiting to be checked")]
    Overloaded,
}

/// Seals small secrets under the master key (authenticated encryption).
pub trait Vault: Send + Sync {
    /// Seals; `context` is authenticated, not stored.
    fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Opens what was sealed for the same `context` under the same master key; anything else MUST be an error.
    fn open(&self, context: &str, sealed: &[u8]) -> Result<super::tokens::PrivateKey, VaultError>;
}

/// The vault does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open this secret")]
pub struct VaultError;

/// Reads password hashes that other systems made, so that their owners can keep their passwords.
pub trait HashImport: Send + Sync {
    /// The hash as [`PasswordHasher::verify`] takes it. Scheme, form and cost are checked here, without computing
    /// anything: what is accepted MUST be verifiable, a scheme that is not known MUST be refused, and so MUST one whose
    /// cost is above the limit. A password that was never hashed is not a hash.
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused>;
}

/// Why a foreign hash is not taken over. The text never repeats the hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashRefused {
    /// Nobody here knows that scheme.
    #[error("unknown hash scheme{}", .0.as_deref().map(|name| format!(" {name}")).unwrap_or_default())]
    Unknown(Option<String>),
    /// The scheme is known; its parameters, salt or digest are not what it prescribes.
    #[error("malformed {scheme} hash: {why}")]
    Malformed {
        /// The scheme.
        scheme: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Verifying it would cost more than the limit.
    #[error("too costly: {0}")]
    TooCostly(String),
}

/// Authenticates short messages under the master key (HMAC, RFC 2104).
///
/// A tag MUST be the same at every call and on every replica with the same master key, MUST differ between purposes,
/// and MUST NOT be computable without that key.
pub trait Mac: Send + Sync {
    /// The tag of a message for a purpose.
    fn tag(&self, purpose: &'static str, message: &[u8]) -> [u8; 32];

    /// Whether `tag` is the tag of the message, compared in constant time.
    fn verify(&self, purpose: &'static str, message: &[u8], tag: &[u8]) -> bool {
        bool::from(subtle::ConstantTimeEq::ct_eq(&self.tag(purpose, message)[..], tag))
    }
}
