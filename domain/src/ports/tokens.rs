//! Issuing and verifying access tokens, and the keys for it.

use async_trait::async_trait;

use crate::Timestamp;
use crate::failure::BoxError;
use crate::secret::SecretString;
use crate::tokens::{Algorithm, Claims, SigningKey};

use super::store::StoreError;

/// Signs access tokens.
pub trait TokenIssuer: Send + Sync {
    /// A token that says `claims`, signed by the active key at `claims.issued_at`. Instants are whole seconds.
    fn issue(&self, claims: &Claims) -> Result<SecretString, TokenError>;
}

/// Checks access tokens.
pub trait TokenVerifier: Send + Sync {
    /// The claims of a token that this service issued, in any accepted format.
    ///
    /// MUST be `Invalid` for anything else: another algorithm than the key's, an unknown, foreign or retired key, a
    /// header parameter we do not write, a wrong issuer, audience or type, a missing claim or one of the wrong JSON
    /// type, an instant at or after `expires_at` or more than 60 s before `issued_at`, another spelling of the same
    /// token, more than 8 KiB.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError>;
}

/// The keys in use.
#[async_trait]
pub trait KeyRing: Send + Sync {
    /// Makes a new key pair; heavy for RSA, so away from the async threads.
    async fn generate(&self, algorithm: Algorithm) -> Result<KeyPair, TokenError>;

    /// Takes the keys into use, instead of those before. `Invalid` when one cannot be read, and then nothing changes.
    fn install(&self, keys: Vec<LiveKey>) -> Result<(), TokenError>;

    /// The public keys that verifiers should have at `now`, the active one first.
    fn published(&self, now: Timestamp) -> PublishedKeys;
}

/// A fresh key pair.
#[derive(Debug)]
pub struct KeyPair {
    /// RFC 7638 thumbprint for JWT keys, `k4.pid.…` for PASETO keys.
    pub kid: String,
    /// The public part, in a form that [`KeyRing::install`] reads.
    pub public: Vec<u8>,
    /// The private part, in a form that [`KeyRing::install`] reads.
    pub private: PrivateKey,
}

/// Private key bytes: wiped when dropped, never shown.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct PrivateKey(pub Vec<u8>);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A key ready for use.
#[derive(Debug)]
pub struct LiveKey {
    /// As it is stored.
    pub key: SigningKey,
    /// Its private part, unsealed.
    pub private: PrivateKey,
}

/// The documents for verifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKeys {
    /// A JWK Set (RFC 7517 §5), as JSON.
    pub jwks: String,
    /// `{"keys":[{"kid":"k4.pid.…","paserk":"k4.public.…"}]}`, as JSON.
    pub paserk: String,
}

/// The signing keys as truth.
#[async_trait]
pub trait KeyRepository: Send {
    /// Adds a key. `Duplicate(KeyOrdinal)` when its algorithm has one of that ordinal already, `Duplicate(Id)` when
    /// the `kid` is taken.
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError>;

    /// All keys, by algorithm and ordinal.
    async fn all(&mut self) -> Result<Vec<SigningKey>, StoreError>;

    /// Brings the instant from which a key signs forward to `at`; `false`, and nothing changed, when there is no such
    /// key, or it signs from then on anyway, or it has been revoked.
    async fn activate(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// Notes that a key is neither published nor accepted from `at` on; `false`, and nothing changed, when there is no
    /// such key or that has been noted before. Of any number of concurrent calls exactly one MUST answer `true`.
    async fn revoke(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// Removes a key with its private part; whether there was one.
    async fn delete(&mut self, kid: &str) -> Result<bool, StoreError>;
}

/// What can go wrong with tokens and keys.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The token, or the key, is not valid; whoever presents it is told nothing more.
    #[error("not valid")]
    Invalid,
    /// There is no key to sign with.
    #[error("there is no active signing key")]
    NoActiveKey,
    /// The crypto library refused.
    #[error("signing failed")]
    Failed(#[source] BoxError),
}
