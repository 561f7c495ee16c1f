//! Storage of OAuth 2 clients.

use async_trait::async_trait;

use crate::Timestamp;
use crate::clients::{Client, ClientId};

use super::store::StoreError;

/// The clients. Deleted ones stay as rows with `deleted_at`: their ids are not given again.
#[async_trait]
pub trait ClientRepository: Send {
    /// Adds a client; `Duplicate(Id)` when the id was ever given. Among racing inserts exactly one MUST succeed.
    async fn insert(&mut self, client: &Client) -> Result<(), StoreError>;

    /// Writes every field but `id` and `created_at` if the stored version is `client.version`, and stores
    /// `client.version + 1`; otherwise `Conflict`.
    async fn update(&mut self, client: &Client) -> Result<(), StoreError>;

    /// The client, deleted or not, every field as it was written.
    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError>;

    /// All clients, deleted ones included, whose `updated_at` is not before `at`, in any order.
    async fn changed_since(&mut self, at: Timestamp) -> Result<Vec<Client>, StoreError>;
}
