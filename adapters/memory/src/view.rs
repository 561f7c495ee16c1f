//! The state as a unit of work sees it.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use portcullis_domain::Timestamp;
use portcullis_domain::access::{OneTimeToken, Role, RoleName};
use portcullis_domain::accounts::{AttemptKey, Attempts, PasswordHash, User};
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ids::{ApiKeyId, GrantId, SessionId, UserId, WebhookId};
use portcullis_domain::ports::sessions::Revocation;
use portcullis_domain::secret::SecretDigest;
use portcullis_domain::sessions::Session;
use portcullis_domain::tokens::SigningKey;
use portcullis_domain::webhooks::Webhook;

use crate::state::{AuditPlace, Changes, Credential, State, UsedKey};

/// A unit's own changes over what is committed.
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

    pub(crate) fn credential(&self, user: UserId) -> Option<&'a Credential> {
        row(&self.changes.passwords, &self.state.passwords, &user)
    }

    pub(crate) fn password(&self, user: UserId) -> Option<&'a PasswordHash> {
        self.credential(user).map(|credential| &credential.hash)
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &'a Role> {
        rows(&self.changes.roles, &self.state.roles)
    }

    pub(crate) fn role(&self, name: &RoleName) -> Option<&'a Role> {
        row(&self.changes.roles, &self.state.roles, name)
    }

    /// The roles that were granted to an account, by name.
    pub(crate) fn granted(&self, user: UserId) -> impl Iterator<Item = &'a RoleName> {
        row(&self.changes.granted, &self.state.granted, &user).into_iter().flatten()
    }

    /// The accounts to which a role was granted.
    pub(crate) fn holders(&self, role: &RoleName) -> impl Iterator<Item = UserId> {
        let committed = self.state.granted.keys().filter(|user| !self.changes.granted.contains_key(*user));
        let all = committed.chain(self.changes.granted.keys()).copied();
        all.filter(move |user| self.granted(*user).any(|granted| granted == role))
    }

    pub(crate) fn api_key(&self, id: ApiKeyId) -> Option<&'a UsedKey> {
        row(&self.changes.api_keys, &self.state.api_keys, &id)
    }

    pub(crate) fn api_keys(&self) -> impl Iterator<Item = &'a UsedKey> {
        rows(&self.changes.api_keys, &self.state.api_keys)
    }

    pub(crate) fn one_time_token(&self, digest: &SecretDigest) -> Option<&'a OneTimeToken> {
        row(&self.changes.one_time_tokens, &self.state.one_time_tokens, digest)
    }

    pub(crate) fn one_time_tokens(&self) -> impl Iterator<Item = &'a OneTimeToken> {
        rows(&self.changes.one_time_tokens, &self.state.one_time_tokens)
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

    /// What is committed, as this unit has changed it, the oldest first.
    pub(crate) fn audit(&self) -> impl DoubleEndedIterator<Item = (&'a AuditPlace, &'a AuditEntry)> {
        self.state.audit.iter().filter_map(|(place, committed)| match self.changes.audit.get(place) {
            Some(changed) => changed.as_ref().map(|changed| (place, changed)),
            None => Some((place, committed)),
        })
    }

    /// The accounts whose erasure was noted.
    pub(crate) fn erasures(&self) -> impl Iterator<Item = UserId> {
        let committed = self.state.erasures.keys().filter(|user| !self.changes.erasures.contains_key(*user));
        let noted = self.changes.erasures.iter().filter_map(|(user, noted)| noted.as_ref().map(|_| user));
        committed.chain(noted).copied()
    }

    /// The API keys that were noted with the erasure of an account.
    pub(crate) fn erasure(&self, user: UserId) -> Option<&'a BTreeSet<ApiKeyId>> {
        row(&self.changes.erasures, &self.state.erasures, &user)
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
