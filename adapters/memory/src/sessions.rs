//! Sessions, and the revocations that outlive them.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{CredentialState, PasswordHash};
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::sessions::{Revocation, RevocationRepository, SessionRepository};
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::sessions::{Revoked, Rotated, Rotation, Session};

use crate::state::{Changes, Credential};
use crate::store::Unit;
use crate::view::View;

fn written(session: Session) -> Changes {
    let mut changes = Changes::default();
    changes.sessions.insert(session.id, Some(session));
    changes
}

/// How many live sessions there are with this one, if the password is still so.
fn started(view: &View<'_>, session: &Session, password: &PasswordHash) -> Result<(Option<u32>, Changes), StoreError> {
    let usable = |held: &&Credential| held.hash == *password && held.state == CredentialState::Usable;
    if view.credential(session.user).filter(usable).is_none() {
        return Ok((None, Changes::default()));
    }
    if view.session(session.id).is_some() {
        return Err(StoreError::Duplicate(Unique::Id));
    }
    let others = view.sessions_of(session.user);
    let live = others.into_iter().filter(|other| other.is_live(session.created_at)).count();
    let live = u32::try_from(live).unwrap_or(u32::MAX).saturating_add(1);
    Ok((Some(live), written(session.clone())))
}

/// Whether the session ended, in whatever way, before the instant.
fn ended_before(session: &Session, before: Timestamp) -> bool {
    session.revoked.is_some_and(|revoked| revoked.at < before)
        || session.idle_expires_at < before
        || session.expires_at < before
}

#[async_trait]
impl SessionRepository for Unit {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.change(|view| {
            if view.session(session.id).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            if view.user(session.user).is_none() {
                return Err(StoreError::Conflict);
            }
            Ok(((), written(session.clone())))
        })
        .await
    }

    async fn start(&mut self, session: &Session, password: &PasswordHash) -> Result<Option<u32>, StoreError> {
        self.change(|view| started(view, session, password)).await
    }

    async fn start_with_commit(
        &mut self,
        session: &Session,
        password: &PasswordHash,
        most: u32,
    ) -> Result<(), StoreError> {
        self.change(|view| {
            let (live, changes) = started(view, session, password)?;
            live.filter(|live| *live <= most).map(|_| ((), changes)).ok_or(StoreError::Conflict)
        })
        .await
    }

    async fn by_id(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.look(|view| view.session(id).cloned())
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.look(|view| {
            let all = view.sessions_of(user).into_iter();
            let rest = all.filter(|session| after.is_none_or(|after| session.id < after));
            rest.filter(|session| session.is_live(now)).take(limit).cloned().collect()
        })
    }

    async fn all_of(&mut self, user: UserId, after: Option<SessionId>, limit: u32) -> Result<Vec<Session>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.look(|view| {
            let all = view.sessions_of(user).into_iter();
            all.filter(|session| after.is_none_or(|after| session.id < after)).take(limit).cloned().collect()
        })
    }

    async fn revoke_impersonations(
        &mut self,
        by: UserId,
        revoked: Revoked,
    ) -> Result<Vec<(UserId, SessionId)>, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            let acting = view.sessions().filter(|session| session.impersonation.is_some_and(|acting| acting.by == by));
            let live: Vec<_> = acting.filter(|session| session.is_live(revoked.at)).collect();
            for session in &live {
                let ended = Session { revoked: Some(revoked), ..(*session).clone() };
                changes.sessions.insert(session.id, Some(ended));
            }
            Ok((live.into_iter().map(|session| (session.user, session.id)).collect(), changes))
        })
        .await
    }

    async fn beyond(&mut self, user: UserId, now: Timestamp, keep: u32) -> Result<Vec<SessionId>, StoreError> {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        self.look(|view| {
            let live = view.sessions_of(user).into_iter().filter(|session| session.is_live(now));
            live.skip(keep).take(100).map(|session| session.id).collect()
        })
    }

    async fn rotate(&mut self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        self.change(|view| {
            let session = view.session(rotation.session);
            Ok(match session.and_then(|session| rotation.apply(session)) {
                Some(next) => (Rotated::First(next.clone()), written(next)),
                None => (rotation.verdict(session.cloned()), Changes::default()),
            })
        })
        .await
    }

    async fn revoke(&mut self, id: SessionId, revoked: Revoked) -> Result<bool, StoreError> {
        self.change(|view| {
            let open = view.session(id).filter(|session| session.revoked.is_none());
            let Some(session) = open else { return Ok((false, Changes::default())) };
            Ok((true, written(Session { revoked: Some(revoked), ..session.clone() })))
        })
        .await
    }

    async fn revoke_all_of(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        revoked: Revoked,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            let live = view.sessions_of(user).into_iter().filter(|session| session.is_live(revoked.at));
            for session in live.filter(|session| keep != Some(session.id)) {
                let ended = Session { revoked: Some(revoked), ..session.clone() };
                changes.sessions.insert(session.id, Some(ended));
            }
            Ok((changes.sessions.keys().copied().collect(), changes))
        })
        .await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let ended = view.sessions().filter(|session| ended_before(session, before)).take(limit);
            changes.sessions.extend(ended.map(|session| (session.id, None)));
            Ok((changes.sessions.len() as u64, changes))
        })
        .await
    }
}

#[async_trait]
impl RevocationRepository for Unit {
    async fn add(&mut self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            for new in revocations {
                let known = changes.revocations.get(&new.grant).copied().flatten();
                let known = known.or_else(|| view.revocation(new.grant).copied());
                let kept = known.map_or(*new, |known| Revocation { until: known.until.max(new.until), ..known });
                changes.revocations.insert(new.grant, Some(kept));
            }
            Ok(((), changes))
        })
        .await
    }

    async fn since(&mut self, at: Timestamp, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.look(|view| {
            let matter = view.revocations().filter(|revocation| revocation.at >= at && revocation.until > now);
            matter.copied().collect()
        })
    }

    async fn purge(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let over = view.revocations().filter(|revocation| revocation.until <= now).take(limit);
            changes.revocations.extend(over.map(|revocation| (revocation.grant, None)));
            Ok((changes.revocations.len() as u64, changes))
        })
        .await
    }
}
