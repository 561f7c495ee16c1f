//! Migrations at start.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use databases::samples::{at, client, signed_in};
use databases::{Fresh, damage, migrator};
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::ports::store::Store;
use portcullis_migration::{Migrator, MigratorTrait};
use portcullis_sql::{MigrateError, SqlStore};

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
                "m20261121_000006_audit",
                "m20261121_000007_clients",
                "m20261121_000008_access",
                "m20261122_000009_order",
                "m20261122_000010_refusals",
                "m20261122_000011_makers"
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
        assert!(status.len() == 11 && status.iter().all(|migration| !migration.applied), "{status:?}");
        assert_eq!(store.migrate().await.unwrap().len(), 11);
        let status = store.migration_status().await.unwrap();
        assert!(status.len() == 11 && status.iter().all(|migration| migration.applied), "{status:?}");
        assert!(status.is_sorted_by_key(|migration| migration.name.clone()));

        assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_database_newer_than_the_program_is_refused() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        damage(&fresh, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_future', 0)")
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
        // The third migration stumbles over it.
        if let Fresh::Sqlite(_) = fresh {
            damage(&fresh, "CREATE TABLE signing_keys (x INTEGER)").await;
        } else {
            damage(&fresh, "CREATE TABLE signing_keys (x integer)").await;
        }
        let failed = store.migrate().await.unwrap_err();
        assert!(matches!(failed, MigrateError::Failed { .. }), "{failed:?}");
        let status = store.migration_status().await.unwrap();
        assert!(status.iter().all(|migration| !migration.applied), "half a migration: {status:?}");
        damage(&fresh, "DROP TABLE signing_keys").await;
        assert_eq!(store.migrate().await.unwrap().len(), 11, "and nothing of it is in the way");
    }
}

async fn revocations(store: &SqlStore) -> Vec<Revocation> {
    store.begin().await.unwrap().revocations().since(at(0), at(0)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_revoked_before_revocations_named_grants_stays_revoked() {
    for fresh in Fresh::both().await {
        let connection = migrator(&fresh).await;
        Migrator::up(&connection, Some(6)).await.unwrap();
        let id = match fresh {
            Fresh::Sqlite(_) => "x'0190f0000000700080000000000000aa'",
            Fresh::Postgres(_) => "'0190f000-0000-7000-8000-0000000000aa'",
        };
        let (at_1, at_900) = (at(1).as_unix_micros(), at(900).as_unix_micros());
        let old = format!("INSERT INTO revocations (session_id, revoked_at, until) VALUES ({id}, {at_1}, {at_900})");
        sea_orm::ConnectionTrait::execute_unprepared(&connection, &old).await.unwrap();
        connection.close().await.unwrap();

        let store = fresh.connect().await;
        let steps = [
            "m20261121_000007_clients",
            "m20261121_000008_access",
            "m20261122_000009_order",
            "m20261122_000010_refusals",
            "m20261122_000011_makers",
        ];
        assert_eq!(store.migrate().await.unwrap(), steps);
        let grant: GrantId = "0190f000-0000-7000-8000-0000000000aa".parse().unwrap();
        let before = Revocation { grant, at: at(1), until: at(900) };
        assert_eq!(revocations(&store).await, [before], "{}", fresh.url());
        let mut tx = store.begin().await.unwrap();
        let later = Revocation { until: at(1_000), ..before };
        tx.revocations().add(&[later]).await.unwrap();
        tx.clients().insert(&client("orders")).await.unwrap();
        tx.commit(at(2), Vec::new()).await.unwrap();
        assert_eq!(revocations(&store).await, [later], "it is known as what it was");
        store.close().await;

        // And back.
        let connection = migrator(&fresh).await;
        Migrator::down(&connection, Some(5)).await.unwrap();
        let kept = "UPDATE revocations SET until = until WHERE session_id IS NOT NULL";
        let kept = sea_orm::ConnectionTrait::execute_unprepared(&connection, kept).await.unwrap();
        assert_eq!(kept.rows_affected(), 1, "nothing that was revoked is lost on the way back");
        connection.close().await.unwrap();
    }
}

/// The broker had refused it until it was parked; an outage afterwards is no reason to hold up its subject again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_parked_before_refusals_were_counted_counts_as_refused() {
    for fresh in Fresh::both().await {
        let connection = migrator(&fresh).await;
        Migrator::up(&connection, Some(9)).await.unwrap();
        let (id, yes, no) = match fresh {
            Fresh::Sqlite(_) => ("x'0190f00000007000800000000000000'", "1", "0"),
            Fresh::Postgres(_) => ("'0190f000-0000-7000-8000-00000000000'", "true", "false"),
        };
        for (number, attempts, parked) in [("1", 8, yes), ("2", 12, no)] {
            // The digit goes before the closing quote.
            let id = format!("{}{number}'", id.trim_end_matches('\''));
            let event = "{\"type\":\"keys.revoked\"}";
            let old = format!(
                "INSERT INTO outbox (id, subject, event, occurred_at, attempts, parked) \
                 VALUES ({id}, 'users/{number}', '{event}', 1, {attempts}, {parked})"
            );
            sea_orm::ConnectionTrait::execute_unprepared(&connection, &old).await.unwrap();
        }
        Migrator::up(&connection, None).await.unwrap();
        for (refusals, attempts) in [(8, 8), (0, 12)] {
            let one = format!("UPDATE outbox SET why = 'seen' WHERE refusals = {refusals} AND attempts = {attempts}");
            let one = sea_orm::ConnectionTrait::execute_unprepared(&connection, &one).await.unwrap();
            assert_eq!(one.rows_affected(), 1, "{}: {attempts} attempts", fresh.url());
        }
        connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_migration_can_be_undone_and_done_again() {
    for fresh in Fresh::both().await {
        let connection = migrator(&fresh).await;
        for _ in 0..2 {
            Migrator::up(&connection, None).await.unwrap();
            Migrator::down(&connection, None).await.unwrap();
        }
        connection.close().await.unwrap();
        let store = fresh.migrated().await;
        signed_in(&*store, "ann").await;
    }
}
