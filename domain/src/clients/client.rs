//! An OAuth 2 client.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};

use crate::Timestamp;
use crate::secret::SecretDigest;
use crate::tokens::Scope;

/// `client_id` (RFC 6749 §2.2): 3 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit. Never the form of a UUID,
/// so that no client is ever taken for a user (RFC 9700 §4.15).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text cannot be the id of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client id is 3 to 64 of a-z, 0-9, '.', '_' and '-', begins with a letter or digit, and is not a UUID")]
pub struct NotAClientId;

impl ClientId {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let is_uuid = uuid::Uuid::try_parse(text).is_ok();
        if (3..=64).contains(&text.len()) && text.bytes().all(fine) && begins && !is_uuid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAClientId)
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = NotAClientId;

    fn from_str(text: &str) -> Result<Self, NotAClientId> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;

    fn try_from(text: String) -> Result<Self, NotAClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A confidential client: another service that calls in its own name (RFC 6749 §4.4), or asks about tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id, given once and never again, not even after it was deleted.
    pub id: ClientId,
    /// What people call it; up to 100 characters.
    pub name: Option<String>,
    /// The digest of its secret.
    pub secret: SecretDigest,
    /// The digest of the secret before, and until when that one still works.
    pub previous: Option<(SecretDigest, Timestamp)>,
    /// The most that its tokens may allow.
    pub scope: Scope,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Since when it is no more. Its row stays, so that every replica learns of it and its id is not given again.
    pub deleted_at: Option<Timestamp>,
    /// Grows with each change.
    pub version: u32,
}

impl Client {
    /// The most characters of a name.
    pub const NAME_MAX: usize = 100;

    /// The digests that prove the client at `now`, the newest first.
    pub fn digests(&self, now: Timestamp) -> impl Iterator<Item = &SecretDigest> {
        let previous = self.previous.as_ref().filter(move |(_, until)| now < *until).map(|(digest, _)| digest);
        std::iter::once(&self.secret).chain(previous)
    }

    /// Whether whoever presents a secret of this digest at `now` is this client, and may be. All digests are compared, in
    /// full.
    pub fn is_proved_by(&self, presented: &SecretDigest, now: Timestamp) -> bool {
        let same = self.digests(now).map(|digest| presented.0.ct_eq(&digest.0));
        bool::from(same.fold(Choice::from(0), |any, one| any | one)) && self.is_live()
    }

    /// Whether it may be used.
    pub const fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_short_plain_and_never_a_users() {
        for fine in ["abc", "orders", "orders.eu-1", "0rders_2", &"a".repeat(64)] {
            assert_eq!(ClientId::parse(fine).map(String::from).as_deref(), Ok(fine));
        }
        let long = "a".repeat(65);
        let wrong = [
            "",
            "ab",
            "Orders",
            "or ders",
            "-orders",
            ".orders",
            "order:s",
            "ordérs",
            "orders\n",
            &long,
            "01234567-89ab-7def-8123-456789abcdef",
            "0123456789ab7def8123456789abcdef",
        ];
        for wrong in wrong {
            assert_eq!(ClientId::parse(wrong), Err(NotAClientId), "{wrong:?}");
        }
    }
}
