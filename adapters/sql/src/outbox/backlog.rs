//! What waits.

use portcullis_domain::ports::delivery::Backlog;
use portcullis_domain::ports::store::StoreError;
use sea_orm::ConnectionTrait;

use crate::column::{corrupt, maybe_instant};
use crate::error::store_error;
use crate::store::Shared;

const BACKLOG: &str = "SELECT count(*), count(CASE WHEN parked THEN 1 END), \
    min(CASE WHEN NOT parked THEN occurred_at END) FROM outbox";

pub(super) async fn backlog(shared: &Shared) -> Result<Backlog, StoreError> {
    let link = shared.reading();
    let row = link.query_one_raw(link.statement(BACKLOG, [])).await.map_err(store_error)?;
    let Some(row) = row else { return Ok(Backlog::default()) };
    let number = |place| -> Result<u64, StoreError> {
        let number: i64 = row.try_get_by_index(place).map_err(store_error)?;
        u64::try_from(number).map_err(|_| corrupt("outbox"))
    };
    let oldest: Option<i64> = row.try_get_by_index(2).map_err(store_error)?;
    Ok(Backlog { waiting: number(0)?, parked: number(1)?, oldest: maybe_instant("outbox.occurred_at", oldest)? })
}
