//! Who presents this access token?

use crate::caller::Caller;
use crate::sessions::Stale;
use crate::{Failure, Timestamp};

use super::{Claims, Tokens};

/// Why nobody is behind an access token.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Forged, foreign, expired, or of a revoked session. Nobody is told which.
    #[error("the access token is not valid")]
    Unauthenticated,
    /// The service could not tell.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Tokens {
    /// The caller behind an access token. It asks no database: signature, claims and the list of revocations decide.
    pub fn authenticate(&self, token: &str) -> Result<Caller, AuthenticateError> {
        let claims = self.accept(token, self.clock.now())?.ok_or(AuthenticateError::Unauthenticated)?;
        Ok(Caller {
            user: claims.subject,
            session: claims.session,
            client_id: claims.client_id,
            scope: claims.scope,
            roles: claims.roles.unwrap_or_default(),
            expires_at: claims.expires_at,
        })
    }

    /// What a token says that is genuine, not outlived, and not known to be revoked.
    pub(super) fn genuine(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let claims = self.verifier.verify(token, now).ok()?;
        // A lifetime that was shortened holds for older tokens too: their revocation is not remembered for longer.
        let outlived = now >= claims.issued_at.plus(self.access_ttl);
        (!outlived && !self.revocations.is_revoked(claims.session)).then_some(claims)
    }

    pub(super) fn accept(&self, token: &str, now: Timestamp) -> Result<Option<Claims>, Failure> {
        let Some(claims) = self.genuine(token, now) else { return Ok(None) };
        if self.freshness.is_stale(now) { Err(Failure::Unavailable(Box::new(Stale))) } else { Ok(Some(claims)) }
    }
}
