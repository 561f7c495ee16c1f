//! What is left in the file of what was deleted.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Email, User};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::Store;

use sea_orm::ConnectionTrait;

use super::{Counter, sqlite};
use crate::SqlStore;
use crate::store::Database;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const CANARY: &str = "canary-7f3a91";

/// Writes the log back into the file.
async fn checkpoint(store: &SqlStore) {
    let Database::Sqlite(database) = &store.shared().database else { panic!("a SQLite database") };
    let writer = database.borrow_writer().await.unwrap();
    writer.connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a116_nothing_of_a_deleted_account_stays_in_the_file() {
    let (store, folder) = sqlite().await;
    let mut users = Vec::new();
    for number in 0..200 {
        let email = Email::parse(&format!("{CANARY}-{number}@example.com")).unwrap();
        let user = User::new(UserId::new(NOW, &Counter), None, email, NOW);
        let mut tx = store.begin().await.unwrap();
        tx.users().insert(&user).await.unwrap();
        tx.commit(NOW, Vec::new()).await.unwrap();
        users.push(user.id);
    }
    let occurrences = || {
        let file = std::fs::read(folder.0.join("portcullis.db")).unwrap();
        file.windows(CANARY.len()).filter(|window| *window == CANARY.as_bytes()).count()
    };
    checkpoint(&store).await;
    assert!(occurrences() >= users.len(), "what is there is in the file");
    for id in users {
        let mut tx = store.begin().await.unwrap();
        tx.users().delete(id).await.unwrap();
        tx.commit(NOW, Vec::new()).await.unwrap();
    }
    store.close().await;
    assert_eq!(occurrences(), 0);
}
