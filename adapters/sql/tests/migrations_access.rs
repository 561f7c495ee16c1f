//! The step to roles, on a database that is in use.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use databases::samples::at;
use databases::{Fresh, migrator};
use portcullis_domain::accounts::{CredentialState, PasswordHash, User, UserStatus};
use portcullis_domain::administration::{UserQuery, UserSort};
use portcullis_domain::audit::{Actor, AuditQuery};
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::store::Store;
use portcullis_migration::{Migrator, MigratorTrait};
use portcullis_sql::SqlStore;
use sea_orm::ConnectionTrait;
use sqlx::Connection;

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
            connection.execute_unprepared(sql).await.unwrap();
        }
        connection.close().await.unwrap();

        let store = fresh.connect().await;
        assert_eq!(
            store.migrate().await.unwrap(),
            [
                "m20261121_000008_access",
                "m20261122_000009_order",
                "m20261122_000010_refusals",
                "m20261122_000011_makers"
            ],
            "{}",
            fresh.url()
        );
        let mut tx = store.begin().await.unwrap();
        let user = tx.users().by_id(ann).await.unwrap().unwrap();
        assert_eq!(
            (user.status, user.status_reason.clone(), user.must_change_password),
            (UserStatus::Active, None, false)
        );
        assert_eq!((user.created_at, user.version), (at(1), 3));
        let found = tx.sessions().by_id(session).await.unwrap().unwrap();
        assert_eq!(found.impersonation, None);
        let (next, hash) = (databases::samples::session(&user), PasswordHash::new("hash of ann".to_owned()));
        assert_eq!(tx.sessions().start(&next, &hash).await.unwrap(), Some(2), "the password may be used");
        assert_eq!(tx.roles().of(ann).await.unwrap(), []);
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        let entries =
            tx.audit().page(&AuditQuery { about: Some(ann), limit: 9, ..AuditQuery::default() }).await.unwrap();
        assert_eq!(
            entries.iter().map(|entry| (&entry.actor, entry.impersonator)).collect::<Vec<_>>(),
            [(&Actor::User(ann), None)]
        );
        for sort in [UserSort::CreatedAt, UserSort::Email, UserSort::Username] {
            let found = tx.users().search(&UserQuery { sort, ..UserQuery::default() }).await.unwrap();
            assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ann], "{sort:?}");
        }
        drop(tx);
        disabled_operator(&store, &user).await;
        store.close().await;

        // And back: what the release before does not know is gone, and nothing else.
        let connection = migrator(&fresh).await;
        Migrator::down(&connection, Some(4)).await.unwrap();
        let kept = "UPDATE users SET version = version WHERE email_key = 'ann@example.com' AND status = 'disabled'";
        let kept = connection.execute_unprepared(kept).await.unwrap();
        assert_eq!(kept.rows_affected(), 1);
        Migrator::up(&connection, None).await.unwrap();
        connection.close().await.unwrap();
        let mut tx = fresh.connect().await.begin().await.unwrap();
        assert_eq!(tx.users().by_id(ann).await.unwrap().unwrap().status_reason, None);
    }
}

/// Uses what is new.
async fn disabled_operator(store: &SqlStore, user: &User) {
    let role = databases::samples::role("ops");
    let user = User { status: UserStatus::Disabled, status_reason: Some("gone".to_owned()), ..user.clone() };
    let mut tx = store.begin().await.unwrap();
    tx.roles().insert(&role, usize::MAX).await.unwrap();
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
        connection.execute_unprepared(sql).await.unwrap();
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

/// Both those that were there before, and those that a replica of the release before adds meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holders_of_a_role_from_before_are_listed_by_the_age_of_their_accounts() {
    for fresh in Fresh::both().await {
        let connection = migrator(&fresh).await;
        Migrator::up(&connection, Some(8)).await.unwrap();
        let store = fresh.connect().await;
        let users: Vec<User> = ["ann", "ben", "cid"].map(databases::samples::user).into();
        let users: Vec<User> =
            users.into_iter().zip([3, 1, 2]).map(|(user, seconds)| User { created_at: at(seconds), ..user }).collect();
        let mut tx = store.begin().await.unwrap();
        for user in &users {
            tx.users().insert(user).await.unwrap();
        }
        tx.roles().insert(&databases::samples::role("ops"), usize::MAX).await.unwrap();
        tx.commit(at(3), Vec::new()).await.unwrap();
        let grant = |user: &User| {
            format!(
                "INSERT INTO user_roles (user_id, role) SELECT id, 'ops' FROM users WHERE email_key = '{}'",
                user.email.as_str()
            )
        };
        connection.execute_unprepared(&grant(&users[0])).await.unwrap();
        let steps = ["m20261122_000009_order", "m20261122_000010_refusals", "m20261122_000011_makers"];
        assert_eq!(store.migrate().await.unwrap(), steps, "{}", fresh.url());
        connection.execute_unprepared(&grant(&users[1])).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let role = databases::samples::role("ops").name;
        assert!(tx.roles().grant(users[2].id, &role, at(4)).await.unwrap());
        tx.commit(at(4), Vec::new()).await.unwrap();
        let query = UserQuery { role: Some(role), ..UserQuery::default() };
        let mut tx = store.begin().await.unwrap();
        let found = tx.users().search(&query).await.unwrap();
        assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [users[1].id, users[2].id, users[0].id]);
        drop(tx);
        store.close().await;

        // And back, where accounts get roles as before.
        Migrator::down(&connection, Some(3)).await.unwrap();
        connection.execute_unprepared("DELETE FROM user_roles").await.unwrap();
        connection.execute_unprepared(&grant(&users[1])).await.unwrap();
        connection.close().await.unwrap();
    }
}
