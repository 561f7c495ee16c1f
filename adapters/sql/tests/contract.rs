//! The contract suites `storage`, `outbox`, `webhook_queue` and `revocation_signal` on both databases.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::sync::Arc;

use databases::Fresh;
use portcullis_domain::ports::store::Store;
use portcullis_memory::contract::{Replicas, Storage};

/// A replica that listens, and `others` over the same database.
async fn replicas(fresh: Fresh, others: usize) -> Replicas {
    let here = fresh.migrated().await;
    let mut elsewhere: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..others {
        elsewhere.push(fresh.connect().await);
    }
    Replicas { signal: here.clone(), here, elsewhere, guard: Box::new(fresh) }
}

async fn storage(fresh: Fresh) -> Storage {
    let store = fresh.migrated().await;
    Storage { outbox: store.clone(), queue: store.clone(), store, guard: Box::new(fresh) }
}

mod sqlite {
    async fn fresh() -> portcullis_memory::contract::Storage {
        super::storage(super::Fresh::sqlite()).await
    }

    portcullis_memory::storage_contract!(fresh);
    portcullis_memory::outbox_contract!(fresh);
    portcullis_memory::webhook_queue_contract!(fresh);

    async fn alone() -> portcullis_memory::contract::Replicas {
        super::replicas(super::Fresh::sqlite(), 0).await
    }

    portcullis_memory::revocation_signal_contract!(alone);
}

mod postgres {
    async fn fresh() -> portcullis_memory::contract::Storage {
        super::storage(super::Fresh::postgres().await).await
    }

    portcullis_memory::storage_contract!(fresh);
    portcullis_memory::outbox_contract!(fresh);
    portcullis_memory::webhook_queue_contract!(fresh);

    async fn three() -> portcullis_memory::contract::Replicas {
        super::replicas(super::Fresh::postgres().await, 2).await
    }

    portcullis_memory::revocation_signal_contract!(three);
}
