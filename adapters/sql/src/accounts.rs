//! Accounts.

use std::sync::LazyLock;

use async_trait::async_trait;
use portcullis_domain::accounts::{Email, LoginName, PasswordHash, User, UserStatus, Username};
use portcullis_domain::administration::UserQuery;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::{LoginAccount, LoginFound, LoginLook, UserRepository};
use portcullis_domain::ports::store::StoreError;
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, FromQueryResult, Iterable,
    QueryFilter, QueryOrder, QueryResult, QuerySelect, Select, SelectTwo, Statement,
};
use uuid::Uuid;

use crate::column::{corrupt, count, instant};
use crate::entity::{credential, names, one_time_token, session, user};
use crate::error::store_error;
use crate::sessions::words;
use crate::unit::Unit;
use crate::{api_keys, attempts, search};

static BY_EMAIL: LazyLock<String> = LazyLock::new(|| look("email_key"));
static BY_USERNAME: LazyLock<String> = LazyLock::new(|| look("username_key"));

/// Whoever gives the account a session or a password refers to its row, and waits too.
const HOLD: &str = "SELECT 1 FROM users WHERE id = $1 {lock}";

/// A key that is nobody's stands for a name that shall not be looked for: the index is not entered.
fn look(key: &str) -> String {
    let columns = names(user::Column::iter());
    format!(
        "SELECT failures, last_at, {columns}, hash FROM (SELECT 1 AS one) AS one LEFT JOIN attempts ON attempts.key = $1 \
         LEFT JOIN users ON users.{key} = CASE WHEN COALESCE(attempts.failures, 0) < $2 THEN $3 END \
         LEFT JOIN credentials ON credentials.user_id = users.id"
    )
}

#[async_trait]
impl UserRepository for Unit {
    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let row = user::Entity::insert(row(user, user.version));
        row.exec_without_returning(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.one(user::Entity::find_by_id(*id.as_uuid())).await
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        self.one(by_key(user::Column::EmailKey, email.key())).await
    }

    async fn by_username(&mut self, username: &Username) -> Result<Option<User>, StoreError> {
        self.one(by_key(user::Column::UsernameKey, username.key())).await
    }

    async fn for_login(&mut self, look: &LoginLook<'_>) -> Result<LoginFound, StoreError> {
        let link = self.reading()?;
        let look = for_login(link.get_database_backend(), look);
        let row = link.query_one_raw(look).await.map_err(store_error)?.ok_or_else(|| corrupt("attempts"))?;
        let attempts = attempts::seen(&row)?;
        let there: Option<Uuid> = row.try_get("", "id").map_err(store_error)?;
        let account = there.map(|_| login_account(&row)).transpose()?;
        self.keep(link);
        Ok(LoginFound { attempts, account })
    }

    async fn update(&mut self, user: &User) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let mut next = row(user, user.version.saturating_add(1));
        next.id = ActiveValue::NotSet;
        next.created_at = ActiveValue::NotSet;
        let written = user::Entity::update_many()
            .set(next)
            .filter(user::Column::Id.eq(*user.id.as_uuid()).and(user::Column::Version.eq(i64::from(user.version))))
            .exec(&link)
            .await
            .map_err(store_error)?;
        if written.rows_affected == 0 {
            return Err(StoreError::Conflict);
        }
        self.keep(link);
        Ok(())
    }

    async fn hold(&mut self, id: UserId) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let hold = link.statement(&words(link.get_database_backend(), HOLD), [(*id.as_uuid()).into()]);
        let found = link.query_one_raw(hold).await.map_err(store_error)?;
        self.keep(link);
        Ok(found.is_some())
    }

    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let id = *id.as_uuid();
        // In the order in which others lock them, so that no two wait for each other. Everything else goes with the
        // account.
        credential::Entity::delete_by_id(id).exec(&link).await.map_err(store_error)?;
        let links = one_time_token::Entity::delete_many().filter(one_time_token::Column::UserId.eq(id));
        links.exec(&link).await.map_err(store_error)?;
        let sessions = session::Entity::delete_many().filter(session::Column::UserId.eq(id));
        sessions.exec(&link).await.map_err(store_error)?;
        api_keys::delete_of(&link, id).await?;
        let gone = user::Entity::delete_by_id(id).exec(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected > 0)
    }

    async fn search(&mut self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        let link = self.reading()?;
        let found = match search::statement(link.get_database_backend(), query) {
            Some(search) => link.query_all_raw(search).await.map_err(store_error)?,
            None => Vec::new(),
        };
        let users = found.iter().map(|row| account(&user::Model::from_query_result(row, "").map_err(store_error)?));
        let users = users.collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(users)
    }

    async fn page(
        &mut self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(User, Option<PasswordHash>)>, StoreError> {
        let link = self.reading()?;
        let rows = page(after, limit).all(&link).await.map_err(store_error)?;
        let rows = rows.into_iter().map(|(user, credential)| known(&user, credential)).collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(rows)
    }
}

impl Unit {
    async fn one(&mut self, query: Select<user::Entity>) -> Result<Option<User>, StoreError> {
        let link = self.reading()?;
        let found = query.one(&link).await.map_err(store_error)?.map(|row| account(&row)).transpose()?;
        self.keep(link);
        Ok(found)
    }
}

/// The account with this canonical name.
pub(crate) fn by_key(column: user::Column, key: &str) -> Select<user::Entity> {
    user::Entity::find().filter(column.eq(key))
}

/// The first look of every login; it always has a row.
pub(crate) fn for_login(backend: DbBackend, look: &LoginLook<'_>) -> Statement {
    let sql = match look.name {
        LoginName::Email(_) => BY_EMAIL.as_str(),
        LoginName::Username(_) => BY_USERNAME.as_str(),
    };
    let hidden_after = look.hidden_after.map_or(i64::MAX, i64::from);
    Statement::from_sql_and_values(
        backend,
        sql,
        [attempts::bytes(look.key), hidden_after.into(), look.name.key().into()],
    )
}

fn login_account(row: &QueryResult) -> Result<LoginAccount, StoreError> {
    let user = user::Model::from_query_result(row, "").map_err(store_error)?;
    let hash: Option<String> = row.try_get("", "hash").map_err(store_error)?;
    Ok(LoginAccount { user: account(&user)?, password: hash.map(PasswordHash::new) })
}

/// The accounts after this one with their passwords.
pub(crate) fn page(after: Option<UserId>, limit: u32) -> SelectTwo<user::Entity, credential::Entity> {
    let mut query = user::Entity::find();
    if let Some(after) = after {
        query = query.filter(user::Column::Id.gt(*after.as_uuid()));
    }
    query.order_by_asc(user::Column::Id).limit(u64::from(limit)).find_also_related(credential::Entity)
}

fn known(
    user: &user::Model,
    credential: Option<credential::Model>,
) -> Result<(User, Option<PasswordHash>), StoreError> {
    Ok((account(user)?, credential.map(|credential| PasswordHash::new(credential.hash))))
}

fn row(user: &User, version: u32) -> user::ActiveModel {
    user::ActiveModel {
        id: ActiveValue::Set(*user.id.as_uuid()),
        username: ActiveValue::Set(user.username.as_ref().map(|name| name.as_str().to_owned())),
        username_key: ActiveValue::Set(user.username.as_ref().map(|name| name.key().to_owned())),
        email: ActiveValue::Set(user.email.as_str().to_owned()),
        email_key: ActiveValue::Set(user.email.key().to_owned()),
        email_verified: ActiveValue::Set(user.email_verified),
        status: ActiveValue::Set(user.status.as_str().to_owned()),
        created_at: ActiveValue::Set(user.created_at.as_unix_micros()),
        updated_at: ActiveValue::Set(user.updated_at.as_unix_micros()),
        version: ActiveValue::Set(i64::from(version)),
        status_reason: ActiveValue::Set(user.status_reason.clone()),
        must_change_password: ActiveValue::Set(user.must_change_password),
    }
}

/// A status as it is stored.
pub(crate) fn status(column: &str, text: &str) -> Result<UserStatus, StoreError> {
    UserStatus::parse(text).ok_or_else(|| corrupt(column))
}

fn account(row: &user::Model) -> Result<User, StoreError> {
    let username = row.username.as_deref().map(Username::stored).transpose();
    Ok(User {
        id: UserId::from_uuid(row.id),
        username: username.map_err(|_| corrupt("users.username"))?,
        email: Email::parse(&row.email).map_err(|_| corrupt("users.email"))?,
        email_verified: row.email_verified,
        status: status("users.status", &row.status)?,
        status_reason: row.status_reason.clone(),
        must_change_password: row.must_change_password,
        created_at: instant("users.created_at", row.created_at)?,
        updated_at: instant("users.updated_at", row.updated_at)?,
        version: count("users.version", row.version)?,
    })
}
