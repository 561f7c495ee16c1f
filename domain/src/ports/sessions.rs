//! Storage of sessions, the list of revoked ones, and the form of refresh tokens.

use async_trait::async_trait;

use crate::Timestamp;
use crate::accounts::PasswordHash;
use crate::ids::{GrantId, SessionId, UserId};
use crate::sessions::{RefreshToken, Revoked, Rotated, Rotation, Session};

use super::store::StoreError;

/// The sessions.
#[async_trait]
pub trait SessionRepository: Send {
    /// Adds a session of an existing account; `Duplicate(Id)` when there is one of that id, `Conflict` when there is
    /// no such account any more.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;

    /// Adds a session of an account whose password is still `password`, and answers how many live sessions the account
    /// has at `session.created_at`, this one included. `None`, and nothing added, when the password is another one or
    /// not [`CredentialState::Usable`](crate::accounts::CredentialState::Usable), or the account is gone. The password
    /// MUST stay what it is until this unit ends, as
    /// [`confirm`](super::accounts::CredentialRepository::confirm) promises. `Duplicate(Id)` as in `insert`.
    async fn start(&mut self, session: &Session, password: &PasswordHash) -> Result<Option<u32>, StoreError>;

    /// Adds a session as [`start`](Self::start) does, but at the latest with the commit, so that an adapter can do both
    /// at once: until then this unit MAY not see it. `Conflict` where `start` answers `None` or more than `most`, and
    /// `Duplicate(Id)`, come from this call or from the commit, and nothing of the unit is done then. Whatever else the
    /// unit does to the account's password or sessions comes before this call.
    ///
    /// Starts that wait for one another MAY count what was there before the first of them, and so leave more than `most`:
    /// as many more as waited. The next start that begins after them MUST find all of them.
    async fn start_with_commit(
        &mut self,
        session: &Session,
        password: &PasswordHash,
        most: u32,
    ) -> Result<(), StoreError>;

    /// The session, live or not, every field as it was written.
    async fn by_id(&mut self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The sessions of an account that are live at `now`, the newest first, at most `limit`; `after` is the last
    /// session of the page before.
    async fn live_of(
        &mut self,
        user: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError>;

    /// All sessions of an account that are still kept, ended ones too, the newest first, at most `limit`; `after` is the
    /// last session of the page before.
    async fn all_of(&mut self, user: UserId, after: Option<SessionId>, limit: u32) -> Result<Vec<Session>, StoreError>;

    /// Ends all sessions that are live at `revoked.at` and in which `by` acts as somebody else; which ones this call
    /// ended, and whose they were.
    async fn revoke_impersonations(
        &mut self,
        by: UserId,
        revoked: Revoked,
    ) -> Result<Vec<(UserId, SessionId)>, StoreError>;

    /// The sessions of an account that are live at `now`, without the `keep` newest; at most 100 of them.
    async fn beyond(&mut self, user: UserId, now: Timestamp, keep: u32) -> Result<Vec<SessionId>, StoreError>;

    /// Uses a refresh token. Of any number of concurrent uses of one token exactly one MUST be
    /// [`Rotated::First`], with [`Rotation::apply`] done; the others get [`Rotation::verdict`] on what it left.
    async fn rotate(&mut self, rotation: &Rotation) -> Result<Rotated, StoreError>;

    /// Ends a session that has not been revoked before; whether this call ended it. Of any number of concurrent
    /// calls exactly one MUST answer `true`.
    async fn revoke(&mut self, id: SessionId, revoked: Revoked) -> Result<bool, StoreError>;

    /// Ends all sessions of an account that are live at `revoked.at`, except `keep`; which ones this call ended.
    async fn revoke_all_of(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        revoked: Revoked,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Forgets up to `limit` sessions that were revoked, or ended by themselves, before `before`; how many.
    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// A grant that ended before its time, for as long as one of its access tokens may still be around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The session, or the token that belongs to none.
    pub grant: GrantId,
    /// When it was revoked.
    pub at: Timestamp,
    /// When its last access token has expired.
    pub until: Timestamp,
}

/// The revocations as truth: they outlive the sessions' rows and the accounts.
#[async_trait]
pub trait RevocationRepository: Send {
    /// Adds revocations; one that is there already keeps the later `until`.
    async fn add(&mut self, revocations: &[Revocation]) -> Result<(), StoreError>;

    /// All revocations with `at` not before `at` and `until` after `now`, in any order.
    async fn since(&mut self, at: Timestamp, now: Timestamp) -> Result<Vec<Revocation>, StoreError>;

    /// Forgets up to `limit` of those whose `until` is not after `now`; how many.
    async fn purge(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// The revoked grants as every request asks for them: in memory, without waiting.
pub trait RevocationList: Send + Sync {
    /// Remembers a grant until `until`. From the moment this returns [`RevocationList::is_revoked`] MUST say so.
    fn revoke(&self, grant: GrantId, until: Timestamp);

    /// Whether the grant was revoked and is still remembered.
    fn is_revoked(&self, grant: GrantId) -> bool;

    /// Forgets grants whose `until` is not after `now`; those after it MUST stay.
    fn forget(&self, now: Timestamp);
}

/// Word from other replicas that something changed which every replica must know.
#[async_trait]
pub trait RevocationSignal: Send + Sync {
    /// Returns when another replica may have committed a revocation, or a change of a client, a signing key or a webhook,
    /// since the last call; a hint, that may also wake for
    /// nothing. While it is connected it MUST wake within 250 ms of such a commit, and once after it has been away.
    async fn heard(&self);

    /// Whether word from others gets through at the moment.
    fn is_connected(&self) -> bool;
}

/// The form of refresh tokens.
///
/// A token MUST look like random bytes at every position, carry 256 random bits, and be of one spelling only.
pub trait RefreshTokenCodec: Send + Sync {
    /// The first token of a session, from 256 fresh random bits.
    fn first(&self, session: SessionId, secret: [u8; 32]) -> RefreshToken;

    /// The token that follows `token`: MUST be the same at every call and on every replica with the same master key,
    /// and MUST NOT be computable without that key.
    fn successor(&self, token: &RefreshToken) -> RefreshToken;

    /// Reads what a client presents; `None` MUST be the answer to anything that this service, under this master
    /// key, has not made, down to a single bit.
    fn open(&self, presented: &str) -> Option<RefreshToken>;
}
