//! An entry of the audit trail.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::Timestamp;
use crate::ids::{ApiKeyId, AuditId, SessionId, UserId};
use crate::origin::Origin;
use crate::ports::ambient::Randomness;

/// Who did what, on whom, from where, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Which entry.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// On whom.
    pub subject: Option<UserId>,
    /// In or on which session.
    pub session: Option<SessionId>,
    /// Who acted in the name of the actor, when it was somebody else (RFC 8693 §4.1).
    pub impersonator: Option<UserId>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// More, in a few words; never a secret. Of what callers write only the reason that an administrator gave is repeated:
    /// at most 200 characters, none of which breaks a line or turns its direction.
    pub detail: Option<String>,
}

impl AuditEntry {
    /// An act that succeeded, of `actor` and without a subject or a session yet.
    pub fn new(at: Timestamp, random: &dyn Randomness, actor: Actor, action: Action, origin: &Origin) -> Self {
        Self {
            id: AuditId::new(at, random),
            at,
            actor,
            action,
            outcome: Outcome::Success,
            subject: None,
            session: None,
            impersonator: origin.impersonator,
            ip: origin.ip,
            user_agent: origin.user_agent.clone(),
            request_id: origin.request_id.clone(),
            detail: None,
        }
    }

    /// On whom.
    #[must_use]
    pub const fn on(mut self, subject: UserId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// In or on which session.
    #[must_use]
    pub const fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// It was refused.
    #[must_use]
    pub const fn refused(mut self, why: Refusal) -> Self {
        self.outcome = Outcome::Refused(why);
        self
    }

    /// More, in a few words.
    #[must_use]
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who has said who they are.
    Anonymous,
    /// A user.
    User(UserId),
    /// An OAuth 2 client.
    Client(String),
    /// An API key.
    ApiKey(ApiKeyId),
    /// The operator, at the command line.
    Operator,
    /// The service itself.
    Service,
}

impl Actor {
    /// The kind, for storage and filters: `anonymous`, `user`, `client`, `api_key`, `operator` or `service`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::ApiKey(_) => "api_key",
            Self::Operator => "operator",
            Self::Service => "service",
        }
    }

    /// Which of its kind.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Client(id) => Some(id.clone()),
            Self::ApiKey(id) => Some(id.to_string()),
            Self::Anonymous | Self::Operator | Self::Service => None,
        }
    }

    /// Reads what [`Actor::kind`] and [`Actor::id`] wrote.
    pub fn parse(kind: &str, id: Option<&str>) -> Option<Self> {
        match (kind, id) {
            ("anonymous", None) => Some(Self::Anonymous),
            ("user", Some(id)) => id.parse().ok().map(Self::User),
            ("client", Some(id)) => Some(Self::Client(id.to_owned())),
            ("api_key", Some(id)) => id.parse().ok().map(Self::ApiKey),
            ("operator", None) => Some(Self::Operator),
            ("service", None) => Some(Self::Service),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    /// `user:<id>`, `client:<id>`, `api_key:<id>`, or the kind alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            Some(id) => write!(f, "{}:{id}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the public name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// What was done, or tried.
    Action {
        /// An account was opened.
        Register = "account.register",
        /// Username or address were changed.
        UpdateProfile = "account.update",
        /// A password was changed.
        ChangePassword = "password.change",
        /// A password hash was replaced by a stronger one of the same password.
        UpgradePassword = "password.upgrade",
        /// An account was deleted.
        DeleteAccount = "account.delete",
        /// An account was brought in from elsewhere.
        Import = "account.import",
        /// Accounts were written out, without their password hashes.
        Export = "account.export",
        /// Accounts were written out, with their password hashes.
        ExportHashes = "account.export_hashes",
        /// Somebody signed in.
        LogIn = "session.login",
        /// Somebody presented a refresh token.
        Refresh = "session.refresh",
        /// A session was ended.
        Revoke = "session.revoke",
        /// All sessions of an account were ended.
        RevokeAll = "session.revoke_all",
        /// A signing key was made.
        CreateKey = "key.create",
        /// A signing key was withdrawn before its time.
        RevokeKey = "key.revoke",
        /// A signing key whose last token had expired was destroyed.
        DestroyKey = "key.destroy",
        /// A client was created.
        CreateClient = "client.create",
        /// A client got a new secret.
        RotateClientSecret = "client.rotate_secret",
        /// A client was deleted.
        DeleteClient = "client.delete",
        /// A client tried to prove itself.
        AuthenticateClient = "client.authenticate",
        /// A client got a token in its own name.
        GrantToken = "token.grant",
        /// A token that belongs to no session was revoked.
        RevokeToken = "token.revoke",
        /// A webhook was created.
        CreateWebhook = "webhook.create",
        /// A webhook was changed, enabled, or got a new secret.
        UpdateWebhook = "webhook.update",
        /// A webhook was disabled, by an operator or because it failed for too long.
        DisableWebhook = "webhook.disable",
        /// A webhook was deleted.
        DeleteWebhook = "webhook.delete",
        /// An account was opened by somebody else.
        CreateUser = "user.create",
        /// An account was changed by somebody else.
        UpdateUser = "user.update",
        /// An account was disabled.
        DisableUser = "user.disable",
        /// An account was enabled.
        EnableUser = "user.enable",
        /// Somebody has to choose a new password.
        ExpirePassword = "password.expire",
        /// A password was chosen by a link that works once.
        SetPassword = "password.set",
        /// A link that works once was made.
        CreateLink = "link.create",
        /// The first administrator was made.
        SetUp = "setup",
        /// Somebody acts as another user.
        Impersonate = "user.impersonate",
        /// A role was given to an account.
        GrantRole = "role.grant",
        /// A role was taken from an account.
        WithdrawRole = "role.withdraw",
        /// A role was created.
        CreateRole = "role.create",
        /// A role was changed.
        UpdateRole = "role.update",
        /// A role was deleted.
        DeleteRole = "role.delete",
        /// An API key was created.
        CreateApiKey = "api_key.create",
        /// An API key was changed.
        UpdateApiKey = "api_key.update",
        /// An API key got a new secret.
        RotateApiKey = "api_key.rotate",
        /// An API key was revoked.
        RevokeApiKey = "api_key.revoke",
        /// Everything that is kept of an account was read.
        ExportAccount = "account.read_all",
        /// Something was asked for by somebody who may not do it; the detail says which operation.
        AccessDenied = "access.deny",
    }
}

impl Action {
    /// Whether the detail of such an act repeats what somebody wrote about its subject.
    pub const fn tells_reason(self) -> bool {
        matches!(self, Self::DisableUser | Self::Impersonate)
    }
}

words! {
    /// Why something was refused.
    Refusal {
        /// There is no such account.
        UnknownAccount = "unknown_account",
        /// The password was wrong.
        WrongPassword = "wrong_password",
        /// The account may not be used.
        AccountDisabled = "account_disabled",
        /// A refresh token was used again.
        TokenReuse = "token_reuse",
        /// Address or username belong to somebody else.
        Taken = "taken",
        /// There is no such client, or no more.
        UnknownClient = "unknown_client",
        /// The client secret was wrong.
        WrongSecret = "wrong_secret",
        /// The password has to be changed first.
        PasswordExpired = "password_expired",
        /// The caller lacks a permission that is needed.
        NotPermitted = "not_permitted",
        /// The role would have lost its last holder.
        LastHolder = "last_holder",
    }
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Refused(Refusal),
}

impl Outcome {
    /// The reason of a refusal.
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Success => None,
            Self::Refused(why) => Some(why),
        }
    }
}

impl Serialize for Outcome {
    /// `success`, or the reason.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.refusal().map_or("success", Refusal::as_str))
    }
}

/// Which entries to look at; `None` filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this actor.
    pub actor: Option<Actor>,
    /// On this account.
    pub subject: Option<UserId>,
    /// On or by this account, in its own name or as somebody else.
    pub about: Option<UserId>,
    /// With `about`: these are API keys of that account, and what they did is about it too.
    pub keys: Vec<ApiKeyId>,
    /// Of this kind.
    pub action: Option<Action>,
    /// Not before this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Older than this entry: the last one of the page before, by its instant and id.
    pub before: Option<(Timestamp, AuditId)>,
    /// At most so many.
    pub limit: u32,
}
