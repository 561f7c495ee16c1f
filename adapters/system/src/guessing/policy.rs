//! The policy behind the port.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::accounts::Password;
use portcullis_domain::ports::security::{PasswordPolicy, PolicyError};

use super::judge::judge;
use super::own_words::OwnWords;
use crate::work::{PoolError, WorkPool};

/// Refuses passwords that are common, made of what belongs to their owner, or guessed in fewer than 10⁸ attempts.
///
/// It asks for length, never for kinds of characters. It judges on the threads that hash, so that it cannot take more
/// of the machine than they do, and refuses when they do.
pub struct GuessPolicy {
    min_chars: usize,
    product_words: Arc<[String]>,
    pool: Arc<WorkPool>,
}

/// A shortest length that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("min_chars is {0}: it has to be between 8 and 64")]
pub struct PolicySettingError(pub usize);

impl GuessPolicy {
    /// The longest shortest length: who may not choose 64 characters may choose nothing (OWASP ASVS 6.2.9).
    pub const MAX_MIN_CHARS: usize = 64;

    /// A policy that asks for `min_chars` Unicode code points (8 to 64) and refuses passwords made of `product_words`
    /// (the name of the service, its host); it judges on `pool`.
    pub fn new(min_chars: usize, product_words: Vec<String>, pool: Arc<WorkPool>) -> Result<Self, PolicySettingError> {
        if !(Password::MIN_CHARS..=Self::MAX_MIN_CHARS).contains(&min_chars) {
            return Err(PolicySettingError(min_chars));
        }
        Ok(Self { min_chars, product_words: product_words.into(), pool })
    }
}

#[async_trait]
impl PasswordPolicy for GuessPolicy {
    fn min_chars(&self) -> usize {
        self.min_chars
    }

    async fn check(&self, password: &Password, context: &[&str]) -> Result<(), PolicyError> {
        let own = OwnWords::of(context.iter().copied().chain(self.product_words.iter().map(String::as_str)));
        let password = password.clone();
        match self.pool.run(move |_| judge(password.expose(), &own)).await {
            Ok(None) => Ok(()),
            Ok(Some(advice)) => Err(PolicyError::Weak(advice.to_owned())),
            Err(PoolError::Overloaded) => Err(PolicyError::Overloaded),
            // The panic is in the log; a password that was not judged is not accepted.
            Err(PoolError::Panicked) => Err(PolicyError::Overloaded),
        }
    }
}
