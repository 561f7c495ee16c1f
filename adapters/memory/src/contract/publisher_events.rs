//! One event of every kind.

use std::net::IpAddr;

use portcullis_domain::accounts::User;
use portcullis_domain::event::Event;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::sessions::{RevocationReason, Session};

use super::samples::{RANDOM, at};

/// One event of every kind about `user`, with and without its optional fields.
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
    ]
}

/// The routing keys of CONTRACT, in the order of [`every_kind`].
pub(super) const ROUTING_KEYS: [&str; 12] = [
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
    }
}
