//! Removing the traces of a person from the trail, whose entries stay.

use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, DbErr, Value};

use super::page::BY_OTHERS;
use crate::error::store_error;
use crate::link::Link;
use crate::sessions::words;

pub(super) const NOTE: &str = "INSERT INTO erasures (user_id) VALUES ($1) ON CONFLICT (user_id) DO NOTHING";
pub(crate) const NOTED: &str = "SELECT user_id FROM erasures ORDER BY user_id LIMIT $1";
const DONE: &str = "DELETE FROM erasures WHERE user_id = $1";

/// The statements of which each finds the entries in another way: those on the account, those by it on others, and those
/// by it as somebody else. What somebody else is changing is waited for, so that nothing is passed over.
pub(crate) fn statements() -> [String; 3] {
    let by = format!("{BY_OTHERS} AND actor_kind = 'user' AND actor_id = $1");
    ["subject_id = $1", by.as_str(), "impersonator = $1"].map(|found| {
        format!(
            "UPDATE audit SET ip = NULL, user_agent = NULL WHERE (at, id) IN (SELECT at, id FROM audit \
             WHERE {found} AND (ip IS NOT NULL OR user_agent IS NOT NULL) ORDER BY at, id LIMIT $2 {{lock}})"
        )
    })
}

/// Erases up to `limit` entries; when there are fewer, the note too.
pub(super) async fn erase(link: &Link, user: UserId, limit: u32) -> Result<u64, StoreError> {
    let id: Value = (*user.as_uuid()).into();
    let mut left = u64::from(limit);
    for (place, sql) in statements().iter().enumerate() {
        // The column of actors holds texts.
        let who = if place == 1 { user.to_string().into() } else { id.clone() };
        left -= some(link, sql, who, left).await.map_err(store_error)?;
        if left == 0 {
            return Ok(u64::from(limit));
        }
    }
    link.execute_raw(link.statement(DONE, [id])).await.map_err(store_error)?;
    Ok(u64::from(limit) - left)
}

async fn some(link: &Link, sql: &str, who: Value, most: u64) -> Result<u64, DbErr> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let erase = link.statement(&words(link.get_database_backend(), sql), [who, most.into()]);
    Ok(link.execute_raw(erase).await?.rows_affected())
}
