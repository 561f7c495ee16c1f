//! A live signing key of either format.

use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::{LiveKey, TokenError};
use portcullis_domain::tokens::Algorithm;

use crate::jwt_key::JwtKey;
use crate::paseto_key::PasetoKey;

pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) ordinal: u32,
    activates_at: Timestamp,
    pub(crate) retires_at: Option<Timestamp>,
    pub(crate) pair: Pair,
}

pub(crate) enum Pair {
    Jwt(Box<JwtKey>),
    Paseto(PasetoKey),
}

impl Key {
    /// Takes a stored key into use; `Invalid` unless private part, public part and `kid` belong together.
    pub(crate) fn read(live: &LiveKey) -> Result<Self, TokenError> {
        let LiveKey { key, private } = live;
        let pair = match key.algorithm {
            Algorithm::V4Public => Pair::Paseto(PasetoKey::read(&key.public, private)?),
            jwt => Pair::Jwt(Box::new(JwtKey::read(jwt, &key.public, private)?)),
        };
        let kid = match &pair {
            Pair::Jwt(pair) => &pair.kid,
            Pair::Paseto(pair) => &pair.kid,
        };
        if *kid != key.kid {
            return Err(TokenError::Invalid);
        }
        Ok(Self {
            algorithm: key.algorithm,
            ordinal: key.ordinal,
            activates_at: key.activates_at,
            retires_at: key.retires_at,
            pair,
        })
    }

    /// Whether it is published and its tokens are accepted at `now`.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|retires_at| now < retires_at)
    }

    /// Whether it may sign a token issued at `at`. Issue instants are whole seconds, so a key is ready from the
    /// beginning of its first second.
    pub(crate) fn is_ready(&self, at: Timestamp) -> bool {
        self.is_live(at) && self.activates_at.floor_to_second() <= at
    }

    /// Later keys compare greater.
    pub(crate) fn age(&self) -> (Timestamp, u32) {
        (self.activates_at, self.ordinal)
    }
}
