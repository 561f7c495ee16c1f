//! What is true, and what a unit of work would make true.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyUsage, OneTimeToken, Role, RoleName};
use portcullis_domain::accounts::{AttemptKey, Attempts, CredentialState, PasswordHash, User};
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ids::{ApiKeyId, AuditId, EventId, GrantId, SessionId, UserId, WebhookId};
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::secret::SecretDigest;
use portcullis_domain::sessions::Session;
use portcullis_domain::tokens::SigningKey;
use portcullis_domain::webhooks::Webhook;

/// Everything that has been committed, with its indexes.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: HashMap<UserId, User>,
    pub(crate) emails: HashMap<String, UserId>,
    pub(crate) usernames: HashMap<String, UserId>,
    pub(crate) passwords: HashMap<UserId, Credential>,
    pub(crate) granted: HashMap<UserId, BTreeSet<RoleName>>,
    pub(crate) roles: HashMap<RoleName, Role>,
    pub(crate) api_keys: HashMap<ApiKeyId, UsedKey>,
    pub(crate) one_time_tokens: HashMap<SecretDigest, OneTimeToken>,
    pub(crate) sessions: HashMap<SessionId, Session>,
    pub(crate) sessions_of: HashMap<UserId, BTreeSet<SessionId>>,
    pub(crate) revocations: HashMap<GrantId, Revocation>,
    pub(crate) attempts: HashMap<AttemptKey, Attempts>,
    pub(crate) audit: BTreeMap<AuditPlace, AuditEntry>,
    pub(crate) erasures: HashMap<UserId, BTreeSet<ApiKeyId>>,
    pub(crate) keys: HashMap<String, SigningKey>,
    pub(crate) clients: HashMap<ClientId, Client>,
    pub(crate) webhooks: HashMap<WebhookId, Webhook>,
    pub(crate) queue: BTreeMap<QueuePlace, Waiting>,
    pub(crate) outbox: BTreeMap<u64, Waiting>,
    pub(crate) last_sequence: u64,
}

/// A password, and whether it may be used.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) hash: PasswordHash,
    pub(crate) state: CredentialState,
}

/// An API key, and how it was used.
pub(crate) type UsedKey = (ApiKey, KeyUsage);

/// Where an entry has its place in the audit trail.
pub(crate) type AuditPlace = (Timestamp, AuditId);

/// Where a delivery has its place among those of its webhook.
pub(crate) type QueuePlace = (WebhookId, EventId);

/// A delivery in the outbox, or in the webhook queue.
pub(crate) struct Waiting {
    pub(crate) delivery: Delivery,
    pub(crate) leased_until: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) parked: bool,
}

impl Waiting {
    /// It may be claimed at once.
    pub(crate) const fn new(delivery: Delivery) -> Self {
        Self { delivery, leased_until: None, not_before: None, parked: false }
    }

    /// The instant from which it may be claimed: that of its commit, the end of its lease, or of its pause.
    pub(crate) fn due_at(&self) -> Timestamp {
        self.leased_until.or(self.not_before).unwrap_or(self.delivery.occurred_at)
    }

    /// Whether it may be claimed at `at`.
    pub(crate) fn is_due(&self, at: Timestamp) -> bool {
        let leased = self.leased_until.is_some_and(|until| at < until);
        let early = self.not_before.is_some_and(|not_before| at < not_before);
        !leased && !early
    }

    /// Takes it, and gives it as its claimer gets it.
    pub(crate) fn lease(&mut self, until: Timestamp) -> Delivery {
        self.leased_until = Some(until);
        self.delivery.attempts = self.delivery.attempts.saturating_add(1);
        self.delivery.clone()
    }
}

/// What one unit of work has written; `None` is a row removed. It lies over the state until the commit.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) users: HashMap<UserId, Option<User>>,
    pub(crate) passwords: HashMap<UserId, Option<Credential>>,
    pub(crate) granted: HashMap<UserId, Option<BTreeSet<RoleName>>>,
    pub(crate) roles: HashMap<RoleName, Option<Role>>,
    pub(crate) api_keys: HashMap<ApiKeyId, Option<UsedKey>>,
    pub(crate) one_time_tokens: HashMap<SecretDigest, Option<OneTimeToken>>,
    pub(crate) sessions: HashMap<SessionId, Option<Session>>,
    pub(crate) revocations: HashMap<GrantId, Option<Revocation>>,
    pub(crate) attempts: HashMap<AttemptKey, Option<Attempts>>,
    pub(crate) audit: BTreeMap<AuditPlace, Option<AuditEntry>>,
    pub(crate) erasures: HashMap<UserId, Option<BTreeSet<ApiKeyId>>>,
    pub(crate) keys: HashMap<String, Option<SigningKey>>,
    pub(crate) clients: HashMap<ClientId, Option<Client>>,
    pub(crate) webhooks: HashMap<WebhookId, Option<Webhook>>,
}

impl State {
    /// Makes the changes of one unit true.
    pub(crate) fn apply(&mut self, changes: Changes) {
        // Names that are given up must be gone before others take them.
        for id in changes.users.keys() {
            if let Some(old) = self.users.remove(id) {
                self.emails.remove(old.email.key());
                if let Some(name) = &old.username {
                    self.usernames.remove(name.key());
                }
            }
        }
        for (id, user) in changes.users {
            let Some(user) = user else { continue };
            self.emails.insert(user.email.key().to_owned(), id);
            if let Some(name) = &user.username {
                self.usernames.insert(name.key().to_owned(), id);
            }
            self.users.insert(id, user);
        }
        for (id, session) in changes.sessions {
            match session {
                Some(session) => {
                    self.sessions_of.entry(session.user).or_default().insert(id);
                    self.sessions.insert(id, session);
                }
                None => self.forget_session(id),
            }
        }
        put(&mut self.passwords, changes.passwords);
        put(&mut self.granted, changes.granted);
        put(&mut self.roles, changes.roles);
        put(&mut self.api_keys, changes.api_keys);
        put(&mut self.one_time_tokens, changes.one_time_tokens);
        put(&mut self.revocations, changes.revocations);
        put(&mut self.attempts, changes.attempts);
        for (place, entry) in changes.audit {
            match entry {
                Some(entry) => self.audit.insert(place, entry),
                None => self.audit.remove(&place),
            };
        }
        put(&mut self.erasures, changes.erasures);
        put(&mut self.keys, changes.keys);
        put(&mut self.clients, changes.clients);
        for id in changes.webhooks.iter().filter(|(_, row)| row.is_none()).map(|(id, _)| id) {
            self.queue.retain(|(webhook, _), _| webhook != id);
        }
        put(&mut self.webhooks, changes.webhooks);
    }

    fn forget_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(ids) = self.sessions_of.get_mut(&session.user) {
            ids.remove(&id);
            if ids.is_empty() {
                self.sessions_of.remove(&session.user);
            }
        }
    }
}

fn put<K: Eq + Hash, V>(table: &mut HashMap<K, V>, changed: HashMap<K, Option<V>>) {
    for (key, row) in changed {
        match row {
            Some(row) => table.insert(key, row),
            None => table.remove(&key),
        };
    }
}
