//! Sessions that end because a new one takes their place.

use crate::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::ports::sessions::Revocation;
use crate::ports::store::{StoreError, Tx};

use super::{RevocationReason, Revoked, Session, Sessions};

impl Sessions {
    /// Ends the session that the new one, of `user`, takes the place of in its browser; whose it was.
    pub(super) async fn replace(
        &self,
        tx: &mut dyn Tx,
        replaced: Option<SessionId>,
        user: UserId,
        now: Timestamp,
    ) -> Result<(UserId, Vec<Revocation>), StoreError> {
        let Some(replaced) = replaced else { return Ok((user, Vec::new())) };
        let old = tx.sessions().by_id(replaced).await?.filter(|old| old.is_live(now));
        let revoked = Revoked { at: now, reason: RevocationReason::Displaced };
        let Some(old) = old else { return Ok((user, Vec::new())) };
        if !tx.sessions().revoke(replaced, revoked).await? {
            return Ok((user, Vec::new()));
        }
        let ended = self.policy.revocations(&[replaced], now);
        tx.revocations().add(&ended).await?;
        Ok((old.user, ended))
    }

    /// Ends the oldest sessions when there are too many.
    pub(super) async fn make_room(
        &self,
        tx: &mut dyn Tx,
        session: &Session,
        live: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        let now = session.created_at;
        let mut ended = Vec::new();
        if live > self.policy.max_per_account {
            for id in tx.sessions().beyond(session.user, now, self.policy.max_per_account).await? {
                if tx.sessions().revoke(id, Revoked { at: now, reason: RevocationReason::Displaced }).await? {
                    ended.push(id);
                }
            }
        }
        let ended = self.policy.revocations(&ended, now);
        if !ended.is_empty() {
            tx.revocations().add(&ended).await?;
        }
        Ok(ended)
    }
}
