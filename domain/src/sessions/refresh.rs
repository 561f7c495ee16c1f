//! Staying signed in: a refresh token for the next one and a new access token.

use crate::access::{Standing, standing_in};
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::event::Event;
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::secret::SecretString;
use crate::tokens::Scope;
use crate::{Failure, Timestamp};

use super::{EndOne, RefreshToken, RevocationReason, Revoked, Rotated, Rotation, Session, Sessions, TokenPair};

/// The use of a refresh token.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// What the client presents.
    pub token: SecretString,
    /// Who presents it at the token endpoint; `None` at the first-party one, where only the first party's are valid.
    pub by: Option<ClientRefresh>,
    /// Where the request came from.
    pub origin: Origin,
}

/// What the token endpoint asks of a refresh (RFC 6749 §6).
#[derive(Clone, Debug)]
pub struct ClientRefresh {
    /// The client: a token of another client's session is not valid.
    pub client_id: String,
    /// What the new access token is to allow; `None` for all that the session does.
    pub scope: Option<Scope>,
}

/// How the successor came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// It was made now.
    Rotated,
    /// It had been made before, within the grace.
    Replayed,
}

/// Why there are no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is not one of ours, or its session has ended.
    #[error("the refresh token is not valid")]
    Invalid,
    /// The scope goes beyond the session's.
    #[error("the scope goes beyond that of the session")]
    Scope,
    /// The token was used long before: its session is revoked now. Clients are told no more than for `Invalid`.
    #[error("the refresh token was used again")]
    Reused,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Sessions {
    /// Rotates a refresh token. Within the grace a used token gives the same successor; after it, its use ends the
    /// session and is announced.
    pub async fn refresh(&self, cmd: Refresh) -> Result<(TokenPair, RefreshOutcome), RefreshError> {
        match self.refresh_once(&cmd).await {
            // Somebody else used the token or ended the session in between: what they left is judged anew.
            Err(error) if error.is_conflict() => self.refresh_once(&cmd).await,
            outcome => outcome,
        }
    }

    async fn refresh_once(&self, cmd: &Refresh) -> Result<(TokenPair, RefreshOutcome), RefreshError> {
        let now = self.clock.now();
        let presented = self.refresh_tokens.open(cmd.token.expose()).ok_or(RefreshError::Invalid)?;
        let successor = self.refresh_tokens.successor(&presented);
        let rotation = Rotation {
            session: presented.session,
            generation: presented.generation,
            presented: presented.digest,
            successor: successor.digest,
            at: now,
            idle_expires_at: now.plus(self.policy.idle_ttl),
            grace: self.policy.reuse_grace,
        };

        let mut tx = self.store.begin().await?;
        let (mut narrowed, mut client_id) = (None, &self.first_party);
        if let Some(by) = &cmd.by {
            // Asked before the token is used: whoever may not use it has used nothing.
            let session = tx.sessions().by_id(presented.session).await?;
            let session = session.filter(|session| session.client_id == by.client_id).ok_or(RefreshError::Invalid)?;
            if by.scope.as_ref().is_some_and(|scope| !session.scope.covers(scope)) {
                return Err(RefreshError::Scope);
            }
            (narrowed, client_id) = (by.scope.clone(), &by.client_id);
        }
        match tx.sessions().rotate(&rotation).await? {
            // Another client's: the unit ends without a commit, and nothing is used.
            Rotated::First(session) | Rotated::Again(session) | Rotated::Reused(session)
                if session.client_id != *client_id =>
            {
                Err(RefreshError::Invalid)
            }
            // Whoever acts as somebody else has no refresh token: this one was not given to anybody.
            Rotated::First(session) | Rotated::Again(session) if session.impersonation.is_some() => {
                Err(RefreshError::Invalid)
            }
            Rotated::First(session) => {
                let standing = self.standing_to_tell(&mut *tx, session.user).await?;
                let mut effects = Vec::new();
                if self.policy.announce_refreshes {
                    let event = Event::SessionRefreshed { user_id: session.user, session_id: session.id };
                    effects.push(Effect::publish(event, &cmd.origin));
                }
                tx.commit(now, effects).await?;
                let pair = self.pair(session, successor, narrowed, standing.as_ref(), now)?;
                Ok((pair, RefreshOutcome::Rotated))
            }
            Rotated::Again(session) => {
                let standing = self.standing_to_tell(&mut *tx, session.user).await?;
                drop(tx);
                let pair = self.pair(session, successor, narrowed, standing.as_ref(), now)?;
                Ok((pair, RefreshOutcome::Replayed))
            }
            Rotated::Refused => Err(RefreshError::Invalid),
            Rotated::Reused(session) => {
                let revoked = Revoked { at: now, reason: RevocationReason::TokenReuse };
                let actor = Actor::Anonymous;
                // Whoever has stolen the session may act as others in it.
                let end = EndOne { session: &session, revoked, actor: &actor, origin: &cmd.origin };
                let ended = end.run(&mut *tx, &self.policy, &*self.random).await?.ok_or(RefreshError::Invalid)?;
                let act = AuditEntry::new(now, &*self.random, actor, Action::Refresh, &cmd.origin)
                    .on(session.user)
                    .in_session(session.id)
                    .refused(Refusal::TokenReuse);
                tx.audit().append(act).await?;
                let event = Event::SessionReuseDetected {
                    user_id: session.user,
                    session_id: session.id,
                    ip: cmd.origin.ip,
                    user_agent: cmd.origin.user_agent.clone(),
                };
                let mut effects = vec![Effect::publish(event, &cmd.origin)];
                effects.extend(ended.effects);
                tx.commit(now, effects).await?;
                self.revocations.remember(&ended.revocations, now);
                Err(RefreshError::Reused)
            }
        }
    }

    /// What the tokens of an account say of it, read within the unit that issues them, if they say anything.
    pub(super) async fn standing_to_tell(&self, tx: &mut dyn Tx, user: UserId) -> Result<Option<Standing>, StoreError> {
        if self.access_tokens.tells_standing() { standing_in(tx, user).await } else { Ok(None) }
    }

    pub(super) fn pair(
        &self,
        session: Session,
        refresh: RefreshToken,
        narrowed: Option<Scope>,
        standing: Option<&Standing>,
        now: Timestamp,
    ) -> Result<TokenPair, Failure> {
        let scope = narrowed.unwrap_or_else(|| session.scope.clone());
        let (access_token, access_expires_at) = self.access_tokens.issue_for(&session, scope.clone(), standing, now)?;
        Ok(TokenPair {
            access_token,
            scope,
            access_expires_at,
            refresh_token: refresh.value,
            refresh_expires_at: session.idle_expires_at,
            session,
            issued_at: now,
        })
    }
}

impl RefreshError {
    /// Whether nothing has happened because somebody else changed the same at the same time.
    fn is_conflict(&self) -> bool {
        let Self::Failure(Failure::Unavailable(cause)) = self else { return false };
        matches!(cause.downcast_ref(), Some(StoreError::Conflict))
    }
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}
