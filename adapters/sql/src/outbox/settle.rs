//! What became of claimed deliveries.

use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::Retry;
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use super::claim::LOCK;
use crate::error::store_error;
use crate::store::Shared;
use crate::unit::finish;

/// How many rows one statement touches on SQLite, where each is written out.
const CHUNK: usize = 512;

pub(crate) const DONE: &str = "DELETE FROM outbox WHERE id = ANY($1)";
const RETRY: &str = "UPDATE outbox SET due_at = back.due_at, why = back.why, parked = back.parked, \
    refusals = back.refusals \
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[]) \
    AS back (id, due_at, why, parked, attempts, refusals) \
    WHERE outbox.id = back.id AND outbox.attempts = back.attempts";

pub(super) async fn done(shared: &Shared, ids: &[EventId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let link = shared.writing().await.map_err(store_error)?;
    let ids: Vec<Uuid> = ids.iter().map(|id| *id.as_uuid()).collect();
    let statements = match link.get_database_backend() {
        DbBackend::Postgres => vec![link.statement(DONE, [ids.into()])],
        _ => ids.chunks(CHUNK).map(delete).collect(),
    };
    finish(link, statements).await
}

pub(super) async fn retry(shared: &Shared, retries: &[Retry]) -> Result<(), StoreError> {
    if retries.is_empty() {
        return Ok(());
    }
    let link = shared.writing().await.map_err(store_error)?;
    let statements = match link.get_database_backend() {
        DbBackend::Postgres => {
            // A claim that ran meanwhile would pass by the locked row and take the one after it.
            link.query_one_raw(link.statement(LOCK, [])).await.map_err(store_error)?;
            let ids: Vec<Uuid> = retries.iter().map(|retry| *retry.id.as_uuid()).collect();
            let due: Vec<i64> = retries.iter().map(|retry| retry.not_before.as_unix_micros()).collect();
            let why: Vec<String> = retries.iter().map(reason).collect();
            let parked: Vec<bool> = retries.iter().map(|retry| retry.parked).collect();
            let attempts: Vec<i64> = retries.iter().map(|retry| i64::from(retry.attempts)).collect();
            let refusals: Vec<i64> = retries.iter().map(|retry| i64::from(retry.refusals)).collect();
            let values = [ids.into(), due.into(), why.into(), parked.into(), attempts.into(), refusals.into()];
            vec![link.statement(RETRY, values)]
        }
        _ => retries.chunks(CHUNK).map(give_back).collect(),
    };
    finish(link, statements).await
}

/// PostgreSQL stores no NUL.
fn reason(retry: &Retry) -> String {
    retry.why.replace('\0', " ")
}

/// The ids are filled up to a power of two by repeating the last one, so that there are few statements to prepare.
pub(crate) fn delete(ids: &[Uuid]) -> Statement {
    let places = ids.len().next_power_of_two();
    let marks = vec!["?"; places].join(", ");
    let last = ids.last().copied().into_iter().cycle();
    let values = ids.iter().copied().chain(last).take(places).map(Value::from);
    Statement::from_sql_and_values(DbBackend::Sqlite, format!("DELETE FROM outbox WHERE id IN ({marks})"), values)
}

fn give_back(retries: &[Retry]) -> Statement {
    let marks = vec!["(?, ?, ?, ?, ?, ?)"; retries.len()].join(", ");
    let sql = format!(
        "UPDATE outbox SET due_at = back.column2, why = back.column3, parked = back.column4, \
         refusals = back.column6 \
         FROM (VALUES {marks}) AS back WHERE outbox.id = back.column1 \
         AND outbox.attempts = back.column5"
    );
    let values = retries.iter().flat_map(|retry| {
        let due = retry.not_before.as_unix_micros();
        let (attempts, refusals) = (i64::from(retry.attempts), i64::from(retry.refusals));
        let id: Value = (*retry.id.as_uuid()).into();
        [id, due.into(), reason(retry).into(), retry.parked.into(), attempts.into(), refusals.into()]
    });
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
