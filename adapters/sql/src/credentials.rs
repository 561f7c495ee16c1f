//! Passwords of accounts.

use async_trait::async_trait;
use portcullis_domain::accounts::{CredentialState, PasswordHash};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::CredentialRepository;
use portcullis_domain::ports::store::StoreError;
use sea_orm::sea_query::LockType;
use sea_orm::{ActiveValue, ColumnTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter, QuerySelect};
use sea_orm::{ConnectionTrait, sea_query::SimpleExpr};

use crate::entity::credential::{ActiveModel, Column, Entity};
use crate::error::store_error;
use crate::unit::Unit;

/// What is put may be used, whatever was there before.
pub(crate) const PUT: &str = "INSERT INTO credentials (user_id, hash, state) VALUES ($1, $2, 0) \
    ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, state = excluded.state";
/// Logins lock the row until they end: so it waits for those that have begun, and those that begin wait for it.
pub(crate) const SET_STATE: &str = "UPDATE credentials SET state = $2 WHERE user_id = $1";

#[async_trait]
impl CredentialRepository for Unit {
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let row = ActiveModel {
            user_id: ActiveValue::Set(*user.as_uuid()),
            hash: ActiveValue::Set(hash.as_str().to_owned()),
            state: ActiveValue::Set(CredentialState::Usable.as_number()),
        };
        Entity::insert(row).exec_without_returning(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn put(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let put = link.statement(PUT, [(*user.as_uuid()).into(), hash.as_str().into()]);
        link.execute_raw(put).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn set_state(&mut self, user: UserId, state: CredentialState) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let set = link.statement(SET_STATE, [(*user.as_uuid()).into(), state.as_number().into()]);
        link.execute_raw(set).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn of(&mut self, user: UserId) -> Result<Option<PasswordHash>, StoreError> {
        let link = self.reading()?;
        let found = Entity::find_by_id(*user.as_uuid()).one(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(found.map(|row| PasswordHash::new(row.hash)))
    }

    async fn confirm(&mut self, user: UserId, hash: &PasswordHash) -> Result<bool, StoreError> {
        // SQLite has one writer: in its turn nobody else changes anything. PostgreSQL locks the row.
        let link = self.writing().await?;
        let mut query = Entity::find().filter(is(user, hash));
        if link.get_database_backend() == DbBackend::Postgres {
            query = query.lock(LockType::Update);
        }
        let found = query.one(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(found.is_some())
    }

    async fn replace(&mut self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let written = Entity::update_many()
            .col_expr(Column::Hash, SimpleExpr::from(new.as_str()))
            .filter(is(user, old).and(Column::State.ne(CredentialState::Suspended.as_number())))
            .exec(&link)
            .await
            .map_err(store_error)?;
        self.keep(link);
        Ok(written.rows_affected > 0)
    }
}

fn is(user: UserId, hash: &PasswordHash) -> SimpleExpr {
    Column::UserId.eq(*user.as_uuid()).and(Column::Hash.eq(hash.as_str()))
}
