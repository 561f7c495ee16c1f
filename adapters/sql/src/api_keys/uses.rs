//! The uses of API keys: many requests, one statement.

use std::collections::BTreeMap;

use portcullis_domain::Timestamp;
use portcullis_domain::access::KeyUsage;
use portcullis_domain::ids::ApiKeyId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use crate::link::Link;

/// How many keys one statement counts on SQLite, where each is written out.
const CHUNK: usize = 500;
/// Before every instant: stands for none.
const NEVER: i64 = -i64::MAX;

/// In one order, so that replicas that count the same keys do not wait for each other.
pub(crate) const HOLD: &str = "SELECT id FROM api_keys WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
const ON_POSTGRES: &str = "UPDATE api_keys SET \
    uses = CASE WHEN api_keys.uses > 9223372036854775807 - more.uses THEN 9223372036854775807 \
    ELSE api_keys.uses + more.uses END, \
    last_used_at = NULLIF(GREATEST(COALESCE(api_keys.last_used_at, $4), more.at), $4) \
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS more (id, uses, at) WHERE api_keys.id = more.id";
const ON_SQLITE: &str = "UPDATE api_keys SET \
    uses = CASE WHEN api_keys.uses > 9223372036854775807 - more.column2 THEN 9223372036854775807 \
    ELSE api_keys.uses + more.column2 END, \
    last_used_at = NULLIF(MAX(COALESCE(api_keys.last_used_at, more.column4), more.column3), more.column4)";

/// What is added to a key.
#[derive(Clone, Copy)]
pub(crate) struct More {
    uses: i64,
    last_used_at: i64,
}

/// Adds them; keys that are no more are passed over.
pub(super) async fn add(link: &Link, uses: &[(ApiKeyId, KeyUsage)]) -> Result<(), DbErr> {
    let sums = sums(uses);
    if sums.is_empty() {
        return Ok(());
    }
    if link.get_database_backend() == DbBackend::Postgres {
        let ids: Vec<Uuid> = sums.iter().map(|(id, _)| *id).collect();
        link.query_all_raw(link.statement(HOLD, [ids.into()])).await?;
    }
    for statement in statements(link.get_database_backend(), &sums) {
        link.execute_raw(statement).await?;
    }
    Ok(())
}

/// One a key, in the order of their ids.
pub(crate) fn sums(uses: &[(ApiKeyId, KeyUsage)]) -> Vec<(Uuid, More)> {
    let mut sums: BTreeMap<Uuid, More> = BTreeMap::new();
    for (id, usage) in uses {
        let sum = sums.entry(*id.as_uuid()).or_insert(More { uses: 0, last_used_at: NEVER });
        sum.uses = sum.uses.saturating_add(i64::try_from(usage.uses).unwrap_or(i64::MAX));
        sum.last_used_at = sum.last_used_at.max(usage.last_used_at.map_or(NEVER, Timestamp::as_unix_micros));
    }
    sums.into_iter().collect()
}

/// The statements that add them.
pub(crate) fn statements(backend: DbBackend, sums: &[(Uuid, More)]) -> Vec<Statement> {
    match backend {
        DbBackend::Postgres => vec![on_postgres(sums)],
        _ => sums.chunks(CHUNK).map(on_sqlite).collect(),
    }
}

fn on_postgres(sums: &[(Uuid, More)]) -> Statement {
    let ids: Vec<Uuid> = sums.iter().map(|(id, _)| *id).collect();
    let uses: Vec<i64> = sums.iter().map(|(_, more)| more.uses).collect();
    let last: Vec<i64> = sums.iter().map(|(_, more)| more.last_used_at).collect();
    Statement::from_sql_and_values(
        DbBackend::Postgres,
        ON_POSTGRES,
        [Value::from(ids), uses.into(), last.into(), NEVER.into()],
    )
}

fn on_sqlite(sums: &[(Uuid, More)]) -> Statement {
    let marks = vec!["(?, ?, ?, ?)"; sums.len()].join(", ");
    let values = sums.iter().flat_map(|(id, more)| -> [Value; 4] {
        [(*id).into(), more.uses.into(), more.last_used_at.into(), NEVER.into()]
    });
    let sql = format!("{ON_SQLITE} FROM (VALUES {marks}) AS more WHERE api_keys.id = more.column1");
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
