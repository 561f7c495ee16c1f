//! Signing in with a password.

use crate::accounts::{LoginName, Password, User, UserStatus};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::security::{HashError, Match};
use crate::ports::store::{Effect, StoreError};
use crate::tokens::Scope;
use crate::{Failure, Timestamp};

use super::{RevocationReason, Revoked, Session, Sessions, TokenFamily, TokenPair, revoked_events};

/// Somebody who says who they are.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// The name; `None` when nobody can have the one that was given.
    pub name: Option<LoginName>,
    /// The password.
    pub password: Password,
    /// The client that signs in.
    pub client_id: String,
    /// What its tokens shall allow.
    pub scope: Scope,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// No such user, a wrong password, or an account that may not be used: nobody is told which.
    #[error("the login name or the password is wrong")]
    InvalidCredentials,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// How one look at the password ended.
enum Attempt {
    /// There is a session.
    Started(Box<(User, TokenPair)>),
    /// There is none, whoever was aimed at.
    Refused(Option<UserId>),
    /// The password was right, but is not stored any more.
    Overtaken(UserId),
}

impl Sessions {
    /// Starts a session, and announces it; a refused attempt is announced too.
    pub async fn log_in(&self, cmd: LogIn) -> Result<(User, TokenPair), LogInError> {
        let now = self.clock.now();
        let mut attempt = self.attempt(&cmd, now).await?;
        if let Attempt::Overtaken(_) = attempt {
            // Another login may have upgraded the hash of the same password: what is stored now decides.
            attempt = self.attempt(&cmd, now).await?;
        }
        match attempt {
            Attempt::Started(started) => Ok(*started),
            Attempt::Refused(known) => self.refuse_log_in(known, cmd.origin).await,
            Attempt::Overtaken(known) => self.refuse_log_in(Some(known), cmd.origin).await,
        }
    }

    async fn attempt(&self, cmd: &LogIn, now: Timestamp) -> Result<Attempt, LogInError> {
        let mut tx = self.store.begin().await?;
        let found = match &cmd.name {
            Some(name) => tx.users().for_login(name).await?,
            None => None,
        };
        drop(tx);
        let (user, stored) = match found {
            Some((user, stored)) => (Some(user), stored),
            None => (None, None),
        };

        let matched = self.hasher.verify(&cmd.password, stored.as_ref()).await?;
        let known = user.as_ref().map(|user| user.id);
        let (user, stored) = match (user, stored) {
            (Some(user), Some(stored)) if matched != Match::No && user.status == UserStatus::Active => (user, stored),
            _ => return Ok(Attempt::Refused(known)),
        };
        let upgraded = match matched {
            Match::YesButStale => Some(self.hasher.hash(&cmd.password).await?),
            Match::Yes | Match::No => None,
        };

        let id = SessionId::new(now, &*self.random);
        let mut secret = [0; 32];
        self.random.fill(&mut secret);
        let refresh_token = self.refresh_tokens.first(id, secret);
        let expires_at = now.plus(self.policy.absolute_ttl);
        let session = Session {
            id,
            user: user.id,
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
            family: TokenFamily::new(refresh_token.digest),
        };
        let pair = self.pair(session, refresh_token, now)?;

        let mut tx = self.store.begin().await?;
        let still_right = match &upgraded {
            Some(hash) => tx.credentials().replace(user.id, &stored, hash).await?,
            None => tx.credentials().confirm(user.id, &stored).await?,
        };
        if !still_right {
            return Ok(Attempt::Overtaken(user.id));
        }
        let keep = self.policy.max_per_account.saturating_sub(1);
        let mut displaced = Vec::new();
        for oldest in tx.sessions().beyond(user.id, now, keep).await? {
            if tx.sessions().revoke(oldest, Revoked { at: now, reason: RevocationReason::Displaced }).await? {
                displaced.push(oldest);
            }
        }
        let displaced = self.policy.revocations(&displaced, now);
        if !displaced.is_empty() {
            tx.revocations().add(&displaced).await?;
        }
        tx.sessions().insert(&pair.session).await?;
        let event = Event::SessionStarted {
            user_id: user.id,
            session_id: id,
            ip: cmd.origin.ip,
            user_agent: cmd.origin.user_agent.clone(),
        };
        let traceparent = cmd.origin.traceparent.clone();
        let mut effects = revoked_events(user.id, &displaced, RevocationReason::Displaced, &cmd.origin);
        effects.push(Effect::Publish { event, traceparent });
        tx.commit(now, effects).await?;
        self.remember(&displaced);
        Ok(Attempt::Started(Box::new((user, pair))))
    }

    async fn refuse_log_in(&self, user_id: Option<UserId>, origin: Origin) -> Result<(User, TokenPair), LogInError> {
        let now = self.clock.now();
        let event = Event::LoginFailed { user_id, ip: origin.ip, user_agent: origin.user_agent };
        let tx = self.store.begin().await?;
        tx.commit(now, vec![Effect::Publish { event, traceparent: origin.traceparent }]).await?;
        Err(LogInError::InvalidCredentials)
    }
}

impl From<StoreError> for LogInError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<HashError> for LogInError {
    fn from(error: HashError) -> Self {
        Self::Failure(error.into())
    }
}
