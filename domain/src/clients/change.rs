//! A new secret for a client, and the end of a client.

use std::time::Duration;

use crate::Failure;
use crate::access::Asked;
use crate::audit::{Action, AuditEntry};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::secret::{LONGEST_OVERLAP, SecretString};

use super::{Client, ClientId, Clients, may_write};

/// A new secret for a client.
#[derive(Clone, Debug)]
pub struct RotateSecret {
    /// Whose.
    pub client: ClientId,
    /// For how long the present secret still works, at most [`LONGEST_OVERLAP`]; zero ends it at once.
    pub overlap: Duration,
    /// Who asks: whoever has the secret may do what the client may.
    pub caller: Caller,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why a client did not change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeClientError {
    /// The caller lacks a permission: `clients:write`, or one that the client's scope names.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
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
    /// Gives a client a new secret, told here and never again. Needs `clients:write`, and whatever permissions the client's
    /// scope names.
    pub async fn rotate_secret(&self, cmd: RotateSecret) -> Result<SecretString, ChangeClientError> {
        let now = self.clock.now();
        let act = AuditEntry::new(now, &*self.random, cmd.caller.actor(), Action::RotateClientSecret, &cmd.origin);
        let (secret, digest) = self.fresh_secret(&cmd.client);
        let (mut tx, client, act) = self.writable(&cmd.caller, &cmd.client, act).await?;
        let overlap = cmd.overlap.min(LONGEST_OVERLAP);
        let previous = (!overlap.is_zero()).then(|| (client.secret, now.plus(overlap)));
        let changed = Client { secret: digest, previous, updated_at: now, ..client };
        tx.clients().update(&changed).await?;
        tx.audit().append(act).await?;
        let event = Event::ClientSecretRotated { client_id: cmd.client };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        self.directory.learn(vec![Client { version: changed.version + 1, ..changed }]);
        Ok(secret)
    }

    /// Ends a client: it proves itself no more, and its tokens are refused from here on. Needs `clients:write`, and whatever
    /// permissions the client's scope names.
    pub async fn delete(&self, caller: &Caller, id: &ClientId, origin: &Origin) -> Result<(), ChangeClientError> {
        let now = self.clock.now();
        let act = AuditEntry::new(now, &*self.random, caller.actor(), Action::DeleteClient, origin);
        let (mut tx, client, act) = self.writable(caller, id, act).await?;
        let changed = Client { previous: None, updated_at: now, deleted_at: Some(now), ..client };
        tx.clients().update(&changed).await?;
        tx.audit().append(act).await?;
        let event = Event::ClientDeleted { client_id: id.clone(), until: self.outlived(now) };
        tx.commit(now, vec![Effect::publish(event, origin)]).await?;
        let deleted = Client { version: changed.version + 1, ..changed };
        self.revocations.log.note_client(&deleted, self.outlived(now), now);
        self.directory.learn(vec![deleted]);
        Ok(())
    }

    /// A live client that the caller may change, and the unit in which that is so. A refusal is recorded.
    async fn writable(
        &self,
        caller: &Caller,
        id: &ClientId,
        act: AuditEntry,
    ) -> Result<(Box<dyn Tx>, Client, AuditEntry), ChangeClientError> {
        match self.find_writable(caller, id).await {
            Err(ChangeClientError::Forbidden(forbidden)) => {
                // Which client was meant is a text that the caller chose.
                self.note_refused(act).await?;
                Err(forbidden.into())
            }
            found => {
                let (tx, client) = found?;
                let act = act.with(client.id.as_str());
                Ok((tx, client, act))
            }
        }
    }

    async fn find_writable(&self, caller: &Caller, id: &ClientId) -> Result<(Box<dyn Tx>, Client), ChangeClientError> {
        caller.require(Asked::ClientsWrite)?;
        let mut tx = self.store.begin().await?;
        let client = tx.clients().by_id(id).await?.filter(Client::is_live);
        let client = client.ok_or_else(|| ChangeClientError::Unknown(id.clone()))?;
        may_write(caller, &client.scope)?;
        Ok((tx, client))
    }
}
