//! Refresh tokens: opaque to whoever holds them, kept as digests, rotated at each use.

use std::time::Duration;

use crate::Timestamp;
use crate::ids::SessionId;
use crate::secret::SecretString;

use super::Session;

/// SHA-256 of a secret of at least 128 random bits: all that is ever stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 32]);

/// A refresh token of this service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session whose family it belongs to.
    pub session: SessionId,
    /// Its number in the family, from 0.
    pub generation: u32,
    /// What the client holds.
    pub value: SecretString,
    /// What the store holds.
    pub digest: TokenDigest,
}

/// The use of a refresh token: what a store needs to decide, at once and atomically.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The session.
    pub session: SessionId,
    /// The generation of the presented token.
    pub generation: u32,
    /// The digest of the presented token.
    pub presented: TokenDigest,
    /// The digest of the token that takes over.
    pub successor: TokenDigest,
    /// Now.
    pub at: Timestamp,
    /// When the session ends unless it is refreshed again; the store caps it at the session's own end.
    pub idle_expires_at: Timestamp,
    /// How long a used token still gives its successor.
    pub grace: Duration,
}

/// What became of a [`Rotation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The token was the live one: the successor has taken over. The session is as it is now.
    First(Session),
    /// The token was used before, within the grace: the successor stands, nothing has changed.
    Again(Session),
    /// The token was used before and the grace is over: nothing has changed, the session should be revoked.
    Reused(Session),
    /// There is no such session, or it has ended, or the token is not of this family.
    Refused,
}

impl Rotation {
    /// The verdict on a token that is not the live one of `session`: what a store answers after its conditional
    /// update found nothing to change.
    pub fn verdict(&self, session: Option<Session>) -> Rotated {
        let Some(session) = session else { return Rotated::Refused };
        if !session.is_live(self.at) || self.generation >= session.family.generation {
            return Rotated::Refused;
        }
        match session.family.used_at(self.generation) {
            Some(used_at) if self.at.since(used_at) <= self.grace => Rotated::Again(session),
            _ => Rotated::Reused(session),
        }
    }

    /// The session after the rotation, when the presented token is its live one.
    pub fn apply(&self, session: &Session) -> Option<Session> {
        let family = &session.family;
        if !session.is_live(self.at) || self.generation != family.generation || self.presented != family.digest {
            return None;
        }
        let mut next = session.clone();
        next.family.used_at.rotate_right(1);
        next.family.used_at[0] = Some(self.at);
        next.family.generation += 1;
        next.family.digest = self.successor;
        next.last_seen_at = self.at;
        next.idle_expires_at = self.idle_expires_at.min(session.expires_at);
        Some(next)
    }
}
