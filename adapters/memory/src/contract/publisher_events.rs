//! One event of every kind.

use std::net::IpAddr;

use portcullis_domain::accounts::User;
use portcullis_domain::event::Event;
use portcullis_domain::ids::{EventId, TokenId, WebhookId};
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::sessions::{RevocationReason, Session};

use super::samples::{RANDOM, at, client_id};

/// One event of every kind, about `user` where it is about somebody, with and without its optional fields.
pub(super) fn every_kind(user: &User, session: &Session) -> Vec<Event> {
    let (user_id, session_id) = (user.id, session.id);
    let (ip, user_agent) = (Some(IpAddr::from([192, 0, 2, 7])), Some("Mozilla/5.0 (日本)".to_owned()));
    let started = |ip, user_agent| Event::SessionStarted { user_id, session_id, ip, user_agent };
    let failed = |user_id| Event::LoginFailed { user_id, ip, user_agent: user_agent.clone() };
    vec![
        Event::UserRegistered { user_id, username: Some("ann".to_owned()), email: "grüße@example.com".to_owned() },
        Event::UserRegistered { user_id, username: None, email: "ann@example.com".to_owned() },
        Event::UserUpdated { user_id, changed: vec!["email".to_owned(), "username".to_owned()] },
        Event::UserPasswordChanged { user_id },
        Event::UserDeleted { user_id },
        started(ip, user_agent.clone()),
        started(None, None),
        Event::SessionRefreshed { user_id, session_id },
        Event::SessionRevoked { user_id, session_id, reason: RevocationReason::PasswordChanged, until: at(900) },
        Event::SessionReuseDetected { user_id, session_id, ip, user_agent: user_agent.clone() },
        failed(Some(user_id)),
        failed(None),
        Event::TokenRevoked { token_id: TokenId::new(at(0), &RANDOM), client_id: "orders".to_owned(), until: at(900) },
        Event::ClientCreated { client_id: client_id("orders"), scope: "orders:read orders:write".to_owned() },
        Event::ClientSecretRotated { client_id: client_id("orders") },
        Event::ClientDeleted { client_id: client_id("orders"), until: at(900) },
        Event::KeysRotated {
            kid: "k4.pid.next".to_owned(),
            algorithm: "v4.public".to_owned(),
            activates_at: at(86_400),
        },
        Event::KeysRevoked { kid: "k4.pid.old".to_owned(), algorithm: "ES256".to_owned() },
        Event::WebhookDisabled {
            webhook_id: WebhookId::new(at(0), &RANDOM),
            reason: "it answered 410: it wants no more events".to_owned(),
        },
    ]
}

/// The routing keys of CONTRACT, in the order of [`every_kind`].
pub(super) const ROUTING_KEYS: [&str; 19] = [
    "user.registered",
    "user.registered",
    "user.updated",
    "user.password_changed",
    "user.deleted",
    "session.started",
    "session.started",
    "session.refreshed",
    "session.revoked",
    "session.reuse_detected",
    "login.failed",
    "login.failed",
    "token.revoked",
    "client.created",
    "client.secret_rotated",
    "client.deleted",
    "keys.rotated",
    "keys.revoked",
    "webhook.disabled",
];

/// A delivery of `event`, as the outbox gives it at the first attempt.
pub(super) fn delivery(event: Event, sequence: u64, traceparent: Option<&str>) -> Delivery {
    let id = EventId::new(at(0), &RANDOM);
    Delivery {
        id,
        sequence,
        subject: event.subject(id),
        occurred_at: at(7),
        event,
        traceparent: traceparent.map(str::to_owned),
        attempts: 1,
        refusals: 0,
    }
}
