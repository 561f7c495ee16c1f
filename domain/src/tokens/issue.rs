//! Issuing access tokens.

use std::sync::Arc;

use crate::access::Standing;
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
    /// The client whose sessions may do all that their user may.
    pub first_party: String,
    /// Whether they say which roles their user has.
    pub roles: bool,
    /// Whether they say what their user may do.
    pub permissions: bool,
}

/// The most bytes of roles, and of permissions, that a token says: it has to fit in a header.
const TOLD_MAX: usize = 2_048;

/// The words, unless they are too many.
fn short(words: Vec<String>) -> Option<Vec<String>> {
    (words.iter().map(|word| word.len() + 3).sum::<usize>() <= TOLD_MAX).then_some(words)
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

    /// Whether they say what their user is and may do: then whoever issues one reads it first.
    pub const fn tells_standing(&self) -> bool {
        self.settings.roles || self.settings.permissions
    }

    /// A token of `session` for `scope`, and when it expires: never after the session itself. Of `standing` it says what the
    /// settings ask for. A client other than the first party gets no roles, and permissions as far as its scope names
    /// them. What is longer than 2 KiB is left out.
    pub fn issue_for(
        &self,
        session: &Session,
        scope: Scope,
        standing: Option<&Standing>,
        now: Timestamp,
    ) -> Result<(SecretString, Timestamp), Failure> {
        let issued_at = now.floor_to_second();
        let session_ends = session.expires_at.min(session.idle_expires_at).floor_to_second();
        let expires_at = issued_at.plus(self.settings.access_ttl).min(session_ends);
        let (roles, permissions) = self.told(session, &scope, standing);
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
            actor: session.impersonation.map(|impersonation| impersonation.by),
            roles,
            permissions,
        };
        Ok((self.sign(&claims)?, expires_at))
    }

    /// What the token says of roles and permissions.
    fn told(
        &self,
        session: &Session,
        scope: &Scope,
        standing: Option<&Standing>,
    ) -> (Option<Vec<String>>, Option<Vec<String>>) {
        let Some(standing) = standing else { return (None, None) };
        let is_first_party = session.client_id == self.settings.first_party;
        let roles = || {
            let roles = if is_first_party { standing.roles.as_slice() } else { &[] };
            roles.iter().map(ToString::to_string).collect()
        };
        let permissions = || {
            let allowed = &standing.permissions;
            let allowed = if is_first_party { allowed.clone() } else { allowed.common(&scope.permissions()) };
            allowed.shortest().iter().map(ToString::to_string).collect()
        };
        (self.settings.roles.then(roles).and_then(short), self.settings.permissions.then(permissions).and_then(short))
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
            actor: None,
            roles: None,
            permissions: None,
        };
        Ok((self.sign(&claims)?, claims))
    }

    fn sign(&self, claims: &Claims) -> Result<SecretString, Failure> {
        self.issuer.issue(claims).map_err(|error| Failure::Internal(Box::new(error)))
    }
}
