//! Migrations at start.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use databases::samples::signed_in;
use databases::{Fresh, on_server};
use portcullis_sql::MigrateError;
use sqlx::{Connection, Executor};

/// Runs a statement beside the store.
async fn beside(fresh: &Fresh, sql: &'static str) {
    match fresh {
        Fresh::Sqlite(folder) => {
            let mut connection = sqlx::SqliteConnection::connect(&folder.url()).await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        }
        Fresh::Postgres(schema) => on_server(format!("SET search_path = {}; {sql}", schema.0)).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_that_start_together_migrate_once() {
    for fresh in Fresh::both().await {
        let fresh = std::sync::Arc::new(fresh);
        let starts: Vec<_> = (0..6)
            .map(|_| {
                let fresh = fresh.clone();
                tokio::spawn(async move {
                    let store = fresh.connect().await;
                    (store.migrate().await.unwrap(), store)
                })
            })
            .collect();
        let mut applied = Vec::new();
        for (number, start) in starts.into_iter().enumerate() {
            let (names, store) = start.await.unwrap();
            applied.extend(names);
            signed_in(&*store, &format!("user{number}")).await;
            store.close().await;
        }
        assert_eq!(
            applied,
            [
                "m20251121_000001_accounts",
                "m20251121_000002_sessions",
                "m20251121_000003_keys",
                "m20251121_000004_outbox",
                "m20261121_000005_attempts",
                "m20261121_000006_audit"
            ],
            "{}",
            fresh.url()
        );
    }
}

#[tokio::test]
async fn the_status_tells_what_is_applied_and_an_up_to_date_database_is_left_alone() {
    for fresh in Fresh::both().await {
        let store = fresh.connect().await;
        let status = store.migration_status().await.unwrap();
        assert!(status.len() == 6 && status.iter().all(|migration| !migration.applied), "{status:?}");
        assert_eq!(store.migrate().await.unwrap().len(), 6);
        let status = store.migration_status().await.unwrap();
        assert!(status.len() == 6 && status.iter().all(|migration| migration.applied), "{status:?}");
        assert!(status.is_sorted_by_key(|migration| migration.name.clone()));

        assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_database_newer_than_the_program_is_refused() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        beside(&fresh, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_future', 0)")
            .await;
        let refused = store.migrate().await.unwrap_err();
        assert!(matches!(refused, MigrateError::Newer { .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains("m29990101_000001_future") && text.contains("newer than this program"), "{text}");
        assert!(store.migration_status().await.is_err());
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_database_as_it_was() {
    for fresh in Fresh::both().await {
        let store = fresh.connect().await;
        // The third of six migrations stumbles over it.
        if let Fresh::Sqlite(_) = fresh {
            beside(&fresh, "CREATE TABLE signing_keys (x INTEGER)").await;
        } else {
            beside(&fresh, "CREATE TABLE signing_keys (x integer)").await;
        }
        let failed = store.migrate().await.unwrap_err();
        assert!(matches!(failed, MigrateError::Failed { .. }), "{failed:?}");
        let status = store.migration_status().await.unwrap();
        assert!(status.iter().all(|migration| !migration.applied), "half a migration: {status:?}");
        beside(&fresh, "DROP TABLE signing_keys").await;
        assert_eq!(store.migrate().await.unwrap().len(), 6, "and nothing of it is in the way");
    }
}
