//! A full disk: writes are refused, reads go on, and it heals without a restart.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Email, User};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::{Store, StoreError};
use sea_orm::ConnectionTrait;

use super::{Counter, sqlite};
use crate::SqlStore;
use crate::store::Database;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

async fn limit_pages(store: &SqlStore, pages: u32) {
    let Database::Sqlite(database) = &store.shared().database else { panic!("a SQLite database") };
    let writer = database.borrow_writer().await.unwrap();
    writer.connection.execute_unprepared(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
}

async fn register(store: &SqlStore, name: &str) -> Result<User, StoreError> {
    let email = Email::parse(&format!("{name}@{}.example.com", "x".repeat(60))).unwrap();
    let user = User::new(UserId::new(NOW, &Counter), None, email, NOW);
    let mut tx = store.begin().await?;
    tx.users().insert(&user).await?;
    tx.commit(NOW, Vec::new()).await?;
    Ok(user)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_serves_reads_and_heals() {
    let (store, _folder) = sqlite().await;
    limit_pages(&store, 1).await;
    let mut registered = Vec::new();
    let refused = loop {
        match register(&store, &format!("user{}", registered.len())).await {
            Ok(user) => registered.push(user),
            Err(error) => break error,
        }
        assert!(registered.len() < 10_000, "the disk is never full");
    };
    assert!(matches!(&refused, StoreError::Unavailable(why) if why.to_string().contains("full")), "{refused:?}");
    let mut tx = store.begin().await.unwrap();
    for user in &registered {
        assert_eq!(tx.users().by_id(user.id).await.unwrap().as_ref(), Some(user), "what was answered is there");
    }
    drop(tx);
    limit_pages(&store, 100_000).await;
    register(&store, "later").await.unwrap();
}
