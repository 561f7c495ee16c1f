//! Removing the traces of a person from the trail, whose entries stay.

use portcullis_domain::audit::Action;
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, DbErr, Value};

use super::page::BY_OTHERS;
use crate::error::store_error;
use crate::link::Link;
use crate::sessions::words;

const NOTE: &str = "INSERT INTO erasures (user_id) VALUES ($1) ON CONFLICT (user_id) DO NOTHING";
const NOTE_KEY: &str = "INSERT INTO erasure_keys (user_id, key_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
pub(crate) const NOTED: &str = "SELECT user_id FROM erasures ORDER BY user_id LIMIT $1";
const KEYS: &str = "SELECT key_id FROM erasure_keys WHERE user_id = $1 ORDER BY key_id";
const KEYS_DONE: &str = "DELETE FROM erasure_keys WHERE user_id = $1";
const DONE: &str = "DELETE FROM erasures WHERE user_id = $1";

/// The statements of which each finds the entries in another way: those on the account, those by it on others, those by it
/// as somebody else, and those by one of its API keys. What somebody else is changing is waited for, so that nothing is
/// passed over.
pub(crate) fn statements() -> [String; 4] {
    let by = |kind| format!("{BY_OTHERS} AND actor_kind = '{kind}' AND actor_id = $1");
    let told: Vec<_> = Action::ALL.iter().filter(|action| action.tells_reason()).collect();
    let told: Vec<_> = told.iter().map(|action| format!("'{}'", action.as_str())).collect();
    let told = format!("action IN ({})", told.join(", "));
    let places = "ip IS NOT NULL OR user_agent IS NOT NULL";
    [
        erasing(
            &format!(", detail = CASE WHEN {told} THEN NULL ELSE detail END"),
            "subject_id = $1",
            &format!("{places} OR (detail IS NOT NULL AND {told})"),
        ),
        erasing("", &by("user"), places),
        erasing("", "impersonator = $1", places),
        erasing("", &by("api_key"), places),
    ]
}

fn erasing(more: &str, found: &str, traced: &str) -> String {
    format!(
        "UPDATE audit SET ip = NULL, user_agent = NULL{more} WHERE (at, id) IN (SELECT at, id FROM audit \
         WHERE {found} AND ({traced}) ORDER BY at, id LIMIT $2 {{lock}})"
    )
}

/// Notes that an account's traces are to be removed, and those of its API keys.
pub(super) async fn note(link: &Link, user: UserId, keys: &[ApiKeyId]) -> Result<(), DbErr> {
    let id: Value = (*user.as_uuid()).into();
    link.execute_raw(link.statement(NOTE, [id.clone()])).await?;
    for key in keys {
        link.execute_raw(link.statement(NOTE_KEY, [id.clone(), key.to_string().into()])).await?;
    }
    Ok(())
}

/// Erases up to `limit` entries; when there are fewer, the note too.
pub(super) async fn erase(link: &Link, user: UserId, limit: u32) -> Result<u64, StoreError> {
    let id: Value = (*user.as_uuid()).into();
    let [on, by, as_another, by_key] = statements();
    // The column of actors holds texts.
    let mut ways = vec![(on, id.clone()), (by, user.to_string().into()), (as_another, id.clone())];
    let rows = link.query_all_raw(link.statement(KEYS, [id.clone()])).await.map_err(store_error)?;
    for row in rows {
        let key: String = row.try_get_by_index(0).map_err(store_error)?;
        ways.push((by_key.clone(), key.into()));
    }
    let mut left = u64::from(limit);
    for (sql, who) in ways {
        left -= some(link, &sql, who, left).await.map_err(store_error)?;
        if left == 0 {
            return Ok(u64::from(limit));
        }
    }
    for done in [KEYS_DONE, DONE] {
        link.execute_raw(link.statement(done, [id.clone()])).await.map_err(store_error)?;
    }
    Ok(u64::from(limit) - left)
}

async fn some(link: &Link, sql: &str, who: Value, most: u64) -> Result<u64, DbErr> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let erase = link.statement(&words(link.get_database_backend(), sql), [who, most.into()]);
    Ok(link.execute_raw(erase).await?.rows_affected())
}
