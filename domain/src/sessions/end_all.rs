//! The end of one session, and of everything that a user does: in sessions of their own, and as others.

use crate::Timestamp;
use crate::audit::{Action, Actor, AuditEntry};
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::ambient::Randomness;
use crate::ports::sessions::Revocation;
use crate::ports::store::{Effect, StoreError, Tx};

use super::{RevocationReason, Revoked, Session, SessionPolicy, revoked_events};

/// Whose sessions end, and because of whom.
pub(crate) struct EndAll<'a> {
    /// Whose.
    pub(crate) user: UserId,
    /// The one that stays.
    pub(crate) keep: Option<SessionId>,
    /// When and why.
    pub(crate) revoked: Revoked,
    /// Who ends them.
    pub(crate) actor: &'a Actor,
    /// Where the request came from.
    pub(crate) origin: &'a Origin,
}

/// What ended.
pub(crate) struct Ended {
    /// How many sessions of the user's own.
    pub(crate) own: usize,
    /// What is announced once the unit is committed.
    pub(crate) effects: Vec<Effect>,
    /// What every replica has to know from then on.
    pub(crate) revocations: Vec<Revocation>,
}

impl EndAll<'_> {
    /// Ends, within `tx`, the sessions of the user, and those in which the user acts as somebody else.
    pub(crate) async fn run(
        &self,
        tx: &mut dyn Tx,
        policy: &SessionPolicy,
        random: &dyn Randomness,
    ) -> Result<Ended, StoreError> {
        let at = self.revoked.at;
        let own = tx.sessions().revoke_all_of(self.user, self.keep, self.revoked).await?;
        let acting = EndActing { user: self.user, at, actor: self.actor, origin: self.origin };
        let acting = acting.run(tx, policy, random).await?;
        let mut revocations = policy.revocations(&own, at);
        if !revocations.is_empty() {
            tx.revocations().add(&revocations).await?;
        }
        let mut effects = revoked_events(self.user, &revocations, self.revoked.reason, self.origin);
        effects.extend(acting.effects);
        revocations.extend(acting.revocations);
        Ok(Ended { own: own.len(), effects, revocations })
    }
}

/// Which session ends, when and why, and because of whom.
pub(crate) struct EndOne<'a> {
    /// Which.
    pub(crate) session: &'a Session,
    /// When and why.
    pub(crate) revoked: Revoked,
    /// Who ends it.
    pub(crate) actor: &'a Actor,
    /// Where the request came from.
    pub(crate) origin: &'a Origin,
}

impl EndOne<'_> {
    /// Ends, within `tx`, a session, and with one of the user's own those in which they act as somebody else: whoever had
    /// it may have begun them. `None` when it was over.
    pub(crate) async fn run(
        &self,
        tx: &mut dyn Tx,
        policy: &SessionPolicy,
        random: &dyn Randomness,
    ) -> Result<Option<Ended>, StoreError> {
        let (user, at) = (self.session.user, self.revoked.at);
        if !tx.sessions().revoke(self.session.id, self.revoked).await? {
            return Ok(None);
        }
        let mut revocations = policy.revocations(&[self.session.id], at);
        tx.revocations().add(&revocations).await?;
        let mut effects = revoked_events(user, &revocations, self.revoked.reason, self.origin);
        if self.session.impersonation.is_none() {
            let acting = EndActing { user, at, actor: self.actor, origin: self.origin };
            let acting = acting.run(tx, policy, random).await?;
            effects.extend(acting.effects);
            revocations.extend(acting.revocations);
        }
        Ok(Some(Ended { own: 1, effects, revocations }))
    }
}

/// Who acts as others no more, since when, and because of whom.
pub(crate) struct EndActing<'a> {
    /// Who acts.
    pub(crate) user: UserId,
    /// When it ends.
    pub(crate) at: Timestamp,
    /// Who ends it.
    pub(crate) actor: &'a Actor,
    /// Where the request came from.
    pub(crate) origin: &'a Origin,
}

impl EndActing<'_> {
    /// Ends, within `tx`, the sessions in which the user acts as somebody else. They are recorded one by one, for they are
    /// the sessions of others.
    pub(crate) async fn run(
        &self,
        tx: &mut dyn Tx,
        policy: &SessionPolicy,
        random: &dyn Randomness,
    ) -> Result<Ended, StoreError> {
        let (at, reason) = (self.at, RevocationReason::ImpersonationEnded);
        let acted = tx.sessions().revoke_impersonations(self.user, Revoked { at, reason }).await?;
        let (mut effects, mut revocations) = (Vec::new(), Vec::new());
        for (owner, session) in acted {
            let ended = policy.revocations(&[session], at);
            effects.extend(revoked_events(owner, &ended, reason, self.origin));
            revocations.extend(ended);
            let act = AuditEntry::new(at, random, self.actor.clone(), Action::Revoke, self.origin);
            tx.audit().append(act.on(owner).in_session(session).with(reason.as_str())).await?;
        }
        if !revocations.is_empty() {
            tx.revocations().add(&revocations).await?;
        }
        Ok(Ended { own: 0, effects, revocations })
    }
}
