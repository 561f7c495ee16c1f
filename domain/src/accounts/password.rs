//! Passwords, and what is stored instead of them.

use std::fmt;

use crate::secret::SecretString;

/// A password exactly as it was given: no trimming, folding, normalising or cutting.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

/// Why a text cannot be a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer code points than the policy asks for.
    #[error("a password has at least {min} characters")]
    TooShort {
        /// The fewest Unicode code points.
        min: usize,
    },
    /// More code points than are accepted.
    #[error("a password has at most 1024 characters")]
    TooLong,
}

impl Password {
    /// The fewest Unicode code points that any policy may ask for.
    pub const MIN_CHARS: usize = 8;
    /// The most Unicode code points.
    pub const MAX_CHARS: usize = 1024;

    /// A new password of at least `min` and at most [`Password::MAX_CHARS`] Unicode code points.
    pub fn choose(text: String, min: usize) -> Result<Self, PasswordError> {
        let password = Self::present(text)?;
        if password.expose().chars().count() < min { Err(PasswordError::TooShort { min }) } else { Ok(password) }
    }

    /// A password as a login presents it: only the upper limit holds, so that nothing long is ever hashed.
    pub fn present(text: String) -> Result<Self, PasswordError> {
        let password = Self(SecretString::new(text));
        if password.expose().len() > 4 * Self::MAX_CHARS || password.expose().chars().count() > Self::MAX_CHARS {
            return Err(PasswordError::TooLong);
        }
        Ok(password)
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// What is stored instead of a password: a PHC string (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes the hasher's or the store's text as it is.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
