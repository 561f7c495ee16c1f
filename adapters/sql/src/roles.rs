//! Roles, and who has them.

use std::collections::HashMap;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{Role, RoleName};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::access::RoleRepository;
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement, Value};
use uuid::Uuid;

use crate::api_keys::counted;
use crate::column::{corrupt, count, instant, next};
use crate::entity::role::{Entity, Model};
use crate::error::{store_error, unavailable};
use crate::link::Link;
use crate::unit::Unit;

/// One new role after the other: the count that follows sees those that were committed before.
const HOLD_PLACES: &str =
    "SELECT pg_advisory_xact_lock(hashtext('portcullis.roles'), hashtext(current_schema()))::text";
const NUMBER: &str = "SELECT count(*) FROM roles";
const INSERT: &str = "INSERT INTO roles (name, description, permissions, updated_at, version, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6)";
pub(crate) const UPDATE: &str = "UPDATE roles SET description = $2, permissions = $3, updated_at = $4, version = $6 \
    WHERE name = $1 AND version = $5";
/// Whoever grants it, or gives it to a key, waits until the role has gone, or has done so before. As many accounts as
/// there are may have it: that takes longer than other statements.
const HOLD_FOR_DELETE: &str =
    "SELECT set_config('statement_timeout', '120s', true) FROM roles WHERE name = $1 FOR UPDATE";
/// In one order, so that two of these do not wait for each other. The lock is the one that the update takes itself:
/// logins go on.
pub(crate) const HOLDERS_CHANGE: &str = "UPDATE users SET version = version + 1, updated_at = $2 WHERE id IN \
    (SELECT id FROM users WHERE id IN (SELECT user_id FROM user_roles WHERE role = $1) ORDER BY id {hold})";
pub(crate) const KEYS_CHANGE: &str = "UPDATE api_keys SET version = version + 1, updated_at = $2 WHERE id IN \
    (SELECT id FROM api_keys WHERE id IN (SELECT key_id FROM api_key_roles WHERE role = $1) ORDER BY id {hold})";
pub(crate) const DELETE: &str = "DELETE FROM roles WHERE name = $1";
/// One change of an account's roles after the other, and none while it is deleted.
const HOLD_USER: &str = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE";
const GRANT: &str = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2) ON CONFLICT (user_id, role) DO NOTHING";
pub(crate) const WITHDRAW: &str = "DELETE FROM user_roles WHERE user_id = $1 AND role = $2";
pub(crate) const USER_CHANGES: &str = "UPDATE users SET version = version + 1, updated_at = $2 WHERE id = $1";
pub(crate) const OF: &str = "SELECT user_id, role FROM user_roles WHERE user_id = $1";
const OF_ALL_ON_POSTGRES: &str = "SELECT user_id, role FROM user_roles WHERE user_id = ANY($1)";
/// Who asks takes the role's row, so that the next one sees what this one has done.
const HOLD: &str = "SELECT name FROM roles WHERE name = $1 FOR NO KEY UPDATE";
pub(crate) const HELD_WITHOUT: &str = "SELECT 1 FROM user_roles JOIN users ON users.id = user_roles.user_id \
    WHERE user_roles.role = $1 AND user_roles.user_id <> $2 AND users.status = 'active' LIMIT 1";

#[async_trait]
impl RoleRepository for Unit {
    async fn insert(&mut self, role: &Role, most: usize) -> Result<(), StoreError> {
        // SQLite has one writer: in its turn nobody else adds one.
        let link = self.writing().await?;
        if on_postgres(&link) {
            link.query_one_raw(link.statement(HOLD_PLACES, [])).await.map_err(store_error)?;
        }
        if counted(&link, link.statement(NUMBER, [])).await? >= i64::try_from(most).unwrap_or(i64::MAX) {
            return Err(StoreError::Full);
        }
        let values = values(role, role.created_at.as_unix_micros())?;
        link.execute_raw(link.statement(INSERT, values)).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn update(&mut self, role: &Role) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let values = values(role, next("roles.version", role.version)?)?;
        if !changed(&link, link.statement(UPDATE, values)).await? {
            return Err(StoreError::Conflict);
        }
        self.keep(link);
        Ok(())
    }

    async fn delete(&mut self, name: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let hold = if on_postgres(&link) { "FOR NO KEY UPDATE" } else { "" };
        if on_postgres(&link) {
            let hold = link.statement(HOLD_FOR_DELETE, [name.as_str().into()]);
            link.query_one_raw(hold).await.map_err(store_error)?;
        }
        for sql in [HOLDERS_CHANGE, KEYS_CHANGE] {
            let change =
                link.statement(&sql.replace("{hold}", hold), [name.as_str().into(), at.as_unix_micros().into()]);
            link.execute_raw(change).await.map_err(store_error)?;
        }
        let gone = changed(&link, link.statement(DELETE, [name.as_str().into()])).await?;
        self.keep(link);
        Ok(gone)
    }

    async fn by_name(&mut self, name: &RoleName) -> Result<Option<Role>, StoreError> {
        let link = self.reading()?;
        let found = Entity::find_by_id(name.as_str()).one(&link).await.map_err(store_error)?;
        let found = found.map(role).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn all(&mut self) -> Result<Vec<Role>, StoreError> {
        let link = self.reading()?;
        let rows = Entity::find().all(&link).await.map_err(store_error)?;
        let mut roles = rows.into_iter().map(role).collect::<Result<Vec<_>, _>>()?;
        // Here, for the databases sort text each in its own way.
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        self.keep(link);
        Ok(roles)
    }

    async fn grant(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        hold_user(&link, user).await?;
        let granted = change_of(&link, GRANT, user, role, at).await?;
        self.keep(link);
        Ok(granted)
    }

    async fn withdraw(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        hold_user(&link, user).await?;
        let withdrawn = change_of(&link, WITHDRAW, user, role, at).await?;
        self.keep(link);
        Ok(withdrawn)
    }

    async fn of(&mut self, user: UserId) -> Result<Vec<RoleName>, StoreError> {
        let link = self.reading()?;
        let mut found = granted(&link, link.statement(OF, [(*user.as_uuid()).into()])).await?;
        self.keep(link);
        Ok(found.remove(user.as_uuid()).unwrap_or_default())
    }

    async fn of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<RoleName>>, StoreError> {
        let link = self.reading()?;
        let found = match users {
            [] => HashMap::new(),
            users => granted(&link, of_all(link.get_database_backend(), users)).await?,
        };
        self.keep(link);
        Ok(users.iter().map(|user| found.get(user.as_uuid()).cloned().unwrap_or_default()).collect())
    }

    async fn held_without(&mut self, role: &RoleName, user: UserId) -> Result<bool, StoreError> {
        // SQLite has one writer: in its turn nobody else changes anything. PostgreSQL locks the row, and the look that
        // follows sees what has been committed by then.
        let link = self.writing().await?;
        if on_postgres(&link) {
            link.query_one_raw(link.statement(HOLD, [role.as_str().into()])).await.map_err(store_error)?;
        }
        let look = link.statement(HELD_WITHOUT, [role.as_str().into(), (*user.as_uuid()).into()]);
        let other = link.query_one_raw(look).await.map_err(store_error)?;
        self.keep(link);
        Ok(other.is_some())
    }
}

fn on_postgres(link: &Link) -> bool {
    link.get_database_backend() == DbBackend::Postgres
}

async fn hold_user(link: &Link, user: UserId) -> Result<(), StoreError> {
    if on_postgres(link) {
        link.query_one_raw(link.statement(HOLD_USER, [(*user.as_uuid()).into()])).await.map_err(store_error)?;
    }
    Ok(())
}

/// Whether the statement changed the account's roles; then the account changes too.
async fn change_of(link: &Link, sql: &str, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
    let id: Value = (*user.as_uuid()).into();
    if !changed(link, link.statement(sql, [id.clone(), role.as_str().into()])).await? {
        return Ok(false);
    }
    let change = link.statement(USER_CHANGES, [id, at.as_unix_micros().into()]);
    link.execute_raw(change).await.map_err(store_error)?;
    Ok(true)
}

async fn changed(link: &Link, statement: Statement) -> Result<bool, StoreError> {
    Ok(link.execute_raw(statement).await.map_err(store_error)?.rows_affected() > 0)
}

/// The roles of these accounts, of which there is at least one.
pub(crate) fn of_all(backend: DbBackend, users: &[UserId]) -> Statement {
    let ids = users.iter().map(|user| *user.as_uuid());
    if backend == DbBackend::Postgres {
        return Statement::from_sql_and_values(backend, OF_ALL_ON_POSTGRES, [ids.collect::<Vec<Uuid>>().into()]);
    }
    // Filled up to a power of two, so that there are few statements to prepare.
    let places = users.len().next_power_of_two();
    let nobody = std::iter::repeat_n(Value::Uuid(None), places - users.len());
    let marks = vec!["?"; places].join(", ");
    let sql = format!("SELECT user_id, role FROM user_roles WHERE user_id IN ({marks})");
    Statement::from_sql_and_values(backend, sql, ids.map(Value::from).chain(nobody))
}

/// The roles that such a statement finds, for each account by name.
async fn granted(link: &Link, look: Statement) -> Result<HashMap<Uuid, Vec<RoleName>>, StoreError> {
    let mut found: HashMap<Uuid, Vec<RoleName>> = HashMap::new();
    for row in link.query_all_raw(look).await.map_err(store_error)? {
        let user: Uuid = row.try_get_by_index(0).map_err(store_error)?;
        let role: String = row.try_get_by_index(1).map_err(store_error)?;
        found.entry(user).or_default().push(name("user_roles.role", &role)?);
    }
    found.values_mut().for_each(|roles| roles.sort());
    Ok(found)
}

/// Names separated by commas, in their order.
pub(crate) fn role_names(column: &str, text: Option<&str>) -> Result<Vec<RoleName>, StoreError> {
    let names = text.into_iter().flat_map(|text| text.split(','));
    let mut names = names.map(|text| name(column, text)).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

fn name(column: &str, text: &str) -> Result<RoleName, StoreError> {
    RoleName::parse(text).map_err(|_| corrupt(column))
}

/// What both statements write, and what one of them writes besides.
fn values(role: &Role, last: i64) -> Result<[Value; 6], StoreError> {
    let permissions = serde_json::to_string(&role.permissions).map_err(|error| unavailable(error.to_string()))?;
    Ok([
        role.name.as_str().into(),
        role.description.as_str().into(),
        permissions.into(),
        role.updated_at.as_unix_micros().into(),
        i64::from(role.version).into(),
        last.into(),
    ])
}

fn role(row: Model) -> Result<Role, StoreError> {
    Ok(Role {
        name: name("roles.name", &row.name)?,
        permissions: serde_json::from_str(&row.permissions).map_err(|_| corrupt("roles.permissions"))?,
        created_at: instant("roles.created_at", row.created_at)?,
        updated_at: instant("roles.updated_at", row.updated_at)?,
        version: count("roles.version", row.version)?,
        description: row.description,
    })
}
