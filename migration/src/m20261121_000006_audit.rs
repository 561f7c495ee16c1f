//! The audit trail.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The table `audit`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// Almost every request that changes something adds a row: it is kept by its instant, so that rows are added at the end
// and read and removed in that order without an index of their own. `actor_kind` is `self` where the actor is the
// subject, which is the usual case: such a row is found by its subject, and the index by actors is left alone.
// `refusal` is null where the act succeeded. Entries outlive what they are about: there are no foreign keys.
const AUDIT: &str = "
    CREATE TABLE audit (
        at {int} NOT NULL,
        id {id} NOT NULL,
        actor_kind text NOT NULL,
        actor_id text,
        action text NOT NULL,
        refusal text,
        subject_id {id},
        session_id {id},
        ip text,
        user_agent text,
        request_id text,
        detail text,
        PRIMARY KEY (at, id)
    ) {end_keyed}";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            AUDIT,
            "CREATE INDEX audit_subject ON audit (subject_id, at, id) WHERE subject_id IS NOT NULL",
            "CREATE INDEX audit_actor ON audit (actor_kind, actor_id, at, id) \
                WHERE actor_kind NOT IN ('self', 'anonymous')",
        ];
        dialect::run(manager, &statements).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE audit"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
