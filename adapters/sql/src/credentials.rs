//! Passwords of accounts.

use async_trait::async_trait;
use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::CredentialRepository;
use portcullis_domain::ports::store::StoreError;
use sea_orm::sea_query::LockType;
use sea_orm::{ActiveValue, ColumnTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter, QuerySelect};
use sea_orm::{ConnectionTrait, sea_query::SimpleExpr};

use crate::entity::credential::{ActiveModel, Column, Entity};
use crate::error::store_error;
use crate::unit::Unit;

#[async_trait]
impl CredentialRepository for Unit {
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let row = ActiveModel {
            user_id: ActiveValue::Set(*user.as_uuid()),
            hash: ActiveValue::Set(hash.as_str().to_owned()),
        };
        Entity::insert(row).exec_without_returning(&link).await.map_err(store_error)?;
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
            .filter(is(user, old))
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
