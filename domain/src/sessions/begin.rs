//! The session that a login begins.

use crate::Timestamp;
use crate::accounts::{AttemptKey, PasswordHash, User};
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::SessionId;
use crate::ports::store::{Effect, StoreError, Tx};

use super::log_in::{LogIn, LogInError};
use super::new_password::Replacement;
use super::{RefreshToken, RevocationReason, Session, Sessions, TokenFamily, TokenPair, revoked_events};

/// A login whose password was right.
pub(super) struct Proven<'a> {
    pub(super) cmd: &'a LogIn,
    pub(super) user: User,
    /// The password that was looked at.
    pub(super) stored: PasswordHash,
    /// The same in the form that the policy asks for now.
    pub(super) upgraded: Option<PasswordHash>,
    /// The password from now on.
    pub(super) chosen: Option<PasswordHash>,
    /// The counter of failures that is cleared.
    pub(super) counted: Option<&'a AttemptKey>,
    pub(super) now: Timestamp,
}

/// What has begun.
pub(super) struct Begun {
    pub(super) user: User,
    /// What is stored now.
    pub(super) password: PasswordHash,
    pub(super) pair: TokenPair,
}

impl Proven<'_> {
    /// What is stored when the session begins.
    fn proof(&self) -> &PasswordHash {
        self.chosen.as_ref().or(self.upgraded.as_ref()).unwrap_or(&self.stored)
    }

    /// Whether nothing but the session changes.
    fn is_plain(&self) -> bool {
        self.chosen.is_none() && self.upgraded.is_none() && self.cmd.replaces.is_none()
    }

    fn started(&self, session: SessionId) -> Effect {
        let origin = &self.cmd.origin;
        let event = Event::SessionStarted {
            user_id: self.user.id,
            session_id: session,
            ip: origin.ip,
            user_agent: origin.user_agent.clone(),
        };
        Effect::publish(event, origin)
    }
}

impl Sessions {
    /// Begins a session, and announces it; `None`, and nothing is done, when the password is not what was looked at any
    /// more.
    pub(super) async fn begin(&self, proven: Proven<'_>) -> Result<Option<Begun>, LogInError> {
        let (session, refresh_token) = self.new_session(&proven);
        let password = proven.proof().clone();
        // Mostly the session is all there is, and has a place: that is one step of the store.
        let plain = proven.is_plain() && !self.access_tokens.tells_standing();
        if plain && self.begin_alone(&proven, &session).await? {
            let pair = self.pair(session, refresh_token, None, None, proven.now)?;
            return Ok(Some(Begun { user: proven.user, password, pair }));
        }
        self.begin_with_all(proven, session, refresh_token).await
    }

    fn new_session(&self, proven: &Proven<'_>) -> (Session, RefreshToken) {
        let Proven { cmd, now, .. } = *proven;
        let id = SessionId::new(now, &*self.random);
        let mut secret = [0; 32];
        self.random.fill(&mut secret);
        let refresh_token = self.refresh_tokens.first(id, secret);
        let expires_at = now.plus(self.policy.absolute_ttl);
        let session = Session {
            id,
            user: proven.user.id,
            client_id: cmd.client_id.clone(),
            scope: cmd.scope.clone(),
            authenticated_at: now,
            created_at: now,
            last_seen_at: now,
            idle_expires_at: now.plus(self.policy.idle_ttl).min(expires_at),
            expires_at,
            revoked: None,
            ip: cmd.origin.ip,
            user_agent: cmd.origin.user_agent.clone(),
            impersonation: None,
            family: TokenFamily::new(refresh_token.digest),
        };
        (session, refresh_token)
    }

    /// Whether the session has begun; when not, nothing is done.
    async fn begin_alone(&self, proven: &Proven<'_>, session: &Session) -> Result<bool, StoreError> {
        let mut tx = self.store.begin().await?;
        let begun = match tx.sessions().start_with_commit(session, &proven.stored, self.policy.max_per_account).await {
            Ok(()) => self.log_in_by(tx, proven, session.id, Vec::new()).await,
            refused => refused,
        };
        match begun {
            Err(StoreError::Conflict) => Ok(false),
            begun => begun.map(|()| true),
        }
    }

    async fn begin_with_all(
        &self,
        mut proven: Proven<'_>,
        session: Session,
        refresh_token: RefreshToken,
    ) -> Result<Option<Begun>, LogInError> {
        let Proven { cmd, now, .. } = proven;
        let (user_id, password) = (proven.user.id, proven.proof().clone());
        let mut tx = self.store.begin().await?;
        let act = |action| AuditEntry::new(now, &*self.random, Actor::User(user_id), action, &cmd.origin).on(user_id);
        let (mut effects, mut revocations) = (Vec::new(), Vec::new());
        if let Some(new) = &proven.chosen {
            let change = Replacement { user: user_id, session: session.id, old: &proven.stored, new };
            let Some((changed, ended)) = self.replace_password(&mut *tx, &change, cmd, now).await? else {
                return Ok(None);
            };
            proven.user = changed;
            effects.extend(ended.effects);
            revocations.extend(ended.revocations);
        }
        if let Some(upgraded) = &proven.upgraded {
            if !tx.credentials().replace(user_id, &proven.stored, upgraded).await? {
                return Ok(None);
            }
            tx.audit().append(act(Action::UpgradePassword).in_session(session.id)).await?;
        }
        let Some(live) = tx.sessions().start(&session, &password).await? else { return Ok(None) };
        let (owner, replaced) = self.replace(&mut *tx, cmd.replaces, user_id, now).await?;
        let live = live.saturating_sub(u32::from(owner == user_id && !replaced.is_empty()));
        let ended = self.make_room(&mut *tx, &session, live).await?;
        let standing = self.standing_to_tell(&mut *tx, user_id).await?;
        for (owner, ended) in [(user_id, &ended), (owner, &replaced)] {
            for ended in ended {
                let end = act(Action::Revoke).on(owner).in_session(ended.grant.as_session());
                tx.audit().append(end.with(RevocationReason::Displaced.as_str())).await?;
            }
            effects.extend(revoked_events(owner, ended, RevocationReason::Displaced, &cmd.origin));
            revocations.extend(ended);
        }
        self.log_in_by(tx, &proven, session.id, effects).await?;
        self.revocations.remember(&revocations, now);
        let pair = self.pair(session, refresh_token, None, standing.as_ref(), now)?;
        Ok(Some(Begun { user: proven.user, password, pair }))
    }

    /// What every login ends with.
    async fn log_in_by(
        &self,
        mut tx: Box<dyn Tx>,
        proven: &Proven<'_>,
        session: SessionId,
        mut effects: Vec<Effect>,
    ) -> Result<(), StoreError> {
        let Proven { cmd, now, .. } = *proven;
        let user = proven.user.id;
        if let Some(key) = proven.counted {
            tx.attempts().clear(key).await?;
        }
        let entry = AuditEntry::new(now, &*self.random, Actor::User(user), Action::LogIn, &cmd.origin).on(user);
        tx.audit().append(entry.in_session(session)).await?;
        effects.push(proven.started(session));
        tx.commit(now, effects).await
    }
}
