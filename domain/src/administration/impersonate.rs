//! Acting as another user, for support.

use crate::access::{Asked, Permissions, Standing};
use crate::accounts::{UserStatus, hold};
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden, Impersonation, UserSession};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError};
use crate::secret::SecretString;
use crate::sessions::{Session, TokenDigest, TokenFamily};
use crate::{Failure, Timestamp};

use super::Administration;
use super::managed::{NotManaged, managed};
use super::reason::reason;

/// Who wants to act as whom.
#[derive(Clone, Debug)]
pub struct Impersonate {
    /// Who asks: a user in a session of their own.
    pub caller: Caller,
    /// As whom.
    pub user: UserId,
    /// Why; 1 to 200 characters without control characters. The user can read it.
    pub reason: String,
    /// Whether things may be changed: needs `users:impersonate-write`.
    pub write: bool,
    /// Where the request came from.
    pub origin: Origin,
}

/// What somebody acts with. It ends with its access token: there is no refresh token.
#[derive(Clone, Debug)]
pub struct Impersonating {
    /// The session, which its user sees among their own.
    pub session: Session,
    /// The access token, with `act`.
    pub access_token: SecretString,
}

/// Why nobody acts as anybody.
#[derive(Debug, thiserror::Error)]
pub enum ImpersonateError {
    /// The caller lacks a permission: `users:impersonate`, `users:impersonate-write` for more than looking, or one that the
    /// account has.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller is not a user in a session of their own.
    #[error("only a user who is signed in acts as another")]
    NotASession,
    /// There is no such account, it is disabled, or it is the caller's own.
    #[error("there is no such account")]
    NotFound,
    /// The reason is too long or holds control characters.
    #[error("a reason is 1 to 200 characters without control characters")]
    Reason,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Administration {
    /// Starts a session of `user` in which somebody else acts, for as long as one access token lives. The caller's session
    /// is one of the first party: another client would get more than was given to it.
    pub async fn impersonate(&self, cmd: Impersonate) -> Result<Impersonating, ImpersonateError> {
        let done = self.impersonate_once(&cmd).await;
        let why = match &done {
            Err(ImpersonateError::Forbidden(_) | ImpersonateError::NotASession) => Refusal::NotPermitted,
            _ => return done,
        };
        self.note_refused(&cmd.caller, Action::Impersonate, Some(cmd.user), why, &cmd.origin).await?;
        done
    }

    async fn impersonate_once(&self, cmd: &Impersonate) -> Result<Impersonating, ImpersonateError> {
        cmd.caller.require(Asked::Impersonate)?;
        if cmd.write {
            cmd.caller.require(Asked::ImpersonateWrite)?;
        }
        let fine = |by: &&UserSession| by.impersonation.is_none() && by.client_id == self.first_party;
        let by = cmd.caller.session().filter(fine).ok_or(ImpersonateError::NotASession)?;
        let reason = reason(&cmd.reason).ok_or(ImpersonateError::Reason)?;
        if by.user == cmd.user {
            return Err(ImpersonateError::NotFound);
        }

        let now = self.clock.now();
        let session = self.acting(by, cmd, now);
        // Whoever may not costs no signature; what the token says of the user is what both may do.
        let (_, standing) = managed(&mut *self.store.begin().await?, &cmd.caller, cmd.user).await?;
        let standing = common(&standing, &cmd.caller, !cmd.write);
        let (access_token, expires_at) =
            self.access_tokens.issue_for(&session, session.scope.clone(), Some(&standing), now)?;
        let session = Session { expires_at, idle_expires_at: expires_at, ..session };

        let mut tx = self.store.begin().await?;
        // An end of the account that is under way waits for this unit, or is seen by it.
        if !hold(&mut *tx, cmd.user).await? {
            return Err(StoreError::Conflict.into());
        }
        let (user, _) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        if user.status != UserStatus::Active {
            return Err(ImpersonateError::NotFound);
        }
        tx.sessions().insert(&session).await?;
        let act = AuditEntry::new(now, &*self.random, cmd.caller.actor(), Action::Impersonate, &cmd.origin);
        let kind = if cmd.write { "write" } else { "read only" };
        tx.audit().append(act.on(user.id).in_session(session.id).with(format!("{kind}: {reason}"))).await?;
        let event = Event::UserImpersonated {
            user_id: user.id,
            session_id: session.id,
            impersonator_id: by.user,
            read_only: !cmd.write,
            until: expires_at,
        };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        Ok(Impersonating { session, access_token })
    }

    /// The session in which `by` acts. Its user sees it, but not from where: that is the business of the other.
    fn acting(&self, by: &UserSession, cmd: &Impersonate, now: Timestamp) -> Session {
        // Nobody knows a refresh token of this digest.
        let mut unknown = [0; 32];
        self.random.fill(&mut unknown);
        let scope = if cmd.write { by.scope.clone() } else { by.scope.clone().read_only() };
        let expires_at = now.plus(self.sessions.access_ttl);
        Session {
            id: SessionId::new(now, &*self.random),
            user: cmd.user,
            client_id: self.first_party.clone(),
            scope,
            authenticated_at: now,
            created_at: now,
            last_seen_at: now,
            idle_expires_at: expires_at,
            expires_at,
            revoked: None,
            ip: None,
            user_agent: None,
            impersonation: Some(Impersonation { by: by.user, read_only: !cmd.write }),
            family: TokenFamily::new(TokenDigest(unknown)),
        }
    }
}

/// What somebody may do as somebody else.
fn common(standing: &Standing, caller: &Caller, read_only: bool) -> Standing {
    let mut permissions = standing.permissions.common(&caller.permissions);
    if read_only {
        permissions = permissions.common(&Permissions::reading());
    }
    Standing { permissions, ..standing.clone() }
}

impl From<StoreError> for ImpersonateError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<NotManaged> for ImpersonateError {
    fn from(why: NotManaged) -> Self {
        match why {
            NotManaged::Forbidden(forbidden) => Self::Forbidden(forbidden),
            NotManaged::NotFound | NotManaged::OwnAccount => Self::NotFound,
            NotManaged::Impersonated => Self::NotASession,
            NotManaged::Store(error) => error.into(),
        }
    }
}
