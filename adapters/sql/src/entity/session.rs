//! Sessions and the state of their refresh tokens.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub client_id: String,
    pub scope: String,
    pub authenticated_at: i64,
    pub created_at: i64,
    pub last_seen_at: i64,
    pub idle_expires_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub revoked_reason: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub generation: i64,
    pub refresh_digest: Vec<u8>,
    pub used_at_1: Option<i64>,
    pub used_at_2: Option<i64>,
    pub used_at_3: Option<i64>,
    pub used_at_4: Option<i64>,
    /// Not after the end of the session; moves only backwards, so that a refresh leaves its index alone.
    pub ends_from: i64,
    /// Who acts as the user.
    pub impersonator: Option<Uuid>,
    /// There where `impersonator` is.
    pub impersonation_read_only: Option<bool>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
