//! Query plans of administration, on tables with many rows: each filter and each order has an index.

use std::fmt::Write;

use portcullis_domain::Timestamp;
use portcullis_domain::access::{KeyQuery, KeyUsage, RoleName};
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::administration::{UserPlace, UserQuery, UserSort};
use portcullis_domain::audit::{Action, Actor, AuditQuery};
use portcullis_domain::ids::{ApiKeyId, AuditId, UserId};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryTrait, Statement, Value};
use uuid::Uuid;

use super::plans::{on_postgres, plan};
use super::{sqlite, unique_name};
use crate::store::Database;
use crate::{api_keys, audit, credentials, one_time_tokens, roles, search, sessions};

/// A statement, and what its plan has to name.
type Case = (Statement, &'static [&'static str]);

/// Somebody who is among the rows.
const SOMEBODY: UserId = UserId::from_uuid(Uuid::from_u128(7));
const KEYS: [ApiKeyId; 2] = [ApiKeyId::from_uuid(Uuid::from_u128(8)), ApiKeyId::from_uuid(Uuid::from_u128(9))];
const AT: Timestamp = Timestamp::from_unix_micros(10_000_000);

/// 20,000 accounts, of which one in 200 is disabled and 20 have a rare role and half of them a
/// common one, with a key each and two entries.
const ROWS: &str = "
    INSERT INTO users (id, username, username_key, email, email_key, email_verified, status, created_at, updated_at, version)
        SELECT {id}, 'u' || n, 'u' || n, 'm' || n || '@example.com', 'm' || n || '@example.com', {false},
        CASE WHEN n % 200 = 0 THEN 'disabled' ELSE 'active' END, n * 1000, n * 1000, 1 FROM {numbers};
    INSERT INTO roles (name, description, permissions, created_at, updated_at, version)
        VALUES ('ops', '', '[]', 1, 1, 1), ('crew', '', '[]', 1, 1, 1);
    INSERT INTO user_roles (user_id, role) SELECT id, 'ops' FROM users WHERE created_at <= 20000;
    INSERT INTO user_roles (user_id, role) SELECT id, 'crew' FROM users WHERE created_at % 2000 = 0;
    INSERT INTO api_keys (id, owner, name, secret, permissions, networks, created_at, updated_at, ends_at, version)
        SELECT id, id, '', {bytes}, '[]', '', 1, 1, created_at, 1 FROM users;
    INSERT INTO api_key_roles (key_id, role) SELECT user_id, role FROM user_roles;
    INSERT INTO one_time_tokens (digest, purpose, user_id, created_at, expires_at)
        SELECT {digest}, 'set_password', id, 1, created_at FROM users;
    INSERT INTO sessions (id, user_id, client_id, scope, authenticated_at, created_at, last_seen_at, idle_expires_at,
        expires_at, generation, refresh_digest, ends_from)
        SELECT id, id, '', '', 1, 1, 1, created_at, created_at, 0, {bytes}, created_at FROM users;
    INSERT INTO audit (at, id, actor_kind, action, subject_id)
        SELECT created_at, id, 'self', 'session.login', id FROM users;
    INSERT INTO audit (at, id, actor_kind, actor_id, action, subject_id)
        SELECT created_at + 1, id, 'user', {text}, CASE WHEN status = 'disabled' THEN 'role.grant' ELSE 'api_key.create' END,
        NULL FROM users;
";

fn rows(backend: DbBackend) -> String {
    let words = match backend {
        DbBackend::Postgres => [
            ("{id}", "lpad(to_hex(n), 32, '0')::uuid"),
            ("{text}", "id::text"),
            ("{false}", "false"),
            ("{bytes}", "'\\x00'::bytea"),
            ("{digest}", "decode(md5(id::text), 'hex')"),
            ("{numbers}", "generate_series(1, 20000) AS n"),
        ],
        _ => [
            ("{id}", "CAST(zeroblob(12) || unhex(printf('%08X', n)) AS BLOB)"),
            ("{text}", "hex(id)"),
            ("{false}", "0"),
            ("{bytes}", "x'00'"),
            ("{digest}", "randomblob(32)"),
            (
                "{numbers}",
                "(WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 20000) \
                 SELECT n FROM count)",
            ),
        ],
    };
    let mut sql = words.iter().fold(ROWS.to_owned(), |sql, (word, meaning)| sql.replace(word, meaning));
    if backend == DbBackend::Postgres {
        sql.push_str("ANALYZE users, user_roles, api_keys, api_key_roles, one_time_tokens, sessions, audit");
    }
    sql
}

/// Filters and orders, and the index that serves each; those that need not sort come first.
fn searches() -> [Vec<(UserQuery, &'static str)>; 2] {
    let all = UserQuery::default;
    let (email, username) = (UserSort::Email, UserSort::Username);
    let role = |name| RoleName::parse(name).ok();
    let at = UserPlace::CreatedAt(AT, SOMEBODY);
    let (mail, name) = (UserPlace::Email("m5@example.com".to_owned()), UserPlace::Username("u5".to_owned()));
    let mut ordered = vec![
        (all(), "users_created_at"),
        (UserQuery { after: Some(at.clone()), ..all() }, "users_created_at"),
        (UserQuery { created_from: Some(AT), created_until: Some(AT), ..all() }, "users_created_at"),
        (UserQuery { status: Some(UserStatus::Active), ..all() }, "users_created_at"),
        (UserQuery { status: Some(UserStatus::Disabled), ..all() }, "users_disabled"),
        (UserQuery { sort: email, ..all() }, "users_email_key"),
        (UserQuery { sort: email, after: Some(mail), ..all() }, "users_email_key"),
        (UserQuery { sort: email, email: Some("m77".to_owned()), ..all() }, "users_email_key"),
        (UserQuery { sort: username, ..all() }, "users_username_key"),
        (UserQuery { sort: username, after: Some(name), ..all() }, "users_username_key"),
        (UserQuery { sort: username, username: Some("u77".to_owned()), ..all() }, "users_username_key"),
        (UserQuery { role: role("crew"), ..all() }, "user_roles_role"),
        (UserQuery { role: role("crew"), after: Some(at), ..all() }, "user_roles_role"),
        (UserQuery { role: role("crew"), created_from: Some(AT), created_until: Some(AT), ..all() }, "user_roles_role"),
        (UserQuery { role: role("ops"), status: Some(UserStatus::Active), ..all() }, "user_roles_role"),
    ];
    let reversed = ordered.clone().into_iter().map(|(query, index)| (UserQuery { descending: true, ..query }, index));
    ordered.extend(reversed.collect::<Vec<_>>());
    let sorted = vec![
        (UserQuery { email: Some("m777".to_owned()), ..all() }, "users_email_key"),
        (UserQuery { username: Some("u777".to_owned()), ..all() }, "users_username_key"),
        (UserQuery { role: role("ops"), sort: email, ..all() }, "user_roles"),
    ];
    [ordered, sorted]
}

fn of_the_trail(backend: DbBackend) -> Vec<Case> {
    let whole = AuditQuery { limit: 10, ..AuditQuery::default() };
    let before = Some((AT, AuditId::from_uuid(*SOMEBODY.as_uuid())));
    let page = |query: AuditQuery| audit::page::statement(backend, &query);
    let mut all: Vec<Case> = vec![
        (page(AuditQuery { action: Some(Action::GrantRole), ..whole.clone() }), &["audit_by_action"]),
        (page(AuditQuery { action: Some(Action::Register), ..whole.clone() }), &["audit_by_action"]),
        (page(AuditQuery { action: Some(Action::GrantToken), from: Some(AT), ..whole.clone() }), &["audit_by_action"]),
        (page(AuditQuery { action: Some(Action::GrantRole), before, ..whole.clone() }), &["audit_by_action"]),
        (
            page(AuditQuery { subject: Some(SOMEBODY), action: Some(Action::GrantRole), ..whole.clone() }),
            &["audit_subject"],
        ),
        (page(AuditQuery { actor: Some(Actor::User(SOMEBODY)), ..whole.clone() }), &["audit_subject", "audit_actor"]),
        (
            page(AuditQuery { about: Some(SOMEBODY), before, ..whole.clone() }),
            &["audit_subject", "audit_actor", "audit_impersonator"],
        ),
        (
            page(AuditQuery { about: Some(SOMEBODY), keys: KEYS.to_vec(), before, ..whole }),
            &["audit_subject", "audit_actor", "audit_impersonator"],
        ),
    ];
    let indexes: [&[&str]; 4] = [&["audit_subject"], &["audit_actor"], &["audit_impersonator"], &["audit_actor"]];
    for (place, (sql, index)) in audit::erase::statements().iter().zip(indexes).enumerate() {
        let text = place == 1 || place == 3;
        let who: Value = if text { SOMEBODY.to_string().into() } else { (*SOMEBODY.as_uuid()).into() };
        all.push((written(backend, &sessions::words(backend, sql), &[who, 10_i64.into()]), index));
    }
    all
}

fn written(backend: DbBackend, sql: &str, values: &[Value]) -> Statement {
    Statement::from_sql_and_values(backend, sql, values.iter().cloned())
}

fn of_roles_and_keys(backend: DbBackend) -> Vec<Case> {
    let id: Value = (*SOMEBODY.as_uuid()).into();
    let (number, text, bytes) = (Value::from(7_i64), Value::from("ops"), Value::from(vec![7_u8; 32]));
    let one = |sql: &str, values: &[&Value]| {
        let values: Vec<Value> = values.iter().map(|value| (*value).clone()).collect();
        written(backend, &sessions::words(backend, sql).replace("{hold}", ""), &values)
    };
    let key = ApiKeyId::from_uuid(*SOMEBODY.as_uuid());
    let keys = KeyQuery { limit: 10, ..KeyQuery::default() };
    let page = |query: KeyQuery| api_keys::page::statement(backend, &query);
    let uses = api_keys::uses::sums(&[(key, KeyUsage { uses: 1, last_used_at: Some(AT) })]);
    // The names of indexes on primary keys are each database's own.
    let mut all: Vec<Case> = vec![
        (one(&api_keys::page::BY_ID, &[&id]), &["api_keys"]),
        (one(&api_keys::page::IN_USE, &[&id]), &["api_keys", "users"]),
        (page(keys), &["api_keys"]),
        (page(KeyQuery { after: Some(key), live_at: Some(AT), ..keys }), &["api_keys"]),
        (page(KeyQuery { owner: Some(SOMEBODY), after: Some(key), ..keys }), &["api_keys_owner"]),
        (one(api_keys::LIVE, &[&id, &number]), &["api_keys_owner"]),
        (one(api_keys::PURGE, &[&number, &number]), &["api_keys_ends_at"]),
        (one(api_keys::DELETE_OF, &[&id]), &["api_keys_owner"]),
        (one(roles::OF, &[&id]), &["user_roles"]),
        (roles::of_all(backend, &[SOMEBODY; 5]), &["user_roles"]),
        (one(roles::WITHDRAW, &[&id, &text]), &["user_roles"]),
        (one(roles::USER_CHANGES, &[&id, &number]), &["users"]),
        (one(roles::HELD_WITHOUT, &[&text, &id]), &["user_roles"]),
        (one(credentials::SET_STATE, &[&id, &Value::from(2_i16)]), &["credentials"]),
        (one(&one_time_tokens::PEEK, &[&bytes, &text, &number]), &["one_time_tokens"]),
        (one(&one_time_tokens::REDEEM, &[&bytes, &text, &number]), &["one_time_tokens"]),
        (one(one_time_tokens::PURGE, &[&number, &number]), &["one_time_tokens_expires_at"]),
        (sessions::all(SOMEBODY, 10).build(backend), &["sessions_of_user"]),
        (one(sessions::REVOKE_IMPERSONATIONS, &[&number, &text, &id]), &["sessions_impersonator"]),
    ];
    all.extend(api_keys::uses::statements(backend, &uses).into_iter().map(|add| -> Case { (add, &["api_keys"]) }));
    for (sql, index) in [(roles::HOLDERS_CHANGE, &["user_roles"]), (roles::KEYS_CHANGE, &["api_key_roles"])] {
        all.push((one(sql, &[&text, &number]), index));
    }
    all
}

/// What is wrong with the plans: the log of those that read a table row by row, or sort what an index has in order.
async fn faults(connection: &DatabaseConnection) -> String {
    let backend = connection.get_database_backend();
    let (explain, place) = if backend == DbBackend::Postgres { ("EXPLAIN", 0) } else { ("EXPLAIN QUERY PLAN", 3) };
    connection.execute_unprepared(&rows(backend)).await.unwrap();
    let mut faults = String::new();
    let [ordered, sorted] = searches();
    let unsorted = ordered.len();
    let searches = ordered
        .into_iter()
        .chain(sorted)
        .map(|(query, index)| (search::statement(backend, &query).expect("a statement"), vec![index]));
    let others = of_the_trail(backend).into_iter().chain(of_roles_and_keys(backend));
    let others = others.map(|(statement, indexes)| (statement, indexes.to_vec()));
    for (number, (statement, indexes)) in searches.chain(others).enumerate() {
        let plan = plan(connection, explain, place, &statement).await;
        let by_row = plan.lines().any(|line| reads_by_row(line.trim()));
        let sorts = plan.contains("Sort") || plan.contains("TEMP B-TREE");
        let named = indexes.iter().all(|index| plan.contains(index));
        if by_row || !named || (sorts && number < unsorted) {
            writeln!(faults, "{}\n{indexes:?}\n{plan}\n", statement.sql).unwrap();
        }
    }
    faults
}

fn reads_by_row(line: &str) -> bool {
    let sqlite = line.starts_with("SCAN ")
        && !line.contains("USING ")
        && !["CONSTANT ROW", "SCAN part_", "SCAN more", "SCAN json_each", "VALUES"]
            .iter()
            .any(|few| line.contains(few));
    // These have a row each.
    let small = ["Seq Scan on credentials", "Seq Scan on roles"];
    sqlite || (line.contains("Seq Scan") && !small.iter().any(|table| line.contains(table)))
}

#[tokio::test]
async fn each_filter_and_order_of_administration_has_an_index_on_sqlite() {
    let (store, _folder) = sqlite().await;
    let Database::Sqlite(database) = &store.shared().database else { panic!("a SQLite database") };
    let writer = database.borrow_writer().await.unwrap();
    let faults = faults(&writer.connection).await;
    assert!(faults.is_empty(), "{faults}");
}

#[tokio::test]
async fn each_filter_and_order_of_administration_has_an_index_on_postgres() {
    let schema = unique_name();
    let store = on_postgres(&schema, "").await;
    let Database::Postgres(postgres) = &store.shared().database else { panic!("a PostgreSQL database") };
    let connection = postgres.pool().connection();
    let faults = faults(connection).await;
    connection.execute_unprepared(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    assert!(faults.is_empty(), "{faults}");
}

/// Every login writes those without a condition: another one has to be worth that.
#[tokio::test]
async fn of_the_indexes_that_administration_needs_a_login_writes_but_the_one_by_action() {
    let (store, _folder) = sqlite().await;
    let Database::Sqlite(database) = &store.shared().database else { panic!("a SQLite database") };
    let writer = database.borrow_writer().await.unwrap();
    let indexes = Statement::from_string(
        DbBackend::Sqlite,
        "SELECT name || coalesce(substr(sql, nullif(instr(sql, ' WHERE '), 0)), '') FROM sqlite_schema \
         WHERE type = 'index' AND tbl_name IN ('sessions', 'audit') AND sql IS NOT NULL ORDER BY name",
    );
    let rows = writer.connection.query_all_raw(indexes).await.unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(
        found,
        [
            "audit_actor WHERE actor_kind NOT IN ('self', 'anonymous')",
            "audit_by_action",
            "audit_impersonator WHERE impersonator IS NOT NULL",
            "audit_subject WHERE subject_id IS NOT NULL",
            "sessions_ends_from",
            "sessions_impersonator WHERE impersonator IS NOT NULL",
            "sessions_of_user",
        ]
    );
}
