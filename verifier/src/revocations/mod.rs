//! What has been revoked before its time.

mod event;
mod feed;
mod hearing;
mod list;
mod manual;
mod role_changes;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::claims::Body;
use crate::rejected::Rejected;
use list::List;

pub use event::UnreadableEvent;
pub use feed::{Feed, FeedGuard, FeedSink};
pub use hearing::{FeedStatus, Staleness};
pub use manual::{ManualFeed, ManualFeedHandle};

pub(crate) use feed::KeyNews;
pub(crate) use hearing::Hearing;

/// The largest leeway for expired tokens, in seconds; clocks elsewhere are allowed as much again.
const LEEWAY: i64 = 60;

/// What the feed said, and how well it is heard.
pub(crate) struct Revocations {
    list: RwLock<List>,
    /// Another number after each revocation, so that a token need not be looked up as long as nothing is new.
    generation: AtomicU64,
    pub(crate) hearing: Hearing,
    longest_life: Duration,
}

impl Revocations {
    /// `longest_life`: how long a token lives at most, and so how long a revocation matters at most.
    pub(crate) fn new(longest_life: Duration) -> Self {
        Self { list: RwLock::default(), generation: AtomicU64::new(0), hearing: Hearing::new(), longest_life }
    }

    /// Refuses the tokens with this `sid` or `jti` until `until`, and for the largest leeway longer.
    pub(crate) fn revoke_grant(&self, id: &str, until: i64, now: i64) {
        let until = self.end(until, now);
        self.change(|list| list.revoke_grant(id, until, now));
    }

    /// Refuses the tokens that this client got in its own name until `until`, and for the largest leeway longer.
    pub(crate) fn revoke_client(&self, id: &str, until: i64, now: i64) {
        let until = self.end(until, now);
        self.change(|list| list.revoke_client(id, until, now));
    }

    /// Refuses the tokens of `subject` that were issued at `issued_by` or before.
    pub(crate) fn revoke_subject(&self, subject: &str, issued_by: i64, now: i64) {
        self.change(|list| list.revoke_subject(subject, issued_by, self.horizon(now), now));
    }

    /// Refuses the tokens of `user`, or of whoever acts as one in its name, that say something of roles or permissions
    /// and were issued at `issued_by` (milliseconds) or before.
    pub(crate) fn change_roles_of(&self, user: &str, issued_by: i64, now: i64) {
        self.change(|list| list.change_roles_of(user, issued_by, self.horizon(now), now));
    }

    /// Refuses the tokens that say something of this role, or of permissions by unnamed roles, and were issued at
    /// `issued_by` (milliseconds) or before.
    pub(crate) fn change_role(&self, role: &str, issued_by: i64, now: i64) {
        self.change(|list| list.change_role(role, issued_by, self.horizon(now), now));
    }

    /// No longer than any token lives, whatever somebody says.
    fn end(&self, until: i64, now: i64) -> i64 {
        until.saturating_add(LEEWAY).min(self.horizon(now))
    }

    /// When every token of now has expired, clocks and leeway included.
    fn horizon(&self, now: i64) -> i64 {
        let life = i64::try_from(self.longest_life.as_secs()).unwrap_or(i64::MAX);
        now.saturating_add(life).saturating_add(2 * LEEWAY)
    }

    fn change(&self, change: impl FnOnce(&mut List)) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut list);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// `Revoked` if it is, `RolesChanged` if what it says of them holds no more.
    pub(crate) fn check(&self, token: &Body) -> Result<(), Rejected> {
        // Before the look: what is revoked meanwhile makes for another look rather than none.
        let generation = self.generation.load(Ordering::Acquire);
        if token.heard.load(Ordering::Relaxed) == generation {
            return Ok(());
        }
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.verdict(token)?;
        token.heard.store(generation, Ordering::Relaxed);
        Ok(())
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.list.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
