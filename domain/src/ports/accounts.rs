//! Storage of accounts and passwords.

use async_trait::async_trait;

use crate::Timestamp;
use crate::accounts::{AttemptKey, Attempts, CredentialState, Email, LoginName, PasswordHash, User, Username};
use crate::administration::UserQuery;
use crate::ids::UserId;

use super::store::StoreError;

/// What a login looks for.
#[derive(Clone, Copy, Debug)]
pub struct LoginLook<'a> {
    /// The name that is given.
    pub name: &'a LoginName,
    /// What failures at this name are counted by.
    pub key: &'a AttemptKey,
    /// After so many failures the account MUST NOT be looked for, so that the time that the look takes tells nobody
    /// whether there is one; `None` when that may be told.
    pub hidden_after: Option<u32>,
}

/// What a login finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginFound {
    /// What has been counted under the key.
    pub attempts: Option<Attempts>,
    /// The account that logs in by the name.
    pub account: Option<LoginAccount>,
}

/// An account that somebody may log in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAccount {
    /// The account.
    pub user: User,
    /// Its password, if it has one.
    pub password: Option<PasswordHash>,
}

/// The accounts.
#[async_trait]
pub trait UserRepository: Send {
    /// Adds an account. `Duplicate(Email)`, `Duplicate(Username)` or `Duplicate(Id)` when somebody has the canonical
    /// form already; among racing inserts exactly one MUST succeed.
    async fn insert(&mut self, user: &User) -> Result<(), StoreError>;

    /// The account, every field as it was written.
    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The account with this canonical address.
    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError>;

    /// The account with this canonical username.
    async fn by_username(&mut self, username: &Username) -> Result<Option<User>, StoreError>;

    /// What a login has to know before it looks at the password, in one look.
    async fn for_login(&mut self, look: &LoginLook<'_>) -> Result<LoginFound, StoreError>;

    /// Writes every field but `id` and `created_at` if the stored version is `user.version`, and stores
    /// `user.version + 1`; otherwise `Conflict`. `Duplicate` as in [`UserRepository::insert`].
    async fn update(&mut self, user: &User) -> Result<(), StoreError>;

    /// Whether there is the account. `true` MUST keep it as it is until this unit ends: a concurrent
    /// [`UserRepository::update`], `hold` or `delete`, and whatever gives the account a session or its first password,
    /// waits for the end or has ended before.
    async fn hold(&mut self, id: UserId) -> Result<bool, StoreError>;

    /// Removes the account, its password, sessions, roles, API keys and one-time tokens; whether there was one.
    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError>;

    /// The accounts that match, in the order asked for, at most `limit`. Whatever is inserted meanwhile, who follows the
    /// places of [`UserQuery::after`] MUST see every account that was there all the time, and did not move, once. A place
    /// of another order than the query's is behind all accounts: nothing is found. Prefixes and names are compared byte
    /// for byte.
    async fn search(&mut self, query: &UserQuery) -> Result<Vec<User>, StoreError>;

    /// Accounts in the order of their ids with their passwords, those after `after`, at most `limit`.
    async fn page(
        &mut self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(User, Option<PasswordHash>)>, StoreError>;
}

/// The password of an account, and whether it may be used. What is inserted or put is [`CredentialState::Usable`].
#[async_trait]
pub trait CredentialRepository: Send {
    /// Adds the password of an account that has none. `Duplicate(Id)` when it has one.
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError>;

    /// Makes this the password of an account, whether it had one or not. `Conflict` when there is no such account.
    async fn put(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError>;

    /// Says whether the password may be used; nothing happens when there is none. Sessions that
    /// [`start`](super::sessions::SessionRepository::start) at the same time MUST either have started before this unit, so
    /// that it sees them, or not start.
    async fn set_state(&mut self, user: UserId, state: CredentialState) -> Result<(), StoreError>;

    /// The password of an account.
    async fn of(&mut self, user: UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Whether the password of the account is still `hash`. `true` MUST hold until this unit ends: a concurrent
    /// [`CredentialRepository::replace`], `confirm` or [`UserRepository::delete`] waits for the end, or makes this
    /// answer `false`. Units that wait get their turns in order, so that many logins cannot hold up their owner.
    async fn confirm(&mut self, user: UserId, hash: &PasswordHash) -> Result<bool, StoreError>;

    /// Puts `new` in the place of `old`; `false`, and nothing changed, when the password is not `old` any more, or is
    /// [`CredentialState::Suspended`]. Otherwise the state stays.
    async fn replace(&mut self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError>;
}

/// Failed attempts at passwords, counted by what was aimed at.
#[async_trait]
pub trait AttemptRepository: Send {
    /// What has been counted.
    async fn of(&mut self, key: &AttemptKey) -> Result<Option<Attempts>, StoreError>;

    /// Counts one more failure at `at`, and answers how many there are now. What was last counted before `forgotten`
    /// counts no more. Concurrent failures MUST all be counted.
    async fn fail(&mut self, key: &AttemptKey, at: Timestamp, forgotten: Timestamp) -> Result<u32, StoreError>;

    /// Takes the one attempt that is free at `at`: moves [`Attempts::last_at`] there if it is still as `seen`; whether it
    /// was. Of any number of concurrent calls exactly one MUST answer `true`.
    async fn reserve(&mut self, key: &AttemptKey, seen: Attempts, at: Timestamp) -> Result<bool, StoreError>;

    /// Forgets what was counted.
    async fn clear(&mut self, key: &AttemptKey) -> Result<(), StoreError>;

    /// Forgets up to `limit` counters that were last touched before `before`; how many.
    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
