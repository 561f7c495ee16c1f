//! How SQLite is set at run time.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::sqlite;
use crate::store::Database;

async fn pragma(connection: &impl ConnectionTrait, name: &str) -> String {
    let query = Statement::from_string(DbBackend::Sqlite, format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"));
    connection.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn every_commit_is_on_the_disk_before_it_is_answered() {
    let (store, _folder) = sqlite().await;
    let Database::Sqlite(database) = &store.shared().database else { panic!("a SQLite database") };
    let writer = database.borrow_writer().await.unwrap();
    // 2 is FULL: the log is synced at each commit.
    assert_eq!(pragma(&writer.connection, "synchronous").await, "2");
    assert_eq!(pragma(&writer.connection, "journal_mode").await, "wal");
    let readers = store.shared().reading();
    for foreign_keys in [pragma(&writer.connection, "foreign_keys").await, pragma(&readers, "foreign_keys").await] {
        assert_eq!(foreign_keys, "1");
    }
    let timeout = || Statement::from_string(DbBackend::Sqlite, "PRAGMA busy_timeout");
    for row in [writer.connection.query_one_raw(timeout()).await, readers.query_one_raw(timeout()).await] {
        assert_eq!(row.unwrap().unwrap().try_get_by_index::<i64>(0).unwrap(), 5_000);
    }
    let written = readers.execute_unprepared("DELETE FROM users").await;
    assert!(written.unwrap_err().to_string().contains("readonly"), "readers do not write");
}
