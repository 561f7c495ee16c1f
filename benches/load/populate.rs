//! A database that has been in use for years: accounts, sessions and audit entries by the million, written by the database
//! itself.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

/// How much there is.
#[derive(Clone, Copy)]
pub(crate) struct Population {
    /// Accounts, numbered from 1: `load<number>@example.com`, every fourth of them with a username `load<number>`.
    pub(crate) users: u32,
    /// Sessions of each account; every fifth of them is over.
    pub(crate) sessions_each: u32,
    /// Audit entries of each account.
    pub(crate) audit_each: u32,
}

/// A version 7 UUID of an instant in milliseconds and a text (RFC 9562 §5.7).
const UUID_V7: &str = "
    CREATE FUNCTION pg_temp.uuid_v7(at bigint, text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex($1), 12, '0') || '7' || substr(md5($2), 1, 3) || '8' || substr(md5($2), 4, 15))::uuid
    $$";

/// Accounts were opened one a minute, the last one now. All have the password of the account `model`.
const USERS: &str = "
    INSERT INTO users (id, username, username_key, email, email_key, email_verified, status, created_at, updated_at,
        version, must_change_password)
    SELECT pg_temp.uuid_v7(at / 1000, 'user' || n), name, name, 'load' || n || '@example.com',
        'load' || n || '@example.com', n % 3 = 0, CASE WHEN n % 1000 = 0 THEN 'disabled' ELSE 'active' END, at, at, 1,
        false
    FROM (SELECT n, ({now} - ({users} - n)::bigint * 60) * 1000000 AS at,
        CASE WHEN n % 4 = 0 THEN 'load' || n END AS name FROM generate_series(1, {users}) AS n) AS numbered";

const CREDENTIALS: &str = "
    INSERT INTO credentials (user_id, hash)
    SELECT id, (SELECT hash FROM credentials JOIN users ON users.id = user_id WHERE email_key = '{model}')
    FROM users WHERE email_key LIKE 'load%'";

/// Every hundredth account has the role.
const GRANTS: &str = "
    INSERT INTO user_roles (user_id, role)
    SELECT id, 'support' FROM users WHERE email_key LIKE 'load%00@example.com'";

const SESSIONS: &str = "
    INSERT INTO sessions (id, user_id, client_id, scope, authenticated_at, created_at, last_seen_at, idle_expires_at,
        expires_at, revoked_at, revoked_reason, ip, user_agent, generation, refresh_digest, ends_from)
    SELECT pg_temp.uuid_v7(at / 1000, id::text || s), id, 'portcullis', '', at, at, at, at + month, at + 3 * month,
        CASE WHEN s % 5 = 0 THEN at END, CASE WHEN s % 5 = 0 THEN 'logout' END, '203.0.113.7', 'Mozilla/5.0', 0,
        decode(md5(id::text || s) || md5(s || id::text), 'hex'), CASE WHEN s % 5 = 0 THEN at ELSE at + month END
    FROM (SELECT id, s, ({now} - s * 3600)::bigint * 1000000 AS at, 2592000000000 AS month
        FROM users, generate_series(1, {sessions_each}) AS s WHERE email_key LIKE 'load%') AS begun";

const AUDIT: &str = "
    INSERT INTO audit (at, id, actor_kind, actor_id, action, refusal, subject_id, session_id, ip, user_agent)
    SELECT at, pg_temp.uuid_v7(at / 1000, id::text || s || 'audit'), 'self', NULL,
        CASE WHEN abs(hashtext(id::text) % {audit_each}) = s - 1 THEN 'account.register' ELSE 'session.login' END, NULL, id, NULL, '203.0.113.7', 'Mozilla/5.0'
    FROM (SELECT id, s, ({now} - s * 3600)::bigint * 1000000 - (hashtext(id::text) % 1000000) AS at
        FROM users, generate_series(1, {audit_each}) AS s WHERE email_key LIKE 'load%') AS done";

/// Fills the database at `url`; `model` is the address of the account whose password all get.
pub(crate) async fn populate(url: &str, population: Population, model: &str) {
    let connection = connect(url).await;
    let statements = [UUID_V7, USERS, CREDENTIALS, GRANTS, SESSIONS, AUDIT, "VACUUM (ANALYZE)", "CHECKPOINT"];
    for statement in statements {
        let statement = statement
            .replace("{now}", "extract(epoch FROM now())::bigint")
            .replace("{users}", &population.users.to_string())
            .replace("{sessions_each}", &population.sessions_each.to_string())
            .replace("{audit_each}", &population.audit_each.to_string())
            .replace("{model}", model);
        run(&connection, &statement).await;
    }
    connection.close().await.expect("the connection closes");
}

/// One connection to a database.
pub(crate) async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    // What is temporary belongs to one connection.
    options.max_connections(1).min_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap_or_else(|error| panic!("the bench needs its database: {error}"))
}

/// Runs a statement without parameters.
pub(crate) async fn run(connection: &DatabaseConnection, statement: &str) {
    connection.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
