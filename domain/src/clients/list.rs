//! Looking at clients.

use crate::access::Asked;
use crate::caller::{Caller, Forbidden};
use crate::ports::store::StoreError;
use crate::{Failure, Timestamp};

use super::{Client, ClientId, Clients};

/// Why nobody sees a client.
#[derive(Debug, thiserror::Error)]
pub enum ReadClientError {
    /// The caller lacks `clients:read`.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such client, or no more.
    #[error("there is no client {0}")]
    Unknown(ClientId),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for ReadClientError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Clients {
    /// All clients that may be used, by id. Needs `clients:read`.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<Client>, ReadClientError> {
        caller.require(Asked::ClientsRead)?;
        let mut tx = self.store.begin().await?;
        let mut clients = tx.clients().changed_since(Timestamp::UNIX_EPOCH).await?;
        clients.retain(Client::is_live);
        clients.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(clients)
    }

    /// One client that may be used. Needs `clients:read`.
    pub async fn get(&self, caller: &Caller, id: &ClientId) -> Result<Client, ReadClientError> {
        caller.require(Asked::ClientsRead)?;
        let mut tx = self.store.begin().await?;
        let client = tx.clients().by_id(id).await?.filter(Client::is_live);
        client.ok_or_else(|| ReadClientError::Unknown(id.clone()))
    }
}
