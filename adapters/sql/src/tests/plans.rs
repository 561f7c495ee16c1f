//! Query plans: what runs often reads no whole table.

use std::sync::Arc;

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, LoginName, PasswordHash};
use portcullis_domain::audit::{Actor, AuditQuery};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{AuditId, SessionId, UserId, WebhookId};
use portcullis_domain::ports::accounts::LoginLook;
use portcullis_domain::ports::store::Effect;
use portcullis_domain::sessions::{Rotation, Session, TokenDigest, TokenFamily};
use portcullis_domain::tokens::Scope;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, QueryTrait, Statement, Value};
use uuid::Uuid;

use super::{Counter, sqlite, unique_name};
use crate::rotate::{RotationRow, many};
use crate::store::Database;
use crate::{
    SqlSettings, SqlStore, accounts, attempts, audit, clients, entity, keys, outbox, revocations, sessions, start,
    webhook_queue, webhooks,
};

/// Every statement that runs with a request, at each claim, or under a lock.
fn statements(backend: DbBackend) -> Vec<Statement> {
    let (id, number) = (Uuid::from_u128(7), Value::from(7_i64));
    let (user, session) = (UserId::from_uuid(id), SessionId::from_uuid(id));
    let rotation = Rotation {
        session,
        generation: 1,
        presented: TokenDigest([1; 32]),
        successor: TokenDigest([2; 32]),
        at: Timestamp::UNIX_EPOCH,
        idle_expires_at: Timestamp::UNIX_EPOCH,
        grace: std::time::Duration::ZERO,
    };
    let row = RotationRow::new(&rotation);
    let written = |sql: &str, values: &[Value]| Statement::from_sql_and_values(backend, sql, values.iter().cloned());
    let words = |sql| sessions::words(backend, sql);
    let look = |name| {
        let name = &LoginName::parse(name).unwrap();
        accounts::for_login(backend, &LoginLook { name, key: &AttemptKey([7; 32]), hidden_after: Some(5) })
    };
    let mut all = vec![
        entity::user::Entity::find_by_id(id).build(backend),
        entity::session::Entity::find_by_id(id).build(backend),
        entity::credential::Entity::find_by_id(id).build(backend),
        accounts::by_key(entity::user::Column::EmailKey, "ann@example.com").build(backend),
        accounts::by_key(entity::user::Column::UsernameKey, "ann").build(backend),
        look("ann@example.com"),
        look("ann"),
        sessions::live(user, Timestamp::UNIX_EPOCH, 10).build(backend),
        revocations::from(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).build(backend),
        row.statement(backend),
        written(&words(sessions::REVOKE), &[number.clone(), "logout".into(), id.into()]),
        written(&words(sessions::REVOKE_ALL), &[number.clone(), "logout".into(), id.into(), id.into()]),
        written(&words(sessions::END_LATER), &[number.clone(), number.clone()]),
        written(&words(sessions::PURGE), &[number.clone(), number.clone()]),
    ];
    all.extend(of_attempts_and_audit(backend));
    all.extend(of_clients_and_webhooks(backend));
    let started = a_session(user, session);
    all.push(start::start(backend, &started, &PasswordHash::new("$argon2id$".to_owned())));
    all.push(accounts::page(Some(user), 10).build(backend));
    all.push(many(&vec![row; 8], backend));
    all.push(outbox::claim::statement(backend, 10, Timestamp::UNIX_EPOCH, std::time::Duration::ZERO));
    match backend {
        DbBackend::Postgres => {
            all.push(written(outbox::settle::DONE, &[vec![id].into()]));
        }
        _ => {
            all.push(outbox::settle::delete(&[id; 5]));
            all.push(start::start_last_on_sqlite(&started, &PasswordHash::new("$argon2id$".to_owned()), 9));
        }
    }
    all
}

fn a_session(user: UserId, id: SessionId) -> Session {
    let (now, end) = (Timestamp::UNIX_EPOCH, Timestamp::from_unix_seconds(1));
    Session {
        id,
        user,
        client_id: "web".to_owned(),
        scope: Scope::parse("openid").unwrap(),
        authenticated_at: now,
        created_at: now,
        last_seen_at: now,
        idle_expires_at: end,
        expires_at: end,
        revoked: None,
        ip: None,
        user_agent: None,
        impersonation: None,
        family: TokenFamily::new(TokenDigest([1; 32])),
    }
}

fn of_attempts_and_audit(backend: DbBackend) -> Vec<Statement> {
    let (id, number) = (Uuid::from_u128(7), Value::from(7_i64));
    let (key, user) = (Value::from(vec![7_u8; 32]), UserId::from_uuid(id));
    let written = |sql: &str, values: &[Value]| Statement::from_sql_and_values(backend, sql, values.iter().cloned());
    let mut all = vec![
        written(attempts::OF, std::slice::from_ref(&key)),
        written(attempts::RESERVE, &[number.clone(), key.clone(), number.clone(), number.clone()]),
        written(attempts::CLEAR, &[key]),
        written(&sessions::words(backend, attempts::PURGE), &[number.clone(), number.clone()]),
        written(&sessions::words(backend, audit::PURGE), &[number.clone(), number]),
    ];
    let whole = AuditQuery { limit: 10, ..AuditQuery::default() };
    let before = Some((Timestamp::UNIX_EPOCH, AuditId::from_uuid(id)));
    let of = |actor| AuditQuery { actor: Some(actor), before, ..whole.clone() };
    let queries = [
        AuditQuery { before, ..whole.clone() },
        AuditQuery { from: Some(Timestamp::UNIX_EPOCH), until: Some(Timestamp::UNIX_EPOCH), ..whole.clone() },
        AuditQuery { subject: Some(user), ..whole.clone() },
        of(Actor::User(user)),
        of(Actor::Client("web".to_owned())),
        of(Actor::Operator),
        of(Actor::Anonymous),
    ];
    all.extend(queries.iter().map(|query| audit::page::statement(backend, query)));
    all
}

fn of_clients_and_webhooks(backend: DbBackend) -> Vec<Statement> {
    let (id, number) = (Value::from(Uuid::from_u128(7)), Value::from(7_i64));
    let (text, bytes) = (Value::from("orders"), Value::from(vec![7_u8; 32]));
    let written = |sql: &str, values: &[&Value]| {
        Statement::from_sql_and_values(backend, sql, values.iter().map(|value| (*value).clone()))
    };
    let (at, webhook) = (Timestamp::UNIX_EPOCH, WebhookId::from_uuid(Uuid::from_u128(7)));
    let event = Event::UserDeleted { user_id: UserId::from_uuid(Uuid::from_u128(7)) };
    let effect = Effect::Publish { event, traceparent: None, webhooks: vec![webhook] };
    let rows = outbox::rows(vec![effect], at, &Counter).unwrap();
    let client = [&text, &bytes, &bytes, &number, &text, &number, &number, &number, &text, &number];
    let hook = [&text, &text, &bytes, &bytes, &number, &number, &text, &number, &id, &number, &number];
    let mut all = vec![
        entity::client::Entity::find_by_id("orders").build(backend),
        clients::changed_since(at).build(backend),
        written(clients::UPDATE, &client),
        entity::webhook::Entity::find_by_id(Uuid::from_u128(7)).build(backend),
        written(webhooks::UPDATE, &hook),
        written(webhooks::DELETE, &[&id]),
        written(keys::ACTIVATE, &[&text, &number]),
        written(keys::REVOKE, &[&text, &number]),
        written(keys::DELETE, &[&text]),
        written(webhook_queue::claim::ANY, &[&number]),
        webhook_queue::claim::statement(backend, 10, 3, at, std::time::Duration::ZERO),
        written(webhook_queue::settle::DONE, &[&id, &id]),
        written(webhook_queue::settle::RETRY, &[&id, &id, &number, &text, &number]),
        written(webhook_queue::settle::DISCARD, &[&id]),
    ];
    all.extend(webhook_queue::inserts(backend, &rows, at));
    all
}

/// The plan of a statement, a line for each step.
pub(super) async fn plan(
    connection: &DatabaseConnection,
    explain: &str,
    place: usize,
    statement: &Statement,
) -> String {
    let mut statement = statement.clone();
    statement.sql = format!("{explain} {}", statement.sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    let lines = rows.iter().map(|row| row.try_get_by_index::<String>(place).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn hot_statements_on_sqlite_scan_no_table() {
    let (store, _folder) = sqlite().await;
    let Database::Sqlite(database) = &store.shared().database else { panic!("a SQLite database") };
    let writer = database.borrow_writer().await.unwrap();
    for statement in statements(DbBackend::Sqlite) {
        let plan = plan(&writer.connection, "EXPLAIN QUERY PLAN", 3, &statement).await;
        // The oldest rows of the outbox are found by walking its primary key, as far as the limit.
        let scans =
            plan.lines().filter(|line| line.starts_with("SCAN") && *line != "SCAN o" && !line.starts_with("SCAN o "));
        // There are few webhooks, however many deliveries wait for them.
        let scans = scans.filter(|line| !line.starts_with("SCAN w "));
        // Rows that the statement brings along.
        let scans = scans.filter(|line| !line.contains("CONSTANT ROW") && *line != "SCAN row" && *line != "SCAN one");
        // A part of a page has as many rows as the page.
        let scans: Vec<_> = scans.filter(|line| !line.contains("VALUES") && !line.contains("SCAN part_")).collect();
        assert!(scans.is_empty(), "{}\n{plan}", statement.sql);
        assert!(plan.contains("SEARCH"), "{}\n{plan}", statement.sql);
        let few = statement.sql.contains("user_id") || plan.contains("SCAN part_") || plan.contains("SCAN w ");
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY") || few, "{plan}");
    }
}

/// A store in a schema of its own; `options` of the server follow its name.
#[expect(clippy::disallowed_methods, reason = "tests find their servers by the environment")]
pub(super) async fn on_postgres(schema: &str, options: &str) -> SqlStore {
    let server = std::env::var("PORTCULLIS_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options=-csearch_path%3D{schema}{options}");
    let store = SqlStore::connect(&url, SqlSettings::default(), Arc::new(Counter)).await.unwrap();
    let Database::Postgres(postgres) = &store.shared().database else { panic!("a PostgreSQL database") };
    let create = format!("CREATE SCHEMA {schema}");
    postgres.pool().connection().execute_unprepared(&create).await.unwrap();
    store.migrate().await.unwrap();
    store
}

#[tokio::test]
async fn hot_statements_on_postgres_can_do_without_reading_a_whole_table() {
    let schema = unique_name();
    // The tables are empty here: without this the planner would not use an index for anything.
    let store = on_postgres(&schema, "%20-cenable_seqscan%3Doff").await;
    let Database::Postgres(postgres) = &store.shared().database else { panic!("a PostgreSQL database") };
    let pool = postgres.pool();
    let mut plans = Vec::new();
    for statement in statements(DbBackend::Postgres) {
        plans.push((plan(pool.connection(), "EXPLAIN", 0, &statement).await, statement.sql));
    }
    pool.connection().execute_unprepared(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    for (plan, sql) in plans {
        assert!(!plan.contains("Seq Scan") && plan.contains("Index"), "{sql}\n{plan}");
    }
}
