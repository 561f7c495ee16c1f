//! The contract suites `storage` and `outbox` on both databases.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use databases::Fresh;
use portcullis_memory::contract::Storage;

async fn storage(fresh: Fresh) -> Storage {
    let store = fresh.migrated().await;
    Storage { outbox: store.clone(), store, guard: Box::new(fresh) }
}

mod sqlite {
    async fn fresh() -> portcullis_memory::contract::Storage {
        super::storage(super::Fresh::sqlite()).await
    }

    portcullis_memory::storage_contract!(fresh);
    portcullis_memory::outbox_contract!(fresh);
}

mod postgres {
    async fn fresh() -> portcullis_memory::contract::Storage {
        super::storage(super::Fresh::postgres().await).await
    }

    portcullis_memory::storage_contract!(fresh);
    portcullis_memory::outbox_contract!(fresh);
}
