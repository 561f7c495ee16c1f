//! Domain events: what happened, in ids and facts, never with a secret.

mod example;
mod schema;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::{Permission, RoleName};
use crate::clients::ClientId;
use crate::ids::{ApiKeyId, EventId, SessionId, TokenId, UserId, WebhookId};
use crate::ports::delivery::Delivery;
use crate::sessions::RevocationReason;

pub use schema::EventSchema;
pub(crate) use schema::open_choice;

/// Something that happened and that others may depend on. The serialized form (`{"type": …, "data": {…}}`)
/// is a public contract: within `v1` fields may be added, never renamed, retyped or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
#[non_exhaustive]
pub enum Event {
    /// An account was opened.
    #[serde(rename = "portcullis.user.registered.v1")]
    UserRegistered {
        /// The new account.
        user_id: UserId,
        /// Its username, when it has one.
        username: Option<String>,
        /// Its e-mail address.
        email: String,
    },
    /// Username or e-mail of an account changed.
    #[serde(rename = "portcullis.user.updated.v1")]
    UserUpdated {
        /// The account.
        user_id: UserId,
        /// The names of the fields that changed.
        changed: Vec<String>,
    },
    /// An account's password was changed by its owner.
    #[serde(rename = "portcullis.user.password_changed.v1")]
    UserPasswordChanged {
        /// The account.
        user_id: UserId,
    },
    /// An account was deleted; consumers follow by deleting what they hold.
    #[serde(rename = "portcullis.user.deleted.v1")]
    UserDeleted {
        /// The account that was.
        user_id: UserId,
    },
    /// An account was disabled: nobody can log in, and its sessions end.
    #[serde(rename = "portcullis.user.disabled.v1")]
    UserDisabled {
        /// The account.
        user_id: UserId,
    },
    /// An account may be used again.
    #[serde(rename = "portcullis.user.enabled.v1")]
    UserEnabled {
        /// The account.
        user_id: UserId,
    },
    /// The roles of an account changed: what older tokens say of them holds no more.
    #[serde(rename = "portcullis.user.roles_changed.v1")]
    UserRolesChanged {
        /// The account.
        user_id: UserId,
        /// All its roles from now on, by name.
        roles: Vec<RoleName>,
    },
    /// The password of an account has to be changed before anybody can log in with it.
    #[serde(rename = "portcullis.user.password_expired.v1")]
    UserPasswordExpired {
        /// The account.
        user_id: UserId,
    },
    /// Somebody acts as the user, for support.
    #[serde(rename = "portcullis.user.impersonated.v1")]
    UserImpersonated {
        /// The account.
        user_id: UserId,
        /// The session in which it happens.
        session_id: SessionId,
        /// Who acts.
        impersonator_id: UserId,
        /// Whether nothing can be changed.
        read_only: bool,
        /// When it ends.
        until: Timestamp,
    },
    /// A role was created.
    #[serde(rename = "portcullis.role.created.v1")]
    RoleCreated {
        /// Its name.
        role: RoleName,
        /// What its holders may do.
        permissions: Vec<Permission>,
    },
    /// A role was changed: what older tokens of its holders say of permissions holds no more.
    #[serde(rename = "portcullis.role.updated.v1")]
    RoleUpdated {
        /// Its name.
        role: RoleName,
        /// What its holders may do from now on.
        permissions: Vec<Permission>,
    },
    /// A role was deleted, and taken from all its holders.
    #[serde(rename = "portcullis.role.deleted.v1")]
    RoleDeleted {
        /// Its name.
        role: RoleName,
    },
    /// An API key was created.
    #[serde(rename = "portcullis.api_key.created.v1")]
    ApiKeyCreated {
        /// The account that it acts for.
        user_id: UserId,
        /// The key.
        api_key_id: ApiKeyId,
    },
    /// An API key got a new secret.
    #[serde(rename = "portcullis.api_key.rotated.v1")]
    ApiKeyRotated {
        /// The account that it acts for.
        user_id: UserId,
        /// The key.
        api_key_id: ApiKeyId,
    },
    /// An API key was revoked.
    #[serde(rename = "portcullis.api_key.revoked.v1")]
    ApiKeyRevoked {
        /// The account that it acted for.
        user_id: UserId,
        /// The key.
        api_key_id: ApiKeyId,
    },
    /// Somebody signed in.
    #[serde(rename = "portcullis.session.started.v1")]
    SessionStarted {
        /// The account.
        user_id: UserId,
        /// The new session.
        session_id: SessionId,
        /// Where the request came from.
        #[schemars(schema_with = "schema::address")]
        ip: Option<IpAddr>,
        /// What the client called itself.
        user_agent: Option<String>,
    },
    /// A refresh token was rotated. Published only when the setting says so.
    #[serde(rename = "portcullis.session.refreshed.v1")]
    SessionRefreshed {
        /// The account.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
    },
    /// A session ended before its time: verifiers refuse its tokens from here on.
    #[serde(rename = "portcullis.session.revoked.v1")]
    SessionRevoked {
        /// The account.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
        /// Why it ended.
        reason: RevocationReason,
        /// When the last access token of the session expires: a verifier may forget the revocation then.
        until: Timestamp,
    },
    /// A refresh token was used again after its successor had taken over: one of the two holders stole it.
    #[serde(rename = "portcullis.session.reuse_detected.v1")]
    SessionReuseDetected {
        /// The account.
        user_id: UserId,
        /// The session, revoked by this.
        session_id: SessionId,
        /// Where the reuse came from.
        #[schemars(schema_with = "schema::address")]
        ip: Option<IpAddr>,
        /// What the client called itself.
        user_agent: Option<String>,
    },
    /// A login was refused.
    #[serde(rename = "portcullis.login.failed.v1")]
    LoginFailed {
        /// The account that was aimed at; absent when there is none of that name.
        user_id: Option<UserId>,
        /// Where the attempt came from.
        #[schemars(schema_with = "schema::address")]
        ip: Option<IpAddr>,
        /// What the client called itself.
        user_agent: Option<String>,
    },
    /// A token that belongs to no session was revoked before its time: verifiers refuse it from here on.
    #[serde(rename = "portcullis.token.revoked.v1")]
    TokenRevoked {
        /// The token (`jti`).
        token_id: TokenId,
        /// The client that it was issued to.
        client_id: String,
        /// When it expires: a verifier may forget the revocation then.
        until: Timestamp,
    },
    /// A client was created.
    #[serde(rename = "portcullis.client.created.v1")]
    ClientCreated {
        /// The client.
        client_id: ClientId,
        /// The most that its tokens may allow, separated by spaces.
        scope: String,
    },
    /// A client got a new secret.
    #[serde(rename = "portcullis.client.secret_rotated.v1")]
    ClientSecretRotated {
        /// The client.
        client_id: ClientId,
    },
    /// A client was deleted: verifiers refuse the tokens that it got in its own name from here on.
    #[serde(rename = "portcullis.client.deleted.v1")]
    ClientDeleted {
        /// The client that was. Its id is not given again.
        client_id: ClientId,
        /// When the last token of the client expires: a verifier may forget it then.
        until: Timestamp,
    },
    /// The next signing key is published: verifiers fetch it now, for tokens will be signed with it.
    #[serde(rename = "portcullis.keys.rotated.v1")]
    KeysRotated {
        /// The new key.
        kid: String,
        /// What it signs: `ES256`, `EdDSA`, `RS256` or `v4.public`.
        algorithm: String,
        /// From when on it signs.
        activates_at: Timestamp,
    },
    /// A signing key was withdrawn before its time: verifiers drop it at once.
    #[serde(rename = "portcullis.keys.revoked.v1")]
    KeysRevoked {
        /// The key that is not to be trusted any more.
        kid: String,
        /// What it signed.
        algorithm: String,
    },
    /// A webhook was disabled.
    #[serde(rename = "portcullis.webhook.disabled.v1")]
    WebhookDisabled {
        /// The webhook.
        webhook_id: WebhookId,
        /// Why: `gone` (the receiver answered 410), `failing` (nothing got through for too long) or `operator`.
        reason: String,
    },
}

impl Event {
    /// The event's name: the AMQP routing key, for instance `user.registered`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UserRegistered { .. } => "user.registered",
            Self::UserUpdated { .. } => "user.updated",
            Self::UserPasswordChanged { .. } => "user.password_changed",
            Self::UserDisabled { .. } => "user.disabled",
            Self::UserEnabled { .. } => "user.enabled",
            Self::UserRolesChanged { .. } => "user.roles_changed",
            Self::UserPasswordExpired { .. } => "user.password_expired",
            Self::UserImpersonated { .. } => "user.impersonated",
            Self::RoleCreated { .. } => "role.created",
            Self::RoleUpdated { .. } => "role.updated",
            Self::RoleDeleted { .. } => "role.deleted",
            Self::ApiKeyCreated { .. } => "api_key.created",
            Self::ApiKeyRotated { .. } => "api_key.rotated",
            Self::ApiKeyRevoked { .. } => "api_key.revoked",
            Self::UserDeleted { .. } => "user.deleted",
            Self::SessionStarted { .. } => "session.started",
            Self::SessionRefreshed { .. } => "session.refreshed",
            Self::SessionRevoked { .. } => "session.revoked",
            Self::SessionReuseDetected { .. } => "session.reuse_detected",
            Self::LoginFailed { .. } => "login.failed",
            Self::TokenRevoked { .. } => "token.revoked",
            Self::ClientCreated { .. } => "client.created",
            Self::ClientSecretRotated { .. } => "client.secret_rotated",
            Self::ClientDeleted { .. } => "client.deleted",
            Self::KeysRotated { .. } => "keys.rotated",
            Self::KeysRevoked { .. } => "keys.revoked",
            Self::WebhookDisabled { .. } => "webhook.disabled",
        }
    }

    /// The CloudEvents `type`, for instance `portcullis.user.registered.v1`.
    pub fn cloud_event_type(&self) -> String {
        format!("portcullis.{}.v1", self.name())
    }

    /// The CloudEvents `subject`: `users/<id>`, `roles/<name>`, `clients/<id>`, `keys/<kid>` or `webhooks/<id>`; events of one subject
    /// are delivered in the order of their commits. A refused login has a subject of its own, `logins/<event id>`: it
    /// keeps no order, so that attempts on one account neither hold up its events nor take longer than attempts on none.
    pub fn subject(&self, id: EventId) -> String {
        match self {
            Self::UserRegistered { user_id, .. }
            | Self::UserUpdated { user_id, .. }
            | Self::UserPasswordChanged { user_id }
            | Self::UserDisabled { user_id }
            | Self::UserEnabled { user_id }
            | Self::UserRolesChanged { user_id, .. }
            | Self::UserPasswordExpired { user_id }
            | Self::UserImpersonated { user_id, .. }
            | Self::ApiKeyCreated { user_id, .. }
            | Self::ApiKeyRotated { user_id, .. }
            | Self::ApiKeyRevoked { user_id, .. }
            | Self::UserDeleted { user_id }
            | Self::SessionStarted { user_id, .. }
            | Self::SessionRefreshed { user_id, .. }
            | Self::SessionRevoked { user_id, .. }
            | Self::SessionReuseDetected { user_id, .. } => format!("users/{user_id}"),
            Self::RoleCreated { role, .. } | Self::RoleUpdated { role, .. } | Self::RoleDeleted { role } => {
                format!("roles/{role}")
            }
            Self::LoginFailed { .. } => format!("logins/{id}"),
            Self::TokenRevoked { client_id, .. } => format!("clients/{client_id}"),
            Self::ClientCreated { client_id, .. }
            | Self::ClientSecretRotated { client_id }
            | Self::ClientDeleted { client_id, .. } => format!("clients/{client_id}"),
            Self::KeysRotated { kid, .. } | Self::KeysRevoked { kid, .. } => format!("keys/{kid}"),
            Self::WebhookDisabled { webhook_id, .. } => format!("webhooks/{webhook_id}"),
        }
    }
}

/// A CloudEvents 1.0 envelope in structured mode (`application/cloudevents+json`): what consumers receive.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CloudEvent<'a> {
    /// The version of CloudEvents.
    #[schemars(extend("const" = "1.0"))]
    specversion: &'static str,
    /// The event, the same in every duplicate of it: whoever has handled this id passes it over.
    id: EventId,
    /// The issuer whose event it is.
    #[schemars(extend("format" = "uri"))]
    source: &'a str,
    /// What the event is about; events of one subject arrive in the order of their commits.
    subject: &'a str,
    /// When it happened.
    time: Timestamp,
    /// The media type of `data`.
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: &'static str,
    /// Where the JSON Schema of `data` is.
    #[schemars(extend("format" = "uri"))]
    dataschema: String,
    /// Grows from event to event of one subject, with gaps; 20 digits, so that the text sorts like the number.
    #[schemars(regex(pattern = "^[0-9]{20}$"))]
    sequence: String,
    /// The W3C Trace Context of the request that caused the event; absent when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::traceparent")]
    traceparent: Option<&'a str>,
    /// Adds `type` and `data`.
    #[serde(flatten)]
    #[schemars(skip)]
    event: &'a Event,
}

impl<'a> CloudEvent<'a> {
    /// The media type of the serialized envelope.
    pub const MEDIA_TYPE: &'static str = "application/cloudevents+json";

    /// Wraps a delivery; `source` is the issuer URL, under which the schemas of the data are served.
    pub fn new(delivery: &'a Delivery, source: &'a str) -> Self {
        Self {
            specversion: "1.0",
            id: delivery.id,
            source,
            subject: &delivery.subject,
            time: delivery.occurred_at,
            datacontenttype: "application/json",
            dataschema: schema::url(source, &delivery.event.cloud_event_type()),
            // CloudEvents sequence extension.
            sequence: format!("{:020}", delivery.sequence),
            traceparent: delivery.traceparent.as_deref(),
            event: &delivery.event,
        }
    }
}
