//! What follows from the end of a session.

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
        // A token issued while the revocation is on its way lives up to a minute longer than one issued now.
        let until = now.plus(self.access_ttl).plus(std::time::Duration::from_secs(60));
        sessions.iter().map(|&session| Revocation { grant: session.into(), at: now, until }).collect()
    }
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
