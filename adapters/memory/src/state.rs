//! What is true, and what a unit of work would make true.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts, PasswordHash, User};
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ids::{AuditId, EventId, GrantId, SessionId, UserId, WebhookId};
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::sessions::Session;
use portcullis_domain::tokens::SigningKey;
use portcullis_domain::webhooks::Webhook;

/// Everything that has been committed, with its indexes.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: HashMap<UserId, User>,
    pub(crate) emails: HashMap<String, UserId>,
    pub(crate) usernames: HashMap<String, UserId>,
    pub(crate) passwords: HashMap<UserId, PasswordHash>,
    pub(crate) sessions: HashMap<SessionId, Session>,
    pub(crate) sessions_of: HashMap<UserId, BTreeSet<SessionId>>,
    pub(crate) revocations: HashMap<GrantId, Revocation>,
    pub(crate) attempts: HashMap<AttemptKey, Attempts>,
    pub(crate) audit: BTreeMap<AuditPlace, AuditEntry>,
    pub(crate) keys: HashMap<String, SigningKey>,
    pub(crate) clients: HashMap<ClientId, Client>,
    pub(crate) webhooks: HashMap<WebhookId, Webhook>,
    pub(crate) queue: BTreeMap<QueuePlace, Waiting>,
    pub(crate) outbox: BTreeMap<u64, Waiting>,
    pub(crate) last_sequence: u64,
}

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
    pub(crate) passwords: HashMap<UserId, Option<PasswordHash>>,
    pub(crate) sessions: HashMap<SessionId, Option<Session>>,
    pub(crate) revocations: HashMap<GrantId, Option<Revocation>>,
    pub(crate) attempts: HashMap<AttemptKey, Option<Attempts>>,
    pub(crate) audit: BTreeMap<AuditPlace, Option<AuditEntry>>,
    pub(crate) keys: HashMap<String, Option<SigningKey>>,
    pub(crate) clients: HashMap<ClientId, Option<Client>>,
    pub(crate) webhooks: HashMap<WebhookId, Option<Webhook>>,
}

/// The state as a unit of work sees it: its own changes over what is committed.
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) changes: &'a Changes,
}

fn row<'a, K: Eq + Hash, V>(
    changed: &'a HashMap<K, Option<V>>,
    committed: &'a HashMap<K, V>,
    key: &K,
) -> Option<&'a V> {
    match changed.get(key) {
        Some(row) => row.as_ref(),
        None => committed.get(key),
    }
}

fn rows<'a, K: Eq + Hash, V>(
    changed: &'a HashMap<K, Option<V>>,
    committed: &'a HashMap<K, V>,
) -> impl Iterator<Item = &'a V> {
    let untouched = committed.iter().filter(|(key, _)| !changed.contains_key(key)).map(|(_, row)| row);
    untouched.chain(changed.values().flatten())
}

impl<'a> View<'a> {
    pub(crate) fn user(&self, id: UserId) -> Option<&'a User> {
        row(&self.changes.users, &self.state.users, &id)
    }

    /// By the canonical address.
    pub(crate) fn user_by_email(&self, key: &str) -> Option<&'a User> {
        self.named(&self.state.emails, key, |user| user.email.key() == key)
    }

    /// By the canonical username.
    pub(crate) fn user_by_username(&self, key: &str) -> Option<&'a User> {
        self.named(&self.state.usernames, key, |user| user.username.as_ref().is_some_and(|name| name.key() == key))
    }

    fn named(&self, index: &HashMap<String, UserId>, key: &str, has: impl Fn(&User) -> bool) -> Option<&'a User> {
        let changed = self.changes.users.values().flatten().find(|user| has(user));
        changed.or_else(|| index.get(key).and_then(|id| self.user(*id)).filter(|user| has(user)))
    }

    pub(crate) fn password(&self, user: UserId) -> Option<&'a PasswordHash> {
        row(&self.changes.passwords, &self.state.passwords, &user)
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<&'a Session> {
        row(&self.changes.sessions, &self.state.sessions, &id)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &'a Session> {
        rows(&self.changes.sessions, &self.state.sessions)
    }

    /// The sessions of an account by their ids, which sort by their birth: the newest first.
    pub(crate) fn sessions_of(&self, user: UserId) -> Vec<&'a Session> {
        let committed = self.state.sessions_of.get(&user).into_iter().flatten().copied();
        let changed = self.changes.sessions.values().flatten().filter(|session| session.user == user);
        let ids: BTreeSet<SessionId> = committed.chain(changed.map(|session| session.id)).collect();
        ids.into_iter().rev().filter_map(|id| self.session(id)).collect()
    }

    pub(crate) fn revocation(&self, grant: GrantId) -> Option<&'a Revocation> {
        row(&self.changes.revocations, &self.state.revocations, &grant)
    }

    pub(crate) fn revocations(&self) -> impl Iterator<Item = &'a Revocation> {
        rows(&self.changes.revocations, &self.state.revocations)
    }

    pub(crate) fn attempts(&self, key: &AttemptKey) -> Option<&'a Attempts> {
        row(&self.changes.attempts, &self.state.attempts, key)
    }

    /// The keys of what was last counted before the instant.
    pub(crate) fn attempts_before(&self, before: Timestamp) -> impl Iterator<Item = AttemptKey> {
        let committed = self.state.attempts.keys().filter(|key| !self.changes.attempts.contains_key(*key));
        let all = committed.chain(self.changes.attempts.keys()).copied();
        all.filter(move |key| self.attempts(key).is_some_and(|counted| counted.last_at < before))
    }

    /// What is committed and has not been removed by this unit, the oldest first.
    pub(crate) fn audit(&self) -> impl DoubleEndedIterator<Item = (&'a AuditPlace, &'a AuditEntry)> {
        self.state.audit.iter().filter(|(place, _)| !matches!(self.changes.audit.get(place), Some(None)))
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &'a User> {
        rows(&self.changes.users, &self.state.users)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a SigningKey> {
        rows(&self.changes.keys, &self.state.keys)
    }

    /// By its `kid`.
    pub(crate) fn key(&self, kid: &str) -> Option<&'a SigningKey> {
        match self.changes.keys.get(kid) {
            Some(row) => row.as_ref(),
            None => self.state.keys.get(kid),
        }
    }

    pub(crate) fn client(&self, id: &ClientId) -> Option<&'a Client> {
        row(&self.changes.clients, &self.state.clients, id)
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = &'a Client> {
        rows(&self.changes.clients, &self.state.clients)
    }

    pub(crate) fn webhook(&self, id: WebhookId) -> Option<&'a Webhook> {
        row(&self.changes.webhooks, &self.state.webhooks, &id)
    }

    pub(crate) fn webhooks(&self) -> impl Iterator<Item = &'a Webhook> {
        rows(&self.changes.webhooks, &self.state.webhooks)
    }
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
        put(&mut self.revocations, changes.revocations);
        put(&mut self.attempts, changes.attempts);
        for (place, entry) in changes.audit {
            match entry {
                Some(entry) => self.audit.insert(place, entry),
                None => self.audit.remove(&place),
            };
        }
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
