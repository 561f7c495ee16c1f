//! Domain events: what happened, in ids and facts, never with a secret.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{EventId, SessionId, UserId};
use crate::ports::delivery::Delivery;
use crate::sessions::RevocationReason;

/// Something that happened and that others may depend on. The serialized form (`{"type": …, "data": {…}}`)
/// is a public contract: within `v1` fields may be added, never renamed, retyped or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Somebody signed in.
    #[serde(rename = "portcullis.session.started.v1")]
    SessionStarted {
        /// The account.
        user_id: UserId,
        /// The new session.
        session_id: SessionId,
        /// Where the request came from.
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
        ip: Option<IpAddr>,
        /// What the client called itself.
        user_agent: Option<String>,
    },
}

impl Event {
    /// The event's name: the AMQP routing key, for instance `user.registered`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UserRegistered { .. } => "user.registered",
            Self::UserUpdated { .. } => "user.updated",
            Self::UserPasswordChanged { .. } => "user.password_changed",
            Self::UserDeleted { .. } => "user.deleted",
            Self::SessionStarted { .. } => "session.started",
            Self::SessionRefreshed { .. } => "session.refreshed",
            Self::SessionRevoked { .. } => "session.revoked",
            Self::SessionReuseDetected { .. } => "session.reuse_detected",
            Self::LoginFailed { .. } => "login.failed",
        }
    }

    /// The CloudEvents `type`, for instance `portcullis.user.registered.v1`.
    pub fn cloud_event_type(&self) -> String {
        format!("portcullis.{}.v1", self.name())
    }

    /// The account that the event is about; events about one account are delivered in the order of their commits.
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::UserRegistered { user_id, .. }
            | Self::UserUpdated { user_id, .. }
            | Self::UserPasswordChanged { user_id }
            | Self::UserDeleted { user_id }
            | Self::SessionStarted { user_id, .. }
            | Self::SessionRefreshed { user_id, .. }
            | Self::SessionRevoked { user_id, .. }
            | Self::SessionReuseDetected { user_id, .. } => Some(*user_id),
            Self::LoginFailed { user_id, .. } => *user_id,
        }
    }

    /// The CloudEvents `subject`: `users/<id>`. A refused login has a subject of its own, `logins/<event id>`: it
    /// keeps no order, so that attempts on one account neither hold up its events nor take longer than attempts on none.
    pub fn subject(&self, id: EventId) -> String {
        match self.user_id() {
            Some(user) if !matches!(self, Self::LoginFailed { .. }) => format!("users/{user}"),
            _ => format!("logins/{id}"),
        }
    }
}

/// A CloudEvents 1.0 envelope in structured mode (`application/cloudevents+json`): what consumers receive.
#[derive(Clone, Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: EventId,
    source: &'a str,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    dataschema: String,
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    /// Adds `type` and `data`.
    #[serde(flatten)]
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
            dataschema: format!("{}/schemas/{}.json", source.trim_end_matches('/'), delivery.event.cloud_event_type()),
            // 20 digits, so that the text sorts like the number (CloudEvents sequence extension).
            sequence: format!("{:020}", delivery.sequence),
            traceparent: delivery.traceparent.as_deref(),
            event: &delivery.event,
        }
    }
}
