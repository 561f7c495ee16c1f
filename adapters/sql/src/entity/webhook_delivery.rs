//! Events on their way to webhooks.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub webhook_id: Uuid,
    pub event_id: Uuid,
    pub subject: String,
    pub event: String,
    pub occurred_at: i64,
    pub traceparent: Option<String>,
    pub attempts: i64,
    /// From when on it may be claimed.
    pub due_at: i64,
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
