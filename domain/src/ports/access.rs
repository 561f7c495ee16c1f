//! Storage of roles, grants, API keys and one-time tokens.

use async_trait::async_trait;

use crate::Timestamp;
use crate::access::{ApiKey, KeyInUse, KeyQuery, KeyUsage, OneTimeToken, Purpose, Role, RoleName};
use crate::ids::{ApiKeyId, UserId};
use crate::secret::SecretDigest;

use super::store::StoreError;

/// The roles, and who has them. The role `user` is never granted: whoever asks adds it.
#[async_trait]
pub trait RoleRepository: Send {
    /// Adds a role; `Full` when there are `most` already, and `Duplicate(Id)` when there is one of that name. Among racing
    /// inserts of one name exactly one MUST succeed, and racing inserts MUST NOT make more than `most`.
    async fn insert(&mut self, role: &Role, most: usize) -> Result<(), StoreError>;

    /// Writes every field but `name` and `created_at` if the stored version is `role.version`, and stores
    /// `role.version + 1`; otherwise `Conflict`.
    async fn update(&mut self, role: &Role) -> Result<(), StoreError>;

    /// Removes the role, and takes it from everybody who has it, accounts and API keys; whether there was one. The
    /// accounts and the keys count as changed at `at`, as [`RoleRepository::grant`] says: whoever overlooks it and writes
    /// an older version of a key is refused, so that a role of the same name given later is not theirs.
    async fn delete(&mut self, name: &RoleName, at: Timestamp) -> Result<bool, StoreError>;

    /// The role, every field as it was written.
    async fn by_name(&mut self, name: &RoleName) -> Result<Option<Role>, StoreError>;

    /// All roles, by name.
    async fn all(&mut self) -> Result<Vec<Role>, StoreError>;

    /// Gives a role to an account; whether it had not got it before. `Conflict` when there is no such account, or no such
    /// role. If something changed, the account's `updated_at` becomes `at` and its `version` grows by one. Concurrent
    /// grants and withdrawals MUST all take effect.
    async fn grant(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError>;

    /// Takes a role from an account; whether it had it. The account changes as in [`RoleRepository::grant`].
    async fn withdraw(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError>;

    /// The roles that were granted to an account, by name.
    async fn of(&mut self, user: UserId) -> Result<Vec<RoleName>, StoreError>;

    /// The roles that were granted to these accounts, one list for each, in the order asked for.
    async fn of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<RoleName>>, StoreError>;

    /// Whether an active account other than `user` has the role. Units that ask this about one role take turns: the answer
    /// MUST hold until this unit ends, as far as other units ask before they take the role from an active account, disable
    /// or delete it. Asked before anything else is written in the unit.
    async fn held_without(&mut self, role: &RoleName, user: UserId) -> Result<bool, StoreError>;
}

/// The API keys. Revoked and expired ones stay until they are purged.
#[async_trait]
pub trait ApiKeyRepository: Send {
    /// Adds a key of an existing account; `Full` when `most` keys of that account are live at the key's `created_at`,
    /// `Duplicate(Id)` when there is one of that id, `Conflict` when there is no such account, or one of the key's roles is
    /// not there, any more. Racing inserts MUST NOT make more than `most` of an account. Roles come back by name, each once.
    async fn insert(&mut self, key: &ApiKey, most: u32) -> Result<(), StoreError>;

    /// Writes every field but `id`, `owner` and `created_at` if the stored version is `key.version`, and stores
    /// `key.version + 1`; otherwise, or when one of its roles is not there, `Conflict`. What was counted of its use stays.
    async fn update(&mut self, key: &ApiKey) -> Result<(), StoreError>;

    /// The key and how it was used, every field as it was written.
    async fn by_id(&mut self, id: ApiKeyId) -> Result<Option<(ApiKey, KeyUsage)>, StoreError>;

    /// The key with what its owner is and has, in one look.
    async fn in_use(&mut self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError>;

    /// The keys that match, the newest first (by id).
    async fn page(&mut self, query: &KeyQuery) -> Result<Vec<(ApiKey, KeyUsage)>, StoreError>;

    /// Adds to what was counted: `uses` are added, of the two `last_used_at` the later stays; the key itself does not
    /// change. Keys that are no more are passed over. Concurrent calls, in whatever order their keys come, MUST all be
    /// counted.
    async fn add_uses(&mut self, uses: &[(ApiKeyId, KeyUsage)]) -> Result<(), StoreError>;

    /// Forgets up to `limit` keys that were revoked, or ended by themselves, before `before`; how many.
    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// Secrets that work once, stored as digests.
#[async_trait]
pub trait OneTimeTokenRepository: Send {
    /// Adds a token and removes the others of the same purpose and account; those that belong to nobody count as one
    /// account's. Of concurrent calls one token MUST stay. `Conflict` when its account does not exist.
    async fn put(&mut self, token: &OneTimeToken) -> Result<(), StoreError>;

    /// The token of this digest and purpose, if it is live at `now`. It is not used by that.
    async fn peek(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError>;

    /// Uses the token: of any number of concurrent calls exactly one MUST get it, and only before it expires.
    async fn redeem(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError>;

    /// Forgets all tokens of a purpose.
    async fn clear(&mut self, purpose: Purpose) -> Result<(), StoreError>;

    /// Forgets up to `limit` tokens that expired before `before`; how many.
    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
