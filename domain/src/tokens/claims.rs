//! What an access token says (RFC 9068 §2.2).

use std::collections::HashSet;
use std::fmt;

use crate::Timestamp;
use crate::access::{Permission, Permissions};
use crate::ids::{GrantId, SessionId, TokenId, UserId};

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: the URL of this service.
    pub issuer: String,
    /// `sub` and `sid`: whom the token speaks for.
    pub subject: Subject,
    /// `aud`: whom the token is for; exactly one.
    pub audience: String,
    /// `exp`: from this instant on the token is refused. Whole seconds.
    pub expires_at: Timestamp,
    /// `iat`: when it was issued. Whole seconds.
    pub issued_at: Timestamp,
    /// `jti`: which token.
    pub id: TokenId,
    /// `client_id`: the client it was issued to.
    pub client_id: String,
    /// `scope`: what it allows.
    pub scope: Scope,
    /// `auth_time`: when the user proved who they are. Whole seconds.
    pub authenticated_at: Option<Timestamp>,
    /// `act` (RFC 8693 §4.1): who acts as the user, when it is somebody else.
    pub actor: Option<UserId>,
    /// `roles`, when the setting puts them into tokens.
    pub roles: Option<Vec<String>>,
    /// `permissions`, when the setting puts them into tokens.
    pub permissions: Option<Vec<String>>,
}

/// Whom an access token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user, in a session: `sub` is the user's id, `sid` the session's.
    User {
        /// Who.
        id: UserId,
        /// The session it belongs to.
        session: SessionId,
    },
    /// The client itself (RFC 6749 §4.4): `sub` is its `client_id` (RFC 9068 §2.2), and there is no `sid`.
    Client,
}

impl Claims {
    /// `sub` as it is written.
    pub fn sub(&self) -> String {
        match self.subject {
            Subject::User { id, .. } => id.to_string(),
            Subject::Client => self.client_id.clone(),
        }
    }

    /// What a revocation of this token names.
    pub fn grant(&self) -> GrantId {
        match self.subject {
            Subject::User { session, .. } => session.into(),
            Subject::Client => self.id.into(),
        }
    }
}

/// A set of scope values (RFC 6749 §3.3), in the order given, each once.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope(Vec<String>);

/// The text is not a space-separated list of scope values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is a list of printable ASCII words separated by single spaces, of at most 4096 bytes")]
pub struct NotAScope;

impl Scope {
    /// The most bytes of a scope: whoever asks for one need not have proved anything yet.
    pub const MAX: usize = 4_096;

    /// Reads a space-separated list of at most [`Scope::MAX`] bytes; the empty text is the empty scope.
    pub fn parse(text: &str) -> Result<Self, NotAScope> {
        let mut values: Vec<String> = Vec::new();
        if text.is_empty() {
            return Ok(Self(values));
        }
        if text.len() > Self::MAX {
            return Err(NotAScope);
        }
        let mut seen = HashSet::new();
        for value in text.split(' ') {
            // RFC 6749 appendix A.4: %x21 / %x23-5B / %x5D-7E
            let fine = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            if value.is_empty() || !value.bytes().all(fine) {
                return Err(NotAScope);
            }
            if seen.insert(value) {
                values.push(value.to_owned());
            }
        }
        Ok(Self(values))
    }

    /// The scope value of a token with which nothing may be changed.
    pub const READ_ONLY: &str = "read_only";

    /// The scope of a token with which nothing may be changed, and that allows this otherwise.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        if !self.contains(Self::READ_ONLY) {
            self.0.push(Self::READ_ONLY.to_owned());
        }
        self
    }

    /// What its values name as permissions; the others name none.
    pub fn permissions(&self) -> Permissions {
        self.0.iter().filter_map(|value| Permission::parse(value).ok()).collect()
    }

    /// Whether `value` is part of it.
    pub fn contains(&self, value: &str) -> bool {
        self.0.iter().any(|known| known == value)
    }

    /// Whether every value of `other` is part of it.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|value| self.contains(value))
    }

    /// The values in their order.
    pub fn values(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}
