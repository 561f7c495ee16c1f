//! The outbox: effects are written with their cause, claimed by state, and removed when they are delivered.

mod backlog;
pub(crate) mod claim;
mod insert;
pub(crate) mod settle;

use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Backlog, Delivery, Outbox, Retry};
use portcullis_domain::ports::store::StoreError;

use crate::store::SqlStore;

pub(crate) use insert::{Row, on_postgres, on_postgres_with, on_sqlite, rows};

#[async_trait]
impl Outbox for SqlStore {
    async fn claim(&self, limit: u32, at: Timestamp, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        claim::claim(self.shared(), limit, at, lease).await
    }

    async fn done(&self, ids: &[EventId]) -> Result<(), StoreError> {
        settle::done(self.shared(), ids).await
    }

    async fn retry(&self, retries: &[Retry]) -> Result<(), StoreError> {
        settle::retry(self.shared(), retries).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        backlog::backlog(self.shared()).await
    }

    async fn committed(&self) {
        self.shared().committed.notified().await;
    }
}
