//! Identifiers: UUIDv7 (RFC 9562 §5.7), made from the clock and the randomness ports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::ports::ambient::Randomness;

fn uuid_v7(now: Timestamp, random: &dyn Randomness) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(now.as_unix_millis(), &bytes).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh identifier that sorts by `now`.
            pub fn new(now: Timestamp, random: &dyn Randomness) -> Self {
                Self(uuid_v7(now, random))
            }

            /// The identifier that a store kept.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The identifier as a store keeps it.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Reads the hyphenated form in lower case and nothing else.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let uuid = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                if uuid.as_hyphenated().to_string() == text { Ok(Self(uuid)) } else { Err(NotAnId) }
            }
        }
    };
}

/// The text is not a hyphenated UUID in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID in its hyphenated lower-case form")]
pub struct NotAnId;

id!(
    /// A user account.
    UserId
);
id!(
    /// A session: one sign-in on one device, and the family of its refresh tokens.
    SessionId
);
id!(
    /// An access token (`jti`, RFC 7519 §4.1.7).
    TokenId
);
id!(
    /// What a revocation names: a session with all its tokens (`sid`), or one token that belongs to none (`jti`).
    GrantId
);
id!(
    /// An API key.
    ApiKeyId
);
id!(
    /// A webhook.
    WebhookId
);
id!(
    /// An event: the CloudEvents `id`, the AMQP `message_id` and the consumers' deduplication key.
    EventId
);
id!(
    /// An entry of the audit trail.
    AuditId
);

impl GrantId {
    /// The session, of a grant that is one.
    pub const fn as_session(self) -> SessionId {
        SessionId(self.0)
    }
}

impl From<SessionId> for GrantId {
    fn from(session: SessionId) -> Self {
        Self(session.0)
    }
}

impl From<TokenId> for GrantId {
    fn from(token: TokenId) -> Self {
        Self(token.0)
    }
}
