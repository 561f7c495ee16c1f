//! Secrets that work once.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{OneTimeToken, Purpose};
use portcullis_domain::ports::access::OneTimeTokenRepository;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::secret::SecretDigest;

use crate::state::Changes;
use crate::store::Unit;
use crate::view::View;

/// The token of this digest, if it is for this and works at `now`.
fn live<'a>(view: &View<'a>, digest: &SecretDigest, purpose: Purpose, now: Timestamp) -> Option<&'a OneTimeToken> {
    view.one_time_token(digest).filter(|token| token.purpose == purpose && now < token.expires_at)
}

#[async_trait]
impl OneTimeTokenRepository for Unit {
    async fn put(&mut self, token: &OneTimeToken) -> Result<(), StoreError> {
        self.change(|view| {
            if token.user.is_some_and(|user| view.user(user).is_none()) {
                return Err(StoreError::Conflict);
            }
            let same = |other: &OneTimeToken| other.purpose == token.purpose && other.user == token.user;
            if view.one_time_token(&token.digest).is_some_and(|other| !same(other)) {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            let mut changes = Changes::default();
            let others = view.one_time_tokens().filter(|other| same(other));
            changes.one_time_tokens.extend(others.map(|other| (other.digest, None)));
            changes.one_time_tokens.insert(token.digest, Some(token.clone()));
            Ok(((), changes))
        })
        .await
    }

    async fn peek(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        self.look(|view| live(view, digest, purpose, now).cloned())
    }

    async fn redeem(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            let token = live(view, digest, purpose, now).cloned();
            if token.is_some() {
                changes.one_time_tokens.insert(*digest, None);
            }
            Ok((token, changes))
        })
        .await
    }

    async fn clear(&mut self, purpose: Purpose) -> Result<(), StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            let all = view.one_time_tokens().filter(|token| token.purpose == purpose);
            changes.one_time_tokens.extend(all.map(|token| (token.digest, None)));
            Ok(((), changes))
        })
        .await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let over = view.one_time_tokens().filter(|token| token.expires_at < before).take(limit);
            changes.one_time_tokens.extend(over.map(|token| (token.digest, None)));
            Ok((changes.one_time_tokens.len() as u64, changes))
        })
        .await
    }
}
