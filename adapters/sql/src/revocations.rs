//! The grants that ended before their time.

use std::sync::LazyLock;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::{Revocation, RevocationRepository};
use portcullis_domain::ports::store::StoreError;
use sea_orm::Statement;
use sea_orm::sea_query::{CaseStatement, Expr, OnConflict};
use sea_orm::{ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::column::instant;
use crate::entity::revocation::{ActiveModel, Column, Entity, Model};
use crate::error::store_error;
use crate::link::Link;
use crate::postgres::listen::CHANNEL;
use crate::sessions::words;
use crate::unit::Unit;

/// What another unit adds to at this moment is passed by.
pub(crate) const PURGE: &str = "DELETE FROM revocations WHERE session_id IN \
    (SELECT session_id FROM revocations WHERE until <= $1 ORDER BY until LIMIT $2 {pass})";
/// How many rows one statement adds on SQLite, where each is written out.
const CHUNK: usize = 500;

#[async_trait]
impl RevocationRepository for Unit {
    async fn add(&mut self, revocations: &[Revocation]) -> Result<(), StoreError> {
        if revocations.is_empty() {
            let link = self.reading()?;
            self.keep(link);
            return Ok(());
        }
        let link = self.writing().await?;
        let revocations = later_of_each(revocations);
        if link.get_database_backend() == DbBackend::Postgres {
            link.query_all_raw(adding_on_postgres(&link, &revocations)).await.map_err(store_error)?;
            self.keep(link);
            return Ok(());
        }
        for chunk in revocations.chunks(CHUNK) {
            let rows = chunk.iter().map(|revocation| ActiveModel {
                grant_id: ActiveValue::Set(*revocation.grant.as_uuid()),
                revoked_at: ActiveValue::Set(revocation.at.as_unix_micros()),
                until: ActiveValue::Set(revocation.until.as_unix_micros()),
            });
            let old = || Expr::col((Entity, Column::Until));
            let new = || Expr::col(("excluded", Column::Until));
            let later = CaseStatement::new().case(new().gt(old()), new()).finally(old());
            Entity::insert_many(rows)
                .on_conflict(OnConflict::column(Column::GrantId).value(Column::Until, later).to_owned())
                .exec_without_returning(&link)
                .await
                .map_err(store_error)?;
        }
        self.keep(link);
        Ok(())
    }

    async fn since(&mut self, at: Timestamp, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        let link = self.reading()?;
        let rows = from(at, now).all(&link).await.map_err(store_error)?;
        let rows = rows.iter().map(revocation).collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(rows)
    }

    async fn purge(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let values = [now.as_unix_micros().into(), i64::from(limit).into()];
        let purge = link.statement(&words(link.get_database_backend(), PURGE), values);
        let gone = link.execute_raw(purge).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected())
    }
}

/// Adds them and tells the other replicas, who hear of it when it is committed.
static ADD_ON_POSTGRES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO revocations (session_id, revoked_at, until) SELECT grant_id, revoked_at, until \
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS new (grant_id, revoked_at, until) \
         ON CONFLICT (session_id) DO UPDATE SET until = GREATEST(revocations.until, excluded.until) \
         RETURNING pg_notify({CHANNEL}, '')::text"
    )
});

fn adding_on_postgres(link: &Link, revocations: &[Revocation]) -> Statement {
    let grants: Vec<Uuid> = revocations.iter().map(|revocation| *revocation.grant.as_uuid()).collect();
    let at: Vec<i64> = revocations.iter().map(|revocation| revocation.at.as_unix_micros()).collect();
    let until: Vec<i64> = revocations.iter().map(|revocation| revocation.until.as_unix_micros()).collect();
    link.statement(ADD_ON_POSTGRES.as_str(), [grants.into(), at.into(), until.into()])
}

/// Those from an instant on that still matter.
pub(crate) fn from(at: Timestamp, now: Timestamp) -> Select<Entity> {
    Entity::find().filter(Column::RevokedAt.gte(at.as_unix_micros()).and(Column::Until.gt(now.as_unix_micros())))
}

/// One a grant, for one statement does not touch a row twice; in one order, so that two units do not wait for each
/// other.
fn later_of_each(revocations: &[Revocation]) -> Vec<Revocation> {
    let mut sorted = revocations.to_vec();
    sorted.sort_by_key(|revocation| (revocation.grant, std::cmp::Reverse(revocation.until)));
    sorted.dedup_by_key(|revocation| revocation.grant);
    sorted
}

fn revocation(row: &Model) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        grant: GrantId::from_uuid(row.grant_id),
        at: instant("revocations.revoked_at", row.revoked_at)?,
        until: instant("revocations.until", row.until)?,
    })
}
