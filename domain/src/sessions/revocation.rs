//! What follows from the end of a session.

use std::time::Duration;

use crate::Timestamp;
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::sessions::Revocation;
use crate::ports::store::Effect;

use super::{RevocationReason, SessionPolicy};

impl SessionPolicy {
    /// The revocations of sessions that end at `now`: remembered until their last access token has expired.
    pub fn revocations(&self, sessions: &[SessionId], now: Timestamp) -> Vec<Revocation> {
        let until = outlived(now, self.access_ttl);
        sessions.iter().map(|&session| Revocation { grant: session.into(), at: now, until }).collect()
    }
}

/// When the last access token has expired of what was revoked at `at`. One issued while the word is on its way lives up to a
/// minute longer than one issued then.
pub(crate) fn outlived(at: Timestamp, access_ttl: Duration) -> Timestamp {
    at.plus(access_ttl).plus(Duration::from_secs(60))
}

/// One `session.revoked` for each.
pub(crate) fn revoked_events(
    user_id: UserId,
    ended: &[Revocation],
    reason: RevocationReason,
    origin: &Origin,
) -> Vec<Effect> {
    let event = |revocation: &Revocation| {
        let session_id = revocation.grant.as_session();
        Event::SessionRevoked { user_id, session_id, reason, until: revocation.until }
    };
    ended.iter().map(|revocation| Effect::publish(event(revocation), origin)).collect()
}
