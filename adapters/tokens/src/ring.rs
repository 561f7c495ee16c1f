//! The ring of keys that issues and verifies access tokens.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{
    KeyPair, KeyRing, LiveKey, PublishedKeys, TokenError, TokenIssuer, TokenVerifier,
};
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::{Algorithm, Claims};

use crate::installed::{Installed, KeyEpochs};
use crate::jwt_key::JwtKey;
use crate::key::{Key, Pair};
use crate::paseto_key::PasetoKey;
use crate::{claims, jwt, paseto, published};

/// Longer tokens are refused unread.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What the ring signs with, and whose tokens it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Format and algorithm of new tokens. Tokens of every live key are accepted, whatever its algorithm.
    pub algorithm: Algorithm,
    /// The `iss` that a token must have.
    pub issuer: String,
    /// The `aud` that a token must have.
    pub audience: String,
}

/// Issues and verifies access tokens with the installed keys, JWT and PASETO alike.
///
/// Before the first [`KeyRing::install`] it has no key: nothing can be issued and every token is invalid.
pub struct TokenRing {
    settings: TokenSettings,
    random: Arc<dyn Randomness>,
    installed: Installed,
}

impl TokenRing {
    /// A ring without keys. `random` gives the seeds of Ed25519 keys; other keys, and the nonces of signatures, are
    /// drawn by the crypto library itself.
    pub fn new(settings: TokenSettings, random: Arc<dyn Randomness>) -> Self {
        Self { settings, random, installed: Installed::default() }
    }

    /// For a [`CachedVerifier`](crate::CachedVerifier) over this ring.
    pub fn epochs(&self) -> KeyEpochs {
        KeyEpochs(self.installed.clone())
    }
}

impl TokenIssuer for TokenRing {
    fn issue(&self, claims: &Claims) -> Result<SecretString, TokenError> {
        let keys = self.installed.current();
        let key = keys.active(self.settings.algorithm, claims.issued_at).ok_or(TokenError::NoActiveKey)?;
        match &key.pair {
            Pair::Jwt(pair) => jwt::write(pair, claims),
            Pair::Paseto(pair) => paseto::write(pair, claims),
        }
        .map(SecretString::new)
    }
}

impl TokenVerifier for TokenRing {
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let keys = self.installed.current();
        let TokenSettings { issuer, audience, .. } = &self.settings;
        let read = if paseto::is(token) { paseto::read } else { jwt::read };
        read(&keys, token, issuer, audience, now)
            .filter(|claims| claims::are_current(claims, now))
            .ok_or(TokenError::Invalid)
    }
}

#[async_trait]
impl KeyRing for TokenRing {
    async fn generate(&self, algorithm: Algorithm) -> Result<KeyPair, TokenError> {
        let random = self.random.clone();
        match algorithm {
            Algorithm::V4Public => PasetoKey::generate(&*random),
            Algorithm::Es256 | Algorithm::EdDsa => JwtKey::generate(algorithm, &*random),
            // Finding primes takes a good part of a second.
            Algorithm::Rs256 => tokio::task::spawn_blocking(move || JwtKey::generate(algorithm, &*random))
                .await
                .map_err(|error| TokenError::Failed(error.into()))?,
        }
    }

    fn install(&self, keys: Vec<LiveKey>) -> Result<(), TokenError> {
        let keys = keys.iter().map(Key::read).collect::<Result<_, _>>()?;
        self.installed.replace(keys);
        Ok(())
    }

    fn published(&self, now: Timestamp) -> PublishedKeys {
        let keys = self.installed.current();
        let mut live: Vec<&Key> = keys.live(now).collect();
        // A verifier that looks no further than the first key finds the one that signs; the rest, newest first.
        let rank = |key: &Key| (key.algorithm == self.settings.algorithm, key.is_ready(now), key.age());
        live.sort_by_key(|key| std::cmp::Reverse(rank(key)));
        published::documents(live.into_iter())
    }
}
