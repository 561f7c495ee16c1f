//! OAuth 2 clients.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::secret::SecretDigest;
use portcullis_domain::tokens::Scope;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select};

use crate::column::{corrupt, count, digest, instant, maybe_instant, micros, next};
use crate::entity::client::{Column, Entity, Model};
use crate::error::store_error;
use crate::signal::telling;
use crate::unit::Unit;

const INSERT: &str = "INSERT INTO clients (id, name, secret, previous_secret, previous_until, scope, created_at, \
    updated_at, deleted_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(crate) const UPDATE: &str = "UPDATE clients SET name = $1, secret = $2, previous_secret = $3, previous_until = $4, \
    scope = $5, updated_at = $6, deleted_at = $7, version = $8 WHERE id = $9 AND version = $10";

#[async_trait]
impl ClientRepository for Unit {
    async fn insert(&mut self, client: &Client) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let values = [
            client.id.as_str().into(),
            client.name.as_deref().into(),
            client.secret.0.to_vec().into(),
            client.previous.map(|(digest, _)| digest.0.to_vec()).into(),
            micros(client.previous.map(|(_, until)| until)).into(),
            client.scope.to_string().into(),
            client.created_at.as_unix_micros().into(),
            client.updated_at.as_unix_micros().into(),
            micros(client.deleted_at).into(),
            i64::from(client.version).into(),
        ];
        link.query_one_raw(telling(&link, INSERT, values)).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn update(&mut self, client: &Client) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let values = [
            client.name.as_deref().into(),
            client.secret.0.to_vec().into(),
            client.previous.map(|(digest, _)| digest.0.to_vec()).into(),
            micros(client.previous.map(|(_, until)| until)).into(),
            client.scope.to_string().into(),
            client.updated_at.as_unix_micros().into(),
            micros(client.deleted_at).into(),
            next("clients.version", client.version)?.into(),
            client.id.as_str().into(),
            i64::from(client.version).into(),
        ];
        let written = link.query_one_raw(telling(&link, UPDATE, values)).await.map_err(store_error)?;
        if written.is_none() {
            return Err(StoreError::Conflict);
        }
        self.keep(link);
        Ok(())
    }

    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let link = self.reading()?;
        let found = Entity::find_by_id(id.as_str()).one(&link).await.map_err(store_error)?;
        let found = found.map(client).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn changed_since(&mut self, at: Timestamp) -> Result<Vec<Client>, StoreError> {
        let link = self.reading()?;
        let rows = changed_since(at).all(&link).await.map_err(store_error)?;
        let clients = rows.into_iter().map(client).collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(clients)
    }
}

/// Those that changed at the instant or later.
pub(crate) fn changed_since(at: Timestamp) -> Select<Entity> {
    Entity::find().filter(Column::UpdatedAt.gte(at.as_unix_micros()))
}

fn client(row: Model) -> Result<Client, StoreError> {
    let previous = match (row.previous_secret, row.previous_until) {
        (Some(secret), Some(until)) => {
            Some((SecretDigest(digest("clients.previous_secret", secret)?), instant("clients.previous_until", until)?))
        }
        _ => None,
    };
    Ok(Client {
        id: ClientId::parse(&row.id).map_err(|_| corrupt("clients.id"))?,
        name: row.name,
        secret: SecretDigest(digest("clients.secret", row.secret)?),
        previous,
        scope: Scope::parse(&row.scope).map_err(|_| corrupt("clients.scope"))?,
        created_at: instant("clients.created_at", row.created_at)?,
        updated_at: instant("clients.updated_at", row.updated_at)?,
        deleted_at: maybe_instant("clients.deleted_at", row.deleted_at)?,
        version: count("clients.version", row.version)?,
    })
}
