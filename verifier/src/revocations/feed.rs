//! Where revocations come from.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::event::{self, News, UnreadableEvent};
use super::{Revocations, Staleness};
use crate::clock::{Clock, seconds};
use crate::keys::Keyring;

/// The longest, in milliseconds, that a token of before a change is expected to be in the making after it.
const IN_THE_MAKING: i64 = 10_000;

/// A source of revocations.
///
/// One that can say what happened while it was away calls [`FeedSink::caught_up`] when it has; one that cannot calls
/// [`FeedSink::connected`], and what was missed counts as unheard.
pub trait Feed: Send {
    /// Begins to report into `sink`, and goes on until what it returns is dropped. MUST NOT block.
    fn start(self: Box<Self>, sink: FeedSink) -> FeedGuard;
}

/// Ends a feed when it is dropped.
pub type FeedGuard = Box<dyn Any + Send + Sync>;

/// Told when the issuer's keys have changed.
pub(crate) trait KeyNews: Send + Sync {
    /// Fetches them now, whatever their age.
    fn fetch(&self);
}

/// What a feed reports into.
#[derive(Clone)]
pub struct FeedSink {
    pub(crate) issuer: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) key_news: Option<Arc<dyn KeyNews>>,
    pub(crate) staleness: Staleness,
}

impl FeedSink {
    /// A session has ended: its tokens (`sid`) are refused until `until` (seconds since 1970), when they have all
    /// expired.
    pub fn revoke_session(&self, session: &str, until: i64) {
        self.revoke_grant(session, until);
    }

    /// One token is revoked: the one with this `jti`, until `until` (seconds since 1970), when it has expired.
    pub fn revoke_token(&self, id: &str, until: i64) {
        self.revoke_grant(id, until);
    }

    /// The tokens with this `sid`, or the one with this `jti`, are refused until `until` (seconds since 1970), when they
    /// have all expired.
    pub fn revoke_grant(&self, id: &str, until: i64) {
        self.revocations.revoke_grant(id, until, self.now());
    }

    /// A client is gone: the tokens that it got in its own name are refused until `until` (seconds since 1970), when
    /// they have all expired. Tokens of users who signed in through it belong to their sessions.
    pub fn revoke_client(&self, client_id: &str, until: i64) {
        self.revocations.revoke_client(client_id, until, self.now());
    }

    /// All tokens of `subject` that were issued at `issued_by` (seconds since 1970) or before are refused.
    pub fn revoke_subject(&self, subject: &str, issued_by: i64) {
        self.revocations.revoke_subject(subject, issued_by, self.now());
    }

    /// The roles of `user` changed at `at` (milliseconds since 1970, by the issuer's clock): tokens that say something of
    /// roles or permissions and were issued before are refused ([`Rejected::RolesChanged`]), those of whoever acts as
    /// somebody else in the name of `user` included. Tokens that say nothing of them are not concerned.
    ///
    /// [`Rejected::RolesChanged`]: crate::Rejected::RolesChanged
    pub fn change_roles_of(&self, user: &str, at: i64) {
        self.revocations.change_roles_of(user, self.cut(at), self.now());
    }

    /// The role `role` changed, or was deleted, at `at` (milliseconds since 1970, by the issuer's clock): tokens that name
    /// it, or say what is allowed without naming all roles, and were issued before are refused
    /// ([`Rejected::RolesChanged`]). Of `user`, which every account has, all tokens that say something.
    ///
    /// [`Rejected::RolesChanged`]: crate::Rejected::RolesChanged
    pub fn change_role(&self, role: &str, at: i64) {
        self.revocations.change_role(role, self.cut(at), self.now());
    }

    /// A token that was in the making when the change was made may still tell of how it was: those that were issued
    /// before the change was heard count as well, for a moment.
    fn cut(&self, at: i64) -> i64 {
        let now = i64::try_from(self.clock.now().as_millis()).unwrap_or(i64::MAX);
        now.clamp(at, at.saturating_add(IN_THE_MAKING))
    }

    /// A key must not be trusted any more: its tokens are refused from here on, and it never comes back.
    pub fn withdraw_key(&self, kid: &str) {
        if self.keyring.withdraw(kid) {
            self.fetch_keys();
        }
    }

    /// The issuer's keys have changed: fetches them.
    pub fn fetch_keys(&self) {
        if let Some(news) = &self.key_news {
            news.fetch();
        }
    }

    /// Takes in an event as the issuer publishes it: a CloudEvent in structured mode. Events of other issuers, and
    /// those that change nothing here, are passed over. Whether it changed something.
    ///
    /// # Errors
    /// When it is an event that should change something and cannot be read: something was revoked, and nobody knows what.
    pub fn event(&self, json: &[u8]) -> Result<bool, UnreadableEvent> {
        match event::read(json, &self.issuer)? {
            News::Nothing => return Ok(false),
            News::Grant { id, until } => self.revoke_grant(&id, until),
            News::Client { id, until } => self.revoke_client(&id, until),
            News::Subject { subject, issued_by } => self.revoke_subject(&subject, issued_by),
            News::RolesOf { user, at } => self.change_roles_of(&user, at),
            News::Role { role, at } => self.change_role(&role, at),
            News::Keys => self.fetch_keys(),
            News::KeyWithdrawn { kid } => self.withdraw_key(&kid),
        }
        Ok(true)
    }

    /// From here on everything is heard; what was said since [`FeedSink::lost`], or ever before, was not.
    pub fn connected(&self) {
        let longest_life = self.revocations.longest_life;
        if self.revocations.hearing.connected(self.now(), self.clock.uptime(), longest_life) {
            tracing::info!(issuer = %self.issuer, "revocations are heard");
        }
    }

    /// Everything that was said until now has been heard, and will be from here on.
    pub fn caught_up(&self) {
        if self.revocations.hearing.caught_up() {
            tracing::info!(issuer = %self.issuer, "revocations are heard, and none was missed");
        }
    }

    /// Nothing is heard, probably for as long as `ago`.
    pub fn lost(&self, ago: Duration) {
        if self.revocations.hearing.lose(self.clock.uptime().saturating_sub(ago)) {
            let consequence = match self.staleness {
                Staleness::Accept => "tokens are accepted although they may have been revoked",
                Staleness::RefuseBeyond(_) => "tokens are refused if that lasts",
            };
            tracing::warn!(issuer = %self.issuer, consequence, "revocations are not heard");
        }
    }

    /// Something was said that could not be understood: counts as a gap without bounds.
    pub fn missed(&self) {
        tracing::warn!(issuer = %self.issuer, "an event of the issuer cannot be read; it may have been a revocation");
        self.revocations.hearing.miss(self.now());
    }

    pub(crate) fn now(&self) -> i64 {
        seconds(self.clock.now())
    }
}
