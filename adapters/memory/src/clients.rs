//! OAuth 2 clients.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::store::{StoreError, Unique};

use crate::state::Changes;
use crate::store::Unit;

fn written(client: Client) -> Changes {
    let mut changes = Changes::default();
    changes.clients.insert(client.id.clone(), Some(client));
    changes
}

#[async_trait]
impl ClientRepository for Unit {
    async fn insert(&mut self, client: &Client) -> Result<(), StoreError> {
        self.change(|view| {
            if view.client(&client.id).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            Ok(((), written(client.clone())))
        })
        .await
    }

    async fn update(&mut self, client: &Client) -> Result<(), StoreError> {
        self.change(|view| {
            let stored = view.client(&client.id).filter(|stored| stored.version == client.version);
            let Some(stored) = stored else { return Err(StoreError::Conflict) };
            let version = client.version.checked_add(1);
            let version = version.ok_or_else(|| StoreError::Corrupt("a version beyond counting".to_owned()))?;
            Ok(((), written(Client { version, created_at: stored.created_at, ..client.clone() })))
        })
        .await
    }

    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        self.look(|view| view.client(id).cloned())
    }

    async fn changed_since(&mut self, at: Timestamp) -> Result<Vec<Client>, StoreError> {
        self.look(|view| view.clients().filter(|client| client.updated_at >= at).cloned().collect())
    }
}
