//! Who is calling: resolved once at the door, asked by every use case that not everybody may use.

use crate::Timestamp;
use crate::access::{Asked, Permission, Permissions, RoleName};
use crate::audit::Actor;
use crate::ids::{ApiKeyId, SessionId, UserId};
use crate::ports::limits::Quota;
use crate::tokens::{Claims, Scope, Subject};

/// A user that presented a valid access token of a session that has not been revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSession {
    /// The user on whose behalf the call is made (`sub`).
    pub user: UserId,
    /// The session that the token belongs to (`sid`).
    pub session: SessionId,
    /// The client that the token was issued to (`client_id`).
    pub client_id: String,
    /// What the token allows.
    pub scope: Scope,
    /// The user's roles as far as the token carries them.
    pub roles: Vec<String>,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// Who really calls, when it is not the user (`act`, RFC 8693 §4.1).
    pub impersonation: Option<Impersonation>,
}

impl UserSession {
    /// The session of whoever presents a good access token with these claims; `None` for one that speaks for a client.
    pub fn of(claims: Claims) -> Option<Self> {
        let Subject::User { id, session } = claims.subject else { return None };
        let read_only = claims.scope.contains(Scope::READ_ONLY);
        Some(Self {
            user: id,
            session,
            client_id: claims.client_id,
            scope: claims.scope,
            roles: claims.roles.unwrap_or_default(),
            expires_at: claims.expires_at,
            impersonation: claims.actor.map(|by| Impersonation { by, read_only }),
        })
    }
}

/// Somebody who acts as another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Who it is.
    pub by: UserId,
    /// Whether nothing may be changed.
    pub read_only: bool,
}

/// Whoever calls, and what they may do at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub identity: Identity,
    /// What they may do.
    pub permissions: Permissions,
    /// By which roles, as far as roles have to do with it.
    pub roles: Vec<RoleName>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A user, in a session.
    User(UserSession),
    /// An API key.
    ApiKey {
        /// Which.
        id: ApiKeyId,
        /// For whom it acts.
        owner: UserId,
        /// How often it may be used.
        quota: Option<Quota>,
        /// When it ends.
        expires_at: Option<Timestamp>,
    },
    /// An OAuth 2 client in its own name.
    Client {
        /// Its `client_id`.
        id: String,
    },
    /// The operator, at the command line of a machine that reaches the database.
    Operator,
}

/// The caller may not do that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the permission {0}")]
pub struct Forbidden(pub Permission);

impl Caller {
    /// The operator, who may do everything.
    pub fn operator() -> Self {
        Self { identity: Identity::Operator, permissions: Permissions::all(), roles: Vec::new() }
    }

    /// Refuses whoever has not this permission.
    pub fn require(&self, permission: impl Into<Permission>) -> Result<(), Forbidden> {
        let permission = permission.into();
        if self.permissions.allow(&permission) { Ok(()) } else { Err(Forbidden(permission)) }
    }

    /// Refuses whoever has not all of these: nobody gives away what they lack.
    pub fn require_all(&self, permissions: &Permissions) -> Result<(), Forbidden> {
        permissions.iter().try_for_each(|permission| self.require(permission.clone()))
    }

    /// Whether `asked` is allowed.
    pub fn may(&self, asked: Asked) -> bool {
        self.permissions.allow(&asked.into())
    }

    /// Who it is for the audit trail. Whoever acts as another user is named by the origin.
    pub fn actor(&self) -> Actor {
        match &self.identity {
            Identity::User(session) => Actor::User(session.user),
            Identity::ApiKey { id, .. } => Actor::ApiKey(*id),
            Identity::Client { id } => Actor::Client(id.clone()),
            Identity::Operator => Actor::Operator,
        }
    }

    /// The account that calls, or that the key acts for.
    pub const fn user(&self) -> Option<UserId> {
        match &self.identity {
            Identity::User(session) => Some(session.user),
            Identity::ApiKey { owner, .. } => Some(*owner),
            Identity::Client { .. } | Identity::Operator => None,
        }
    }

    /// The session that calls.
    pub const fn session(&self) -> Option<&UserSession> {
        match &self.identity {
            Identity::User(session) => Some(session),
            _ => None,
        }
    }
}
