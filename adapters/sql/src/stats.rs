//! Counting.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::stats::{Counts, StatsRepository};
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, QueryResult};

use crate::column::corrupt;
use crate::error::{store_error, unavailable};
use crate::unit::Unit;

const COUNT: &str = "SELECT (SELECT count(*) FROM users) AS users, \
    (SELECT count(*) FROM users WHERE status = 'disabled') AS disabled_users, \
    (SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND idle_expires_at > $1 AND expires_at > $1) AS live_sessions, \
    (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)) AS live_api_keys, \
    (SELECT count(*) FROM roles) AS roles, \
    (SELECT count(*) FROM clients WHERE deleted_at IS NULL) AS clients, \
    (SELECT count(*) FROM webhooks) AS webhooks";

#[async_trait]
impl StatsRepository for Unit {
    async fn count(&mut self, now: Timestamp) -> Result<Counts, StoreError> {
        let link = self.reading()?;
        let look = link.statement(COUNT, [now.as_unix_micros().into()]);
        let row = link.query_one_raw(look).await.map_err(store_error)?;
        let row = row.ok_or_else(|| unavailable("a count without a row"))?;
        let counts = Counts {
            users: number(&row, "users")?,
            disabled_users: number(&row, "disabled_users")?,
            live_sessions: number(&row, "live_sessions")?,
            live_api_keys: number(&row, "live_api_keys")?,
            roles: number(&row, "roles")?,
            clients: number(&row, "clients")?,
            webhooks: number(&row, "webhooks")?,
        };
        self.keep(link);
        Ok(counts)
    }
}

fn number(row: &QueryResult, column: &str) -> Result<u64, StoreError> {
    let number: i64 = row.try_get("", column).map_err(store_error)?;
    u64::try_from(number).map_err(|_| corrupt(column))
}
