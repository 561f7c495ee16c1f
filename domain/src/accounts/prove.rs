//! Somebody who is signed in proves by the password that it is really them.

use crate::Timestamp;
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::security::Match;
use crate::ports::store::{StoreError, Tx};

use super::{Accounts, Attempt, AttemptKey, Blocked, Password, PasswordHash};

/// What somebody who is signed in proves who they are by, and what for.
pub(super) struct Proof<'a> {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) password: &'a Password,
    pub(super) action: Action,
    pub(super) origin: &'a Origin,
}

impl Accounts {
    /// Lets somebody who is signed in try the password, or tells how long to wait. `tx` has only read.
    pub(super) async fn enter(&self, mut tx: Box<dyn Tx>, user: UserId, now: Timestamp) -> Result<Attempt, Blocked> {
        let key = AttemptKey::of_user(user, self.attempts.mac());
        let seen = tx.attempts().of(&key).await?;
        drop(tx);
        self.attempts.enter(&*self.store, key, seen, now).await
    }

    /// Whether the password is the stored one; one that is wrong is counted and recorded.
    pub(super) async fn proves(
        &self,
        proof: &Proof<'_>,
        attempt: &Attempt,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, Blocked> {
        let (store, hasher) = (&*self.store, &*self.hasher);
        if self.attempts.verify(store, hasher, Some(attempt), proof.password, stored).await? != Match::No {
            return Ok(true);
        }
        self.note_wrong_password(proof).await?;
        Ok(false)
    }

    async fn note_wrong_password(&self, proof: &Proof<'_>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let act = AuditEntry::new(now, &*self.random, Actor::User(proof.user), proof.action, proof.origin);
        let mut tx = self.store.begin().await?;
        self.attempts.fail(&mut *tx, &AttemptKey::of_user(proof.user, self.attempts.mac()), now).await?;
        tx.audit().append(act.on(proof.user).in_session(proof.session).refused(Refusal::WrongPassword)).await?;
        tx.commit(now, Vec::new()).await
    }
}
