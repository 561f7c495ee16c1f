//! Accounts.

use async_trait::async_trait;
use portcullis_domain::accounts::{Email, LoginName, PasswordHash, User, Username};
use portcullis_domain::administration::UserQuery;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::{LoginAccount, LoginFound, LoginLook, UserRepository};
use portcullis_domain::ports::store::{StoreError, Unique};

use crate::search::found;
use crate::state::Changes;
use crate::store::Unit;
use crate::view::View;

/// Refuses names that another account has.
fn names_are_free(view: &View<'_>, user: &User) -> Result<(), StoreError> {
    let other = |found: Option<&User>| found.is_some_and(|found| found.id != user.id);
    if other(view.user_by_email(user.email.key())) {
        return Err(StoreError::Duplicate(Unique::Email));
    }
    if user.username.as_ref().is_some_and(|name| other(view.user_by_username(name.key()))) {
        return Err(StoreError::Duplicate(Unique::Username));
    }
    Ok(())
}

#[async_trait]
impl UserRepository for Unit {
    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        self.change(|view| {
            if view.user(user.id).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            names_are_free(view, user)?;
            let mut changes = Changes::default();
            changes.users.insert(user.id, Some(user.clone()));
            Ok(((), changes))
        })
        .await
    }

    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.look(|view| view.user(id).cloned())
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        self.look(|view| view.user_by_email(email.key()).cloned())
    }

    async fn by_username(&mut self, username: &Username) -> Result<Option<User>, StoreError> {
        self.look(|view| view.user_by_username(username.key()).cloned())
    }

    async fn for_login(&mut self, look: &LoginLook<'_>) -> Result<LoginFound, StoreError> {
        self.look(|view| {
            let attempts = view.attempts(look.key).copied();
            let failures = attempts.map_or(0, |attempts| attempts.failures);
            let user = match look.name {
                _ if look.hidden_after.is_some_and(|limit| failures >= limit) => None,
                LoginName::Email(email) => view.user_by_email(email.key()),
                LoginName::Username(username) => view.user_by_username(username.key()),
            };
            let account =
                user.map(|user| LoginAccount { user: user.clone(), password: view.password(user.id).cloned() });
            LoginFound { attempts, account }
        })
    }

    async fn update(&mut self, user: &User) -> Result<(), StoreError> {
        self.change(|view| {
            let stored = view.user(user.id).filter(|stored| stored.version == user.version);
            let stored = stored.ok_or(StoreError::Conflict)?;
            names_are_free(view, user)?;
            let version = user.version.checked_add(1);
            let version = version.ok_or_else(|| StoreError::Corrupt("a version beyond counting".to_owned()))?;
            let next = User { created_at: stored.created_at, version, ..user.clone() };
            let mut changes = Changes::default();
            changes.users.insert(user.id, Some(next));
            Ok(((), changes))
        })
        .await
    }

    async fn hold(&mut self, id: UserId) -> Result<bool, StoreError> {
        // It writes nothing but takes the turn.
        self.change(|view| Ok((view.user(id).is_some(), Changes::default()))).await
    }

    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            if view.user(id).is_none() {
                return Ok((false, changes));
            }
            changes.users.insert(id, None);
            changes.passwords.insert(id, None);
            changes.granted.insert(id, None);
            let keys = view.api_keys().filter(|(key, _)| key.owner == id);
            changes.api_keys.extend(keys.map(|(key, _)| (key.id, None)));
            let links = view.one_time_tokens().filter(|token| token.user == Some(id));
            changes.one_time_tokens.extend(links.map(|token| (token.digest, None)));
            changes.sessions.extend(view.sessions_of(id).into_iter().map(|session| (session.id, None)));
            Ok((true, changes))
        })
        .await
    }

    async fn search(&mut self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        self.look(|view| found(view, query))
    }

    async fn page(
        &mut self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(User, Option<PasswordHash>)>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.look(|view| {
            let mut rest: Vec<_> = view.users().filter(|user| after.is_none_or(|after| user.id > after)).collect();
            rest.sort_unstable_by_key(|user| user.id);
            let page = rest.into_iter().take(limit);
            page.map(|user| (user.clone(), view.password(user.id).cloned())).collect()
        })
    }
}
