//! Migrations at start.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use databases::samples::{at, client, signed_in};
use databases::{Fresh, on_server};
use portcullis_domain::access::{Role, RoleName};
use portcullis_domain::accounts::{CredentialState, PasswordHash, User, UserStatus};
use portcullis_domain::administration::{UserQuery, UserSort};
use portcullis_domain::audit::{Actor, AuditQuery};
use portcullis_domain::ids::{GrantId, SessionId, UserId};
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::ports::store::Store;
use portcullis_migration::{Migrator, MigratorTrait};
use portcullis_sql::{MigrateError, SqlStore};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
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
                "m20261121_000006_audit",
                "m20261121_000007_clients",
                "m20261121_000008_access"
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
        assert!(status.len() == 8 && status.iter().all(|migration| !migration.applied), "{status:?}");
        assert_eq!(store.migrate().await.unwrap().len(), 8);
        let status = store.migration_status().await.unwrap();
        assert!(status.len() == 8 && status.iter().all(|migration| migration.applied), "{status:?}");
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
        // The third of seven migrations stumbles over it.
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
        assert_eq!(store.migrate().await.unwrap().len(), 8, "and nothing of it is in the way");
    }
}

/// A connection for the migrator alone.
async fn migrator(fresh: &Fresh) -> DatabaseConnection {
    let url = match fresh {
        Fresh::Sqlite(folder) => {
            std::fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
            format!("{}?mode=rwc", folder.url())
        }
        Fresh::Postgres(schema) => schema.url(),
    };
    let mut options = ConnectOptions::new(url);
    options.max_connections(1);
    Database::connect(options).await.unwrap()
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
        assert_eq!(store.migrate().await.unwrap(), ["m20261121_000007_clients", "m20261121_000008_access"]);
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
        Migrator::down(&connection, Some(2)).await.unwrap();
        let kept = "UPDATE revocations SET until = until WHERE session_id IS NOT NULL";
        let kept = sea_orm::ConnectionTrait::execute_unprepared(&connection, kept).await.unwrap();
        assert_eq!(kept.rows_affected(), 1, "nothing that was revoked is lost on the way back");
        connection.close().await.unwrap();
    }
}

/// An account with a password, a session and an entry, as the release before writes them.
const BEFORE_ROLES: &str = "
    INSERT INTO users (id, username, username_key, email, email_key, email_verified, status, created_at, updated_at, version)
        VALUES ({id}, 'Ann', 'ann', 'Ann@example.com', 'ann@example.com', {true}, 'active', {at}, {at}, 3);
    INSERT INTO credentials (user_id, hash) VALUES ({id}, 'hash of ann');
    INSERT INTO sessions (id, user_id, client_id, scope, authenticated_at, created_at, last_seen_at, idle_expires_at,
        expires_at, generation, refresh_digest, ends_from)
        VALUES ({id}, {id}, 'portcullis', '', {at}, {at}, {at}, {end}, {end}, 0, {digest}, {end});
    INSERT INTO audit (at, id, actor_kind, action, subject_id) VALUES ({at}, {id}, 'self', 'session.login', {id})";

fn before_roles(fresh: &Fresh, id: &str) -> String {
    let bytes = |hex: &str| match fresh {
        Fresh::Sqlite(_) => format!("x'{hex}'"),
        Fresh::Postgres(_) => format!("decode('{hex}', 'hex')"),
    };
    let (id, yes) = match fresh {
        Fresh::Sqlite(_) => (bytes(&id.replace('-', "")), "1"),
        Fresh::Postgres(_) => (format!("'{id}'"), "true"),
    };
    let words = [
        ("{id}", id),
        ("{true}", yes.to_owned()),
        ("{at}", at(1).as_unix_micros().to_string()),
        ("{end}", at(900).as_unix_micros().to_string()),
        ("{digest}", bytes(&"07".repeat(32))),
    ];
    words.iter().fold(BEFORE_ROLES.to_owned(), |sql, (word, meaning)| sql.replace(word, meaning))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_from_before_there_were_roles_go_on_as_they_were() {
    let id = "0190f000-0000-7000-8000-0000000000aa";
    let (ann, session): (UserId, SessionId) = (id.parse().unwrap(), id.parse().unwrap());
    for fresh in Fresh::both().await {
        let connection = migrator(&fresh).await;
        Migrator::up(&connection, Some(7)).await.unwrap();
        for sql in before_roles(&fresh, id).split(';') {
            sea_orm::ConnectionTrait::execute_unprepared(&connection, sql).await.unwrap();
        }
        connection.close().await.unwrap();

        let store = fresh.connect().await;
        assert_eq!(store.migrate().await.unwrap(), ["m20261121_000008_access"], "{}", fresh.url());
        let mut tx = store.begin().await.unwrap();
        let user = tx.users().by_id(ann).await.unwrap().unwrap();
        assert_eq!((user.status, user.status_reason.clone(), user.must_change_password), (UserStatus::Active, None, false));
        assert_eq!((user.created_at, user.version), (at(1), 3));
        let found = tx.sessions().by_id(session).await.unwrap().unwrap();
        assert_eq!(found.impersonation, None);
        let (next, hash) = (databases::samples::session(&user), PasswordHash::new("hash of ann".to_owned()));
        assert_eq!(tx.sessions().start(&next, &hash).await.unwrap(), Some(2), "the password may be used");
        assert_eq!(tx.roles().of(ann).await.unwrap(), []);
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        let entries = tx.audit().page(&AuditQuery { about: Some(ann), limit: 9, ..AuditQuery::default() }).await.unwrap();
        assert_eq!(entries.iter().map(|entry| (&entry.actor, entry.impersonator)).collect::<Vec<_>>(), [(
            &Actor::User(ann),
            None
        )]);
        for sort in [UserSort::CreatedAt, UserSort::Email, UserSort::Username] {
            let found = tx.users().search(&UserQuery { sort, ..UserQuery::default() }).await.unwrap();
            assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ann], "{sort:?}");
        }
        drop(tx);
        disabled_operator(&store, &user).await;
        store.close().await;

        // And back: what the release before does not know is gone, and nothing else.
        let connection = migrator(&fresh).await;
        Migrator::down(&connection, Some(1)).await.unwrap();
        let kept = "UPDATE users SET version = version WHERE email_key = 'ann@example.com' AND status = 'disabled'";
        let kept = sea_orm::ConnectionTrait::execute_unprepared(&connection, kept).await.unwrap();
        assert_eq!(kept.rows_affected(), 1);
        Migrator::up(&connection, None).await.unwrap();
        connection.close().await.unwrap();
        let mut tx = fresh.connect().await.begin().await.unwrap();
        assert_eq!(tx.users().by_id(ann).await.unwrap().unwrap().status_reason, None);
    }
}

/// Uses what is new.
async fn disabled_operator(store: &SqlStore, user: &User) {
    let role = Role {
        name: RoleName::parse("ops").unwrap(),
        description: String::new(),
        permissions: portcullis_domain::access::Permissions::all(),
        created_at: at(2),
        updated_at: at(2),
        version: 1,
    };
    let user = User { status: UserStatus::Disabled, status_reason: Some("gone".to_owned()), ..user.clone() };
    let mut tx = store.begin().await.unwrap();
    tx.roles().insert(&role).await.unwrap();
    tx.users().update(&user).await.unwrap();
    tx.credentials().set_state(user.id, CredentialState::of(&user)).await.unwrap();
    assert!(tx.roles().grant(user.id, &role.name, at(3)).await.unwrap());
    let (session, hash) = (databases::samples::session(&user), PasswordHash::new("hash of ann".to_owned()));
    assert_eq!(tx.sessions().start(&session, &hash).await.unwrap(), None, "no session starts of a disabled account");
    tx.commit(at(3), Vec::new()).await.unwrap();
    let found = store.begin().await.unwrap().users().by_id(user.id).await.unwrap().unwrap();
    assert_eq!(found, User { version: user.version + 2, updated_at: at(3), ..user });
}

/// What older replicas have prepared goes on: they serve until they are replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_the_release_before_serves_logins_beside_the_new_schema() {
    let schema = databases::Schema::new().await;
    let fresh = Fresh::Postgres(schema);
    let connection = migrator(&fresh).await;
    Migrator::up(&connection, Some(7)).await.unwrap();
    let id = "0190f000-0000-7000-8000-0000000000aa";
    for sql in before_roles(&fresh, id).split(';') {
        sea_orm::ConnectionTrait::execute_unprepared(&connection, sql).await.unwrap();
    }
    connection.close().await.unwrap();
    let mut older = sqlx::PgConnection::connect(&fresh.url()).await.unwrap();
    let login = "SELECT id, username, username_key, email, email_key, email_verified, status, created_at, updated_at, \
        version, hash FROM users LEFT JOIN credentials ON user_id = id WHERE email_key = $1";
    for migrates in [true, false, false] {
        let found = sqlx::query(login).bind("ann@example.com").fetch_all(&mut older).await.unwrap();
        assert_eq!(found.len(), 1);
        if migrates {
            fresh.migrated().await.close().await;
        }
    }
    let registered = "INSERT INTO users (id, username, username_key, email, email_key, email_verified, status, created_at, \
        updated_at, version) VALUES (gen_random_uuid(), NULL, NULL, $1, $1, false, 'active', 1, 1, 1)";
    sqlx::query(registered).bind("ben@example.com").execute(&mut older).await.unwrap();
    let taken = sqlx::query(registered).bind("ben@example.com").execute(&mut older).await.unwrap_err();
    assert_eq!(taken.as_database_error().unwrap().constraint(), Some("users_email_key"));
    older.close().await.unwrap();
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
