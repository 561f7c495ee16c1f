//! Issuing the access tokens of a session.

use std::sync::Arc;

use crate::ids::TokenId;
use crate::ports::ambient::Randomness;
use crate::ports::tokens::TokenIssuer;
use crate::secret::SecretString;
use crate::sessions::Session;
use crate::{Failure, Timestamp};

use super::Claims;

/// What every access token says alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// `iss`: the URL of this service.
    pub issuer: String,
    /// `aud`: whom the tokens are for.
    pub audience: String,
    /// How long they live.
    pub access_ttl: std::time::Duration,
}

/// Makes the access tokens of sessions.
pub struct AccessTokens {
    issuer: Arc<dyn TokenIssuer>,
    random: Arc<dyn Randomness>,
    settings: TokenSettings,
}

impl AccessTokens {
    /// Over its ports.
    pub const fn new(issuer: Arc<dyn TokenIssuer>, random: Arc<dyn Randomness>, settings: TokenSettings) -> Self {
        Self { issuer, random, settings }
    }

    /// A token of `session`, and when it expires: never after the session itself.
    pub fn issue_for(&self, session: &Session, now: Timestamp) -> Result<(SecretString, Timestamp), Failure> {
        let issued_at = now.floor_to_second();
        let session_ends = session.expires_at.min(session.idle_expires_at).floor_to_second();
        let expires_at = issued_at.plus(self.settings.access_ttl).min(session_ends);
        let claims = Claims {
            issuer: self.settings.issuer.clone(),
            subject: session.user,
            audience: self.settings.audience.clone(),
            expires_at,
            issued_at,
            id: TokenId::new(now, &*self.random),
            session: session.id,
            client_id: session.client_id.clone(),
            scope: session.scope.clone(),
            authenticated_at: Some(session.authenticated_at.floor_to_second()),
            roles: None,
            permissions: None,
        };
        let token = self.issuer.issue(&claims).map_err(|error| Failure::Internal(Box::new(error)))?;
        Ok((token, expires_at))
    }
}
