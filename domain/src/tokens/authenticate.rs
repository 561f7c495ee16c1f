//! Who presents this access token?

use crate::Timestamp;
use crate::caller::Caller;

use super::{Claims, Tokens};

/// The token does not authenticate anybody: forged, foreign, expired, or of a revoked session. Nobody is told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct Unauthenticated;

impl Tokens {
    /// The caller behind an access token. It asks no database: signature, claims and the list of revocations decide.
    pub fn authenticate(&self, token: &str) -> Result<Caller, Unauthenticated> {
        let claims = self.accept(token, self.clock.now()).ok_or(Unauthenticated)?;
        Ok(Caller {
            user: claims.subject,
            session: claims.session,
            client_id: claims.client_id,
            scope: claims.scope,
            roles: claims.roles.unwrap_or_default(),
            expires_at: claims.expires_at,
        })
    }

    pub(super) fn accept(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let claims = self.verifier.verify(token, now).ok()?;
        // A lifetime that was shortened holds for older tokens too: their revocation is not remembered for longer.
        let outlived = now >= claims.issued_at.plus(self.access_ttl);
        (!outlived && !self.revocations.is_revoked(claims.session)).then_some(claims)
    }
}
