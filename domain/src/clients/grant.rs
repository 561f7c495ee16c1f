//! Tokens for a client in its own name (RFC 6749 §4.4), and their end (RFC 7009).

use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::GrantId;
use crate::origin::Origin;
use crate::ports::sessions::Revocation;
use crate::ports::store::Effect;
use crate::secret::SecretString;
use crate::tokens::{Claims, Scope};
use crate::{Failure, Timestamp};

use super::{Client, Clients};

/// An access token of a client.
#[derive(Clone, Debug)]
pub struct ClientToken {
    /// The token.
    pub access_token: SecretString,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// What it allows.
    pub scope: Scope,
}

/// Why a client gets no token.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// It asked for more than it may.
    #[error("the scope goes beyond what the client may ask for")]
    Scope,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Clients {
    /// A token in the client's own name, for `scope` or for all that it may.
    pub async fn grant(
        &self,
        client: &Client,
        scope: Option<Scope>,
        origin: &Origin,
    ) -> Result<ClientToken, GrantError> {
        let now = self.clock.now();
        let scope = match scope {
            None => client.scope.clone(),
            Some(scope) if client.scope.covers(&scope) => scope,
            Some(_) => return Err(GrantError::Scope),
        };
        let (access_token, claims) = self.access_tokens.issue_to(client, scope, now)?;
        let mut tx = self.store.begin().await.map_err(Failure::from)?;
        let actor = Actor::Client(client.id.as_str().to_owned());
        let act = AuditEntry::new(now, &*self.random, actor, Action::GrantToken, origin);
        tx.audit().append(act.with(claims.id.to_string())).await.map_err(Failure::from)?;
        tx.commit(now, Vec::new()).await.map_err(Failure::from)?;
        Ok(ClientToken {
            access_token,
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
            scope: claims.scope,
        })
    }

    /// Ends one token that a client holds in its own name, at the client's wish: it is refused from here on.
    pub async fn revoke_token(&self, claims: &Claims, origin: &Origin) -> Result<(), Failure> {
        let now = self.clock.now();
        let revocation = Revocation { grant: GrantId::from(claims.id), at: now, until: self.outlived(now) };
        let mut tx = self.store.begin().await?;
        tx.revocations().add(&[revocation]).await?;
        let actor = Actor::Client(claims.client_id.clone());
        let act = AuditEntry::new(now, &*self.random, actor, Action::RevokeToken, origin);
        tx.audit().append(act.with(claims.id.to_string())).await?;
        let event =
            Event::TokenRevoked { token_id: claims.id, client_id: claims.client_id.clone(), until: revocation.until };
        tx.commit(now, vec![Effect::publish(event, origin)]).await?;
        self.revocations.remember(&[revocation], now);
        Ok(())
    }
}
