//! Committed effects on their way out.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub id: Uuid,
    pub subject: String,
    pub event: String,
    pub occurred_at: i64,
    pub traceparent: Option<String>,
    pub attempts: i64,
    pub refusals: i64,
    /// Null until the first claim; then the end of the lease, or of the pause after a failure.
    pub due_at: Option<i64>,
    pub parked: bool,
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
