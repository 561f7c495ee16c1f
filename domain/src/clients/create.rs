//! A new client.

use crate::Failure;
use crate::audit::{Action, AuditEntry};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::origin::Origin;
use crate::plain_text::is_name;
use crate::ports::store::{Effect, StoreError, Unique};
use crate::secret::SecretString;
use crate::tokens::Scope;

use super::{Client, ClientId, Clients, may_write};

/// What a new client is to be.
#[derive(Clone, Debug)]
pub struct CreateClient {
    /// Its id; `None` for one of our making.
    pub id: Option<ClientId>,
    /// What people call it.
    pub name: Option<String>,
    /// The most that its tokens may allow.
    pub scope: Scope,
    /// Who creates it: nobody gives a client permissions that they lack.
    pub caller: Caller,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why there is no new client.
#[derive(Debug, thiserror::Error)]
pub enum CreateClientError {
    /// The caller lacks a permission: `clients:write`, or one that the scope names.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The id is in use, or was once: an id is given once.
    #[error("the client id {0} is taken, or was given before: ids are not given twice")]
    Taken(ClientId),
    /// The id belongs to the service.
    #[error("the client id {0} is reserved")]
    Reserved(ClientId),
    /// The name is empty, too long, or holds control characters.
    #[error("a name is 1 to 100 characters without control characters")]
    Name,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Clients {
    /// Creates a client. The secret is told here and never again. Needs `clients:write`, and whatever permissions the scope
    /// names: nobody makes a client that may do what they may not.
    pub async fn create(&self, cmd: CreateClient) -> Result<(Client, SecretString), CreateClientError> {
        let now = self.clock.now();
        let act = AuditEntry::new(now, &*self.random, cmd.caller.actor(), Action::CreateClient, &cmd.origin);
        if let Err(forbidden) = may_write(&cmd.caller, &cmd.scope) {
            self.note_refused(act).await?;
            return Err(forbidden.into());
        }
        if cmd.name.as_ref().is_some_and(|name| !is_name(name, Client::NAME_MAX)) {
            return Err(CreateClientError::Name);
        }
        if let Some(id) = cmd.id.as_ref().filter(|id| self.is_reserved(id.as_str())) {
            return Err(CreateClientError::Reserved(id.clone()));
        }
        let id = match cmd.id {
            Some(id) => id,
            None => self.fresh_id()?,
        };
        let (secret, digest) = self.fresh_secret(&id);
        let client = Client {
            id,
            name: cmd.name,
            secret: digest,
            previous: None,
            scope: cmd.scope,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            version: 1,
        };

        let mut tx = self.store.begin().await.map_err(Failure::from)?;
        match tx.clients().insert(&client).await {
            Ok(()) => {}
            Err(StoreError::Duplicate(Unique::Id)) => return Err(CreateClientError::Taken(client.id)),
            Err(error) => return Err(Failure::from(error).into()),
        }
        tx.audit().append(act.with(client.id.as_str())).await.map_err(Failure::from)?;
        let event = Event::ClientCreated { client_id: client.id.clone(), scope: client.scope.to_string() };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await.map_err(Failure::from)?;
        self.directory.learn(vec![client.clone()]);
        Ok((client, secret))
    }
}
