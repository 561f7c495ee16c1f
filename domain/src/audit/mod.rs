//! The audit trail: what happened, kept for those who have to answer for it.

mod entry;
mod erase;
mod read;

use std::sync::Arc;
use std::time::Duration;

use crate::Failure;
use crate::caller::Caller;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::store::Store;

pub use entry::{Action, Actor, AuditEntry, AuditQuery, Outcome, Refusal};
pub use read::AuditError;
pub(crate) use read::{MayNotRead, may_read_all};

use crate::origin::Origin;

/// How many rows one unit of work removes or changes.
const BATCH: u32 = 1_000;

/// What can be done with the audit trail: [`search`](Audit::search), [`about`](Audit::about), [`page`](Audit::page),
/// [`record`](Audit::record), [`deny`](Audit::deny), [`erase`](Audit::erase), [`purge`](Audit::purge).
pub struct Audit {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    retention: Duration,
}

impl Audit {
    /// The capability over its ports; entries are kept for `retention`.
    pub const fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        retention: Duration,
    ) -> Self {
        Self { store, clock, random, retention }
    }

    /// Records an act that changes nothing else.
    pub async fn record(&self, actor: Actor, action: Action, detail: &str, origin: &Origin) -> Result<(), Failure> {
        let now = self.clock.now();
        let entry = AuditEntry::new(now, &*self.random, actor, action, origin).with(detail);
        let mut tx = self.store.begin().await?;
        tx.audit().append(entry).await?;
        Ok(tx.commit(now, Vec::new()).await?)
    }

    /// Records that a caller was refused an operation for want of a permission.
    pub async fn deny(&self, caller: &Caller, operation: &str, origin: &Origin) -> Result<(), Failure> {
        let now = self.clock.now();
        let act = AuditEntry::new(now, &*self.random, caller.actor(), Action::AccessDenied, origin);
        let mut tx = self.store.begin().await?;
        tx.audit().append(act.refused(Refusal::NotPermitted).with(operation)).await?;
        Ok(tx.commit(now, Vec::new()).await?)
    }

    /// Forgets entries whose retention is over; how many.
    pub async fn purge(&self) -> Result<u64, Failure> {
        let now = self.clock.now();
        let mut gone = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let purged = tx.audit().purge(now.minus(self.retention), BATCH).await?;
            if purged > 0 {
                tx.commit(now, Vec::new()).await?;
            }
            gone += purged;
            if purged < u64::from(BATCH) {
                return Ok(gone);
            }
        }
    }
}
