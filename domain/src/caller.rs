//! Who is calling, once a token has been checked.

use crate::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::tokens::Scope;

/// A caller that presented a valid access token of a session that has not been revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user on whose behalf the call is made (`sub`).
    pub user: UserId,
    /// The session that the token belongs to (`sid`).
    pub session: SessionId,
    /// The client that the token was issued to (`client_id`).
    pub client_id: String,
    /// What the token allows.
    pub scope: Scope,
    /// The user's roles as far as the token carries them.
    pub roles: Vec<String>,
    /// When the token expires.
    pub expires_at: Timestamp,
}
