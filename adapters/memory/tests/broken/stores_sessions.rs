//! Sessions that begin or go on when they should not.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::sessions::SessionRepository;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::sessions::{Revoked, Rotated, Rotation, Session};

use crate::stores::{BrokenTx, Fault};

#[async_trait]
impl SessionRepository for BrokenTx {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.tx().sessions().insert(session).await
    }

    async fn start(&mut self, session: &Session, password: &PasswordHash) -> Result<Option<u32>, StoreError> {
        if self.fault == Fault::StartsWithoutHolding {
            if self.tx().credentials().of(session.user).await?.as_ref() != Some(password) {
                return Ok(None);
            }
            self.insert(session).await?;
            let live = self.live_of(session.user, session.created_at, None, u32::MAX).await?;
            return Ok(Some(live.len() as u32));
        }
        self.tx().sessions().start(session, password).await
    }

    async fn start_with_commit(
        &mut self,
        session: &Session,
        password: &PasswordHash,
        most: u32,
    ) -> Result<(), StoreError> {
        if self.fault == Fault::StartsWithoutHolding {
            let found = self.tx().credentials().of(session.user).await?;
            return if found.as_ref() == Some(password) {
                self.insert(session).await
            } else {
                Err(StoreError::Conflict)
            };
        }
        let most = if self.fault == Fault::StartsWithoutRoom { u32::MAX } else { most };
        self.tx().sessions().start_with_commit(session, password, most).await
    }

    async fn by_id(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.tx().sessions().by_id(id).await
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.tx().sessions().live_of(user, now, after, limit).await
    }

    async fn all_of(&mut self, user: UserId, after: Option<SessionId>, limit: u32) -> Result<Vec<Session>, StoreError> {
        self.tx().sessions().all_of(user, after, limit).await
    }

    async fn revoke_impersonations(
        &mut self,
        by: UserId,
        revoked: Revoked,
    ) -> Result<Vec<(UserId, SessionId)>, StoreError> {
        self.tx().sessions().revoke_impersonations(by, revoked).await
    }

    async fn beyond(&mut self, user: UserId, now: Timestamp, keep: u32) -> Result<Vec<SessionId>, StoreError> {
        self.tx().sessions().beyond(user, now, keep).await
    }

    async fn rotate(&mut self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        if self.fault == Fault::ChecksThenRotates
            && let Some(next) = self.by_id(rotation.session).await?.and_then(|session| rotation.apply(&session))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.tx().sessions().rotate(rotation).await?;
            return Ok(Rotated::First(next));
        }
        self.tx().sessions().rotate(rotation).await
    }

    async fn revoke(&mut self, id: SessionId, revoked: Revoked) -> Result<bool, StoreError> {
        self.tx().sessions().revoke(id, revoked).await
    }

    async fn revoke_all_of(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        revoked: Revoked,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.tx().sessions().revoke_all_of(user, keep, revoked).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().sessions().purge(before, limit).await
    }
}
