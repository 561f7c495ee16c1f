//! A new secret for a client, and the end of a client.

use std::time::Duration;

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError};
use crate::secret::SecretString;

use super::{Client, ClientId, Clients};

/// A new secret for a client.
#[derive(Clone, Debug)]
pub struct RotateSecret {
    /// Whose.
    pub client: ClientId,
    /// For how long the present secret still works; zero ends it at once.
    pub overlap: Duration,
    /// Who asks.
    pub actor: Actor,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why a client did not change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeClientError {
    /// There is no such client, or no more.
    #[error("there is no client {0}")]
    Unknown(ClientId),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for ChangeClientError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Clients {
    /// Gives a client a new secret, told here and never again.
    pub async fn rotate_secret(&self, cmd: RotateSecret) -> Result<SecretString, ChangeClientError> {
        let now = self.clock.now();
        let (secret, digest) = self.fresh_secret(&cmd.client);
        let mut tx = self.store.begin().await?;
        let Some(client) = tx.clients().by_id(&cmd.client).await?.filter(Client::is_live) else {
            return Err(ChangeClientError::Unknown(cmd.client));
        };
        let previous = (!cmd.overlap.is_zero()).then(|| (client.secret, now.plus(cmd.overlap)));
        let changed = Client { secret: digest, previous, updated_at: now, ..client };
        tx.clients().update(&changed).await?;
        let act = AuditEntry::new(now, &*self.random, cmd.actor, Action::RotateClientSecret, &cmd.origin);
        tx.audit().append(act.with(cmd.client.as_str())).await?;
        let event = Event::ClientSecretRotated { client_id: cmd.client };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        self.directory.learn(vec![Client { version: changed.version + 1, ..changed }]);
        Ok(secret)
    }

    /// Ends a client: it proves itself no more, and its tokens are refused from here on.
    pub async fn delete(&self, id: &ClientId, actor: Actor, origin: &Origin) -> Result<(), ChangeClientError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let Some(client) = tx.clients().by_id(id).await?.filter(Client::is_live) else {
            return Err(ChangeClientError::Unknown(id.clone()));
        };
        let changed = Client { previous: None, updated_at: now, deleted_at: Some(now), ..client };
        tx.clients().update(&changed).await?;
        let act = AuditEntry::new(now, &*self.random, actor, Action::DeleteClient, origin);
        tx.audit().append(act.with(id.as_str())).await?;
        let event = Event::ClientDeleted { client_id: id.clone(), until: self.outlived(now) };
        tx.commit(now, vec![Effect::publish(event, origin)]).await?;
        let deleted = Client { version: changed.version + 1, ..changed };
        self.revocations.log.note_client(&deleted, self.outlived(now), now);
        self.directory.learn(vec![deleted]);
        Ok(())
    }
}
