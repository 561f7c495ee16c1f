//! Issuing access tokens.

use std::sync::Arc;

use crate::clients::Client;
use crate::ids::TokenId;
use crate::ports::ambient::Randomness;
use crate::ports::tokens::TokenIssuer;
use crate::secret::SecretString;
use crate::sessions::Session;
use crate::{Failure, Timestamp};

use super::{Claims, Scope, Subject};

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

/// Makes the access tokens of sessions and clients.
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

    /// How long access tokens live.
    pub const fn access_ttl(&self) -> std::time::Duration {
        self.settings.access_ttl
    }

    /// A token of `session` for `scope`, and when it expires: never after the session itself.
    pub fn issue_for(
        &self,
        session: &Session,
        scope: Scope,
        now: Timestamp,
    ) -> Result<(SecretString, Timestamp), Failure> {
        let issued_at = now.floor_to_second();
        let session_ends = session.expires_at.min(session.idle_expires_at).floor_to_second();
        let expires_at = issued_at.plus(self.settings.access_ttl).min(session_ends);
        let claims = Claims {
            issuer: self.settings.issuer.clone(),
            subject: Subject::User { id: session.user, session: session.id },
            audience: self.settings.audience.clone(),
            expires_at,
            issued_at,
            id: TokenId::new(now, &*self.random),
            client_id: session.client_id.clone(),
            scope,
            authenticated_at: Some(session.authenticated_at.floor_to_second()),
            roles: None,
            permissions: None,
        };
        Ok((self.sign(&claims)?, expires_at))
    }

    /// A token of `client` in its own name, and what it says.
    pub fn issue_to(&self, client: &Client, scope: Scope, now: Timestamp) -> Result<(SecretString, Claims), Failure> {
        let issued_at = now.floor_to_second();
        let claims = Claims {
            issuer: self.settings.issuer.clone(),
            subject: Subject::Client,
            audience: self.settings.audience.clone(),
            expires_at: issued_at.plus(self.settings.access_ttl),
            issued_at,
            id: TokenId::new(now, &*self.random),
            client_id: client.id.as_str().to_owned(),
            scope,
            authenticated_at: None,
            roles: None,
            permissions: None,
        };
        Ok((self.sign(&claims)?, claims))
    }

    fn sign(&self, claims: &Claims) -> Result<SecretString, Failure> {
        self.issuer.issue(claims).map_err(|error| Failure::Internal(Box::new(error)))
    }
}
