//! Transactions: the only way anything becomes true.

use async_trait::async_trait;

use crate::Timestamp;
use crate::event::Event;
use crate::failure::BoxError;
use crate::ids::WebhookId;
use crate::origin::Origin;

use super::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use super::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use super::audit::AuditRepository;
use super::clients::ClientRepository;
use super::sessions::{RevocationRepository, SessionRepository};
use super::stats::StatsRepository;
use super::tokens::KeyRepository;
use super::webhooks::WebhookRepository;

/// All state of the service.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a unit of work. An adapter MAY take locks or connections only at its first write.
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError>;

    /// Answers when the store can serve a read, within 2 s.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A unit of work.
///
/// - Reads see at least what was committed before them, and this unit's own writes.
/// - Dropped without [`Tx::commit`], it MUST leave no trace.
/// - After any call has answered `Err`, every later call MUST answer `Err`, `commit` included.
/// - Between `begin` and `commit` a caller makes only calls on this object, and nothing slow.
/// - A unit that changes more than one thing of an account changes them in one order, so that no two units wait for each
///   other: the password (of an account without one [`UserRepository::hold`]), one-time tokens, the account, its sessions,
///   what was counted of failed attempts. What is only asked for by [`RoleRepository::held_without`] comes before all that.
#[async_trait]
pub trait Tx: Send {
    /// The accounts.
    fn users(&mut self) -> &mut dyn UserRepository;
    /// Their passwords.
    fn credentials(&mut self) -> &mut dyn CredentialRepository;
    /// The sessions.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// The sessions that ended before their time.
    fn revocations(&mut self) -> &mut dyn RevocationRepository;
    /// The failed attempts at passwords.
    fn attempts(&mut self) -> &mut dyn AttemptRepository;
    /// The audit trail.
    fn audit(&mut self) -> &mut dyn AuditRepository;
    /// The signing keys.
    fn keys(&mut self) -> &mut dyn KeyRepository;
    /// The OAuth 2 clients.
    fn clients(&mut self) -> &mut dyn ClientRepository;
    /// The roles, and who has them.
    fn roles(&mut self) -> &mut dyn RoleRepository;
    /// The API keys.
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository;
    /// The secrets that work once.
    fn one_time_tokens(&mut self) -> &mut dyn OneTimeTokenRepository;
    /// How much of everything there is.
    fn stats(&mut self) -> &mut dyn StatsRepository;
    /// The webhooks.
    fn webhooks(&mut self) -> &mut dyn WebhookRepository;

    /// Makes all of it true at once and for good, with the effects: `Ok` MUST mean that it survives the death of
    /// the process. An effect MUST be in the outbox,
    /// and in the webhook queue for each of its webhooks that still exists, exactly when the unit is committed. Effects keep their order,
    /// and effects of one subject are ordered as their commits are. `at` becomes the events' time.
    async fn commit(self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError>;
}

/// Something that must happen because a unit of work was committed. It carries ids, never secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Publish an event, at least once.
    Publish {
        /// What happened.
        event: Event,
        /// The W3C Trace Context of the request that caused it.
        traceparent: Option<String>,
        /// The webhooks that it is sent to besides: one row each in the webhook queue, with the event's id.
        webhooks: Vec<WebhookId>,
    },
}

impl Effect {
    /// Publishes an event that a request from `origin` caused.
    pub fn publish(event: Event, origin: &Origin) -> Self {
        Self::Publish { event, traceparent: origin.traceparent.clone(), webhooks: Vec::new() }
    }
}

/// What can go wrong in any store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else already has this value.
    #[error("{0:?} is already taken")]
    Duplicate(Unique),
    /// The row changed in the meantime, or two units of work stood in each other's way: nothing has happened.
    #[error("changed by somebody else at the same time")]
    Conflict,
    /// There are as many rows of the kind as there may be: nothing has happened.
    #[error("there are as many as there may be")]
    Full,
    /// The store cannot be reached or cannot write: nothing has happened, unless the connection was lost during
    /// [`Tx::commit`]; then nobody knows.
    #[error("storage is not available")]
    Unavailable(#[source] BoxError),
    /// The store holds something that cannot be.
    #[error("storage holds an impossible value: {0}")]
    Corrupt(String),
    /// The unit of work has failed before.
    #[error("the unit of work has already failed")]
    Closed,
}

/// The values that only one row may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unique {
    /// The canonical e-mail address.
    Email,
    /// The canonical username.
    Username,
    /// The identifier of a row.
    Id,
    /// The ordinal of a signing key of an algorithm.
    KeyOrdinal,
}
