//! Who presents this access token?

use crate::caller::UserSession;
use crate::{Failure, Timestamp};

use super::{Claims, Subject, Tokens};

/// Why nobody is behind an access token.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Forged, foreign, expired, or of a revoked session. Nobody is told which.
    #[error("the access token is not valid")]
    Unauthenticated,
    /// The token is good, and speaks for a client, where only users are served.
    #[error("the access token speaks for a client, not for a user")]
    NotAUser,
    /// The service could not tell.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Tokens {
    /// What a good access token says, whomever it speaks for. It asks no database: signature, claims and the list of
    /// revocations decide.
    pub fn identify(&self, token: &str) -> Result<Claims, AuthenticateError> {
        self.accept(token, self.clock.now())?.ok_or(AuthenticateError::Unauthenticated)
    }

    /// The user behind an access token, as [`identify`](Tokens::identify) finds out.
    pub fn authenticate(&self, token: &str) -> Result<UserSession, AuthenticateError> {
        UserSession::of(self.identify(token)?).ok_or(AuthenticateError::NotAUser)
    }

    /// What a token says that is genuine, not outlived, and not known to be revoked.
    pub(super) fn genuine(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let claims = self.verifier.verify(token, now).ok()?;
        // A lifetime that was shortened holds for older tokens too: their revocation is not remembered for longer.
        let outlived = now >= claims.issued_at.plus(self.access_ttl);
        let withdrawn = self.revocations.is_revoked(claims.grant())
            || (claims.subject == Subject::Client && self.clients.is_deleted(&claims.client_id));
        (!outlived && !withdrawn).then_some(claims)
    }

    pub(super) fn accept(&self, token: &str, now: Timestamp) -> Result<Option<Claims>, Failure> {
        let Some(claims) = self.genuine(token, now) else { return Ok(None) };
        self.revocations.must_be_fresh(now)?;
        Ok(Some(claims))
    }
}
