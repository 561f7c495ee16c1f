//! Signing in with a password.

use crate::accounts::{
    Attempt, AttemptKey, Attempts, Blocked, DeviceId, LoginName, Password, PasswordHash, TooManyAttempts, User,
    UserStatus,
};
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::accounts::{LoginAccount, LoginLook};
use crate::ports::security::{HashError, Match};
use crate::ports::store::{Effect, StoreError};
use crate::secret::SecretString;
use crate::tokens::Scope;
use crate::{Failure, Timestamp};

use super::begin::Proven;
use super::{Sessions, TokenPair};

/// Somebody who says who they are.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// The name; `None` when nobody can have the one that was given.
    pub name: Option<LoginName>,
    /// The password.
    pub password: Password,
    /// The password from now on; all other sessions end then.
    pub new_password: Option<Password>,
    /// The client that signs in.
    pub client_id: String,
    /// What its tokens shall allow.
    pub scope: Scope,
    /// What the device got when it logged in before, if it did.
    pub device_token: Option<SecretString>,
    /// The session that this one takes the place of: the browser's, whose cookies are overwritten.
    pub replaces: Option<SessionId>,
    /// Where the request came from.
    pub origin: Origin,
}

/// What a login gives.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// The tokens of the new session.
    pub pair: TokenPair,
    /// By this the device is known the next time: guesses from elsewhere do not hold it up.
    pub device_token: SecretString,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// No such user, a wrong password, or an account that may not be used: nobody is told which.
    #[error("the login name or the password is wrong")]
    InvalidCredentials,
    /// The password was right and has to be changed: a login with a new one does that.
    #[error("the password has to be changed")]
    PasswordChangeRequired,
    /// The new password is too easy to guess, or the old one; the text says why.
    #[error("{0}")]
    WeakPassword(String),
    /// There were too many failed attempts at this name, whether somebody has it or not.
    #[error(transparent)]
    TooManyAttempts(TooManyAttempts),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// How one look at the password ended.
enum Look {
    /// There is a session.
    Started(Box<SignedIn>),
    /// There is none.
    Refused(Option<AttemptKey>, Option<UserId>, Refusal),
    /// The password was right, and has to be changed first. What was counted before is named.
    Expired(Option<AttemptKey>, UserId),
    /// The password was right, but is not stored any more.
    Overtaken(Option<AttemptKey>, UserId),
}

/// Whom a login is aimed at, as one look at the store found it.
struct Aim {
    found: Option<LoginAccount>,
    device: Option<DeviceId>,
    /// What its failures are counted by; `None` when nobody can have the name.
    key: Option<AttemptKey>,
    seen: Option<Attempts>,
}

impl Sessions {
    /// Starts a session, and announces it; a refused attempt is announced and counted too.
    pub async fn log_in(&self, cmd: LogIn) -> Result<SignedIn, LogInError> {
        self.hasher.admit()?;
        let now = self.clock.now();
        let aim = self.aim(&cmd, now, true).await?;
        let attempt = match aim.key {
            Some(key) => Some(self.attempts.enter(&*self.store, key, aim.seen, now).await?),
            None => None,
        };
        let mut look = self.look(&cmd, aim, attempt.as_ref(), now).await?;
        if let Look::Overtaken(..) = look {
            // Another login may have upgraded the hash of the same password: what is stored now decides. It is still the
            // one attempt that was let through.
            look = self.look(&cmd, self.aim(&cmd, now, false).await?, attempt.as_ref(), now).await?;
        }
        match look {
            Look::Started(started) => Ok(*started),
            Look::Expired(counted, user) => self.ask_for_new_password(counted.as_ref(), user, &cmd, now).await,
            Look::Refused(key, known, why) => self.refuse_log_in(key, known, why, cmd.origin).await,
            Look::Overtaken(key, known) => {
                self.refuse_log_in(key, Some(known), Refusal::WrongPassword, cmd.origin).await
            }
        }
    }

    async fn look(&self, cmd: &LogIn, aim: Aim, attempt: Option<&Attempt>, now: Timestamp) -> Result<Look, LogInError> {
        let Aim { found, device, key, seen } = aim;
        let (user, stored) = match found {
            Some(account) => (Some(account.user), account.password),
            None => (None, None),
        };

        let (store, hasher) = (&*self.store, &*self.hasher);
        let matched = self.attempts.verify(store, hasher, attempt, &cmd.password, stored.as_ref()).await?;
        let known = user.as_ref().map(|user| user.id);
        let (user, stored) = match (user, stored) {
            (Some(user), Some(stored)) if matched != Match::No && user.status == UserStatus::Active => (user, stored),
            (Some(_), Some(_)) if matched != Match::No => {
                return Ok(Look::Refused(key, known, Refusal::AccountDisabled));
            }
            (Some(_), _) => return Ok(Look::Refused(key, known, Refusal::WrongPassword)),
            (None, _) => return Ok(Look::Refused(key, None, Refusal::UnknownAccount)),
        };
        let chosen = match &cmd.new_password {
            None if user.must_change_password => return Ok(Look::Expired(key.filter(|_| seen.is_some()), user.id)),
            None => None,
            Some(new) => match self.choose(cmd, new, &user).await {
                Err(refused) => {
                    // The password that was looked at was right.
                    self.attempts.give_back(store, attempt).await?;
                    return Err(refused);
                }
                chosen => Some(chosen?),
            },
        };
        let upgraded = match matched {
            Match::YesButStale if chosen.is_none() => match self.hasher.hash(&cmd.password).await {
                // The next login has another chance.
                Err(HashError::Overloaded) => None,
                upgraded => Some(upgraded?),
            },
            Match::YesButStale | Match::Yes | Match::No => None,
        };

        let (id, counted) = (user.id, key.as_ref().filter(|_| seen.is_some()));
        let proven = Proven { cmd, user, stored, upgraded, chosen, counted, now };
        let Some(begun) = self.begin(proven).await? else { return Ok(Look::Overtaken(key, id)) };
        let device = device.unwrap_or_else(|| DeviceId::new(&*self.random));
        let device_token = device.token(id, &begun.password, now, self.attempts.mac());
        Ok(Look::Started(Box::new(SignedIn { user: begun.user, pair: begun.pair, device_token })))
    }

    /// Who is meant, and how often that failed before. A name that has to wait is not even looked up, unless a device says
    /// that it has been here before: how soon the answer comes tells nobody whether somebody has the name.
    async fn aim(&self, cmd: &LogIn, now: Timestamp, first_look: bool) -> Result<Aim, LogInError> {
        let nobody = Aim { found: None, device: None, key: None, seen: None };
        let Some(name) = &cmd.name else { return Ok(nobody) };
        let mac = self.attempts.mac();
        let key = AttemptKey::of_name(name, mac);
        let mut tx = self.store.begin().await?;
        let hidden_after = (first_look && cmd.device_token.is_none()).then_some(self.attempts.policy.free);
        let look = LoginLook { name, key: &key, hidden_after };
        let mut sight = tx.users().for_login(&look).await?;
        let failures = sight.attempts.map_or(0, |seen| seen.failures);
        if hidden_after.is_some_and(|limit| failures >= limit) {
            self.attempts.policy.may_try(sight.attempts, now).map_err(Blocked::TooMany)?;
            sight = tx.users().for_login(&LoginLook { hidden_after: None, ..look }).await?;
        }
        let (found, seen) = (sight.account, sight.attempts);
        let Some(token) = &cmd.device_token else { return Ok(Aim { found, key: Some(key), seen, ..nobody }) };
        let no_one = (UserId::from_uuid(uuid::Uuid::nil()), PasswordHash::new(String::new()));
        let known = found.as_ref().and_then(|account| Some((account.user.id, account.password.clone()?)));
        let (user, stored) = known.unwrap_or(no_one);
        let Some(device) = DeviceId::open(token.expose(), user, &stored, now, mac) else {
            return Ok(Aim { found, key: Some(key), seen, ..nobody });
        };
        let key = AttemptKey::of_device(user, device, mac);
        let seen = tx.attempts().of(&key).await?;
        Ok(Aim { found, device: Some(device), key: Some(key), seen })
    }

    async fn refuse_log_in(
        &self,
        key: Option<AttemptKey>,
        known: Option<UserId>,
        why: Refusal,
        origin: Origin,
    ) -> Result<SignedIn, LogInError> {
        let now = self.clock.now();
        let mut act = AuditEntry::new(now, &*self.random, Actor::Anonymous, Action::LogIn, &origin).refused(why);
        act.subject = known;
        let mut tx = self.store.begin().await?;
        if let Some(key) = &key {
            let failures = self.attempts.fail(&mut *tx, key, now).await?;
            let wait = self.attempts.policy.wait(failures);
            if !wait.is_zero() {
                act = act
                    .with(format!("{failures} failures in a row; the next attempt has to wait {} s", wait.as_secs()));
            }
        }
        tx.audit().append(act).await?;
        let event = Event::LoginFailed { user_id: known, ip: origin.ip, user_agent: origin.user_agent.clone() };
        tx.commit(now, vec![Effect::publish(event, &origin)]).await?;
        Err(LogInError::InvalidCredentials)
    }
}

impl From<Blocked> for LogInError {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::TooMany(wait) => Self::TooManyAttempts(wait),
            Blocked::Hasher(error) => error.into(),
            Blocked::Store(error) => error.into(),
        }
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
