//! One event of each kind, for documents and tests.

use uuid::Uuid;

use crate::Timestamp;
use crate::access::{Permission, RoleName};
use crate::clients::ClientId;
use crate::ids::{ApiKeyId, EventId, SessionId, TokenId, UserId, WebhookId};
use crate::ports::delivery::Delivery;
use crate::sessions::RevocationReason;

use super::Event;

/// 2026-01-15T09:30:00.25Z.
const NOW: Timestamp = Timestamp::from_unix_micros(1_768_469_400_250_000);
/// Sixteen minutes later.
const LATER: Timestamp = Timestamp::from_unix_micros(1_768_470_360_250_000);

const USER: UserId = UserId::from_uuid(Uuid::from_u128(0x019b_c0fc_1000_7a11_8000_0000_0000_0001));
const SESSION: SessionId = SessionId::from_uuid(Uuid::from_u128(0x019b_c0fc_2000_7a11_8000_0000_0000_0002));
const TOKEN: TokenId = TokenId::from_uuid(Uuid::from_u128(0x019b_c0fc_3000_7a11_8000_0000_0000_0003));
const KEY: ApiKeyId = ApiKeyId::from_uuid(Uuid::from_u128(0x019b_c0fc_6000_7a11_8000_0000_0000_0005));
const ADMIN: UserId = UserId::from_uuid(Uuid::from_u128(0x019b_c0fc_0500_7a11_8000_0000_0000_0006));
const WEBHOOK: WebhookId = WebhookId::from_uuid(Uuid::from_u128(0x019b_c0fc_4000_7a11_8000_0000_0000_0004));

impl Event {
    /// One event of each kind as it could be delivered, in the order of [`Event::schemas`].
    pub fn examples() -> Vec<Delivery> {
        let wrap = |(n, event): (u128, Self)| {
            let id = EventId::from_uuid(Uuid::from_u128(0x019b_c0fc_5000_7a11_8000_0000_0000_1000 + n));
            let sequence = 4_711 + u64::try_from(n).unwrap_or_default();
            let traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
            let subject = event.subject(id);
            Delivery { id, sequence, subject, occurred_at: NOW, event, traceparent, attempts: 1, refusals: 0 }
        };
        let events = accounts().into_iter().chain(administration()).chain(sessions()).chain(services());
        (0..).zip(events).map(wrap).collect()
    }
}

fn accounts() -> [Event; 4] {
    let (username, email) = (Some("ada".to_owned()), "ada@example.com".to_owned());
    [
        Event::UserRegistered { user_id: USER, username, email },
        Event::UserUpdated { user_id: USER, changed: vec!["email".to_owned()] },
        Event::UserPasswordChanged { user_id: USER },
        Event::UserDeleted { user_id: USER },
    ]
}

fn administration() -> Vec<Event> {
    let (user_id, api_key_id, session_id) = (USER, KEY, SESSION);
    let mut events = vec![
        Event::UserDisabled { user_id },
        Event::UserEnabled { user_id },
        Event::UserRolesChanged { user_id, roles: vec![RoleName::admin(), RoleName::user()] },
        Event::UserPasswordExpired { user_id },
        Event::UserImpersonated { user_id, session_id, impersonator_id: ADMIN, read_only: true, until: LATER },
    ];
    if let (Ok(role), Ok(permission)) = (RoleName::parse("support"), Permission::parse("users:read")) {
        let permissions = vec![permission];
        events.push(Event::RoleCreated { role: role.clone(), permissions: permissions.clone() });
        events.push(Event::RoleUpdated { role: role.clone(), permissions });
        events.push(Event::RoleDeleted { role });
    }
    events.push(Event::ApiKeyCreated { user_id, api_key_id });
    events.push(Event::ApiKeyRotated { user_id, api_key_id });
    events.push(Event::ApiKeyRevoked { user_id, api_key_id });
    events
}

fn sessions() -> [Event; 5] {
    let (user_id, session_id) = (USER, SESSION);
    // 203.0.113.7 and 2001:db8::7 belong to documentation (RFC 5737, RFC 3849).
    let (ip, user_agent) = (Some([203, 0, 113, 7].into()), Some("Mozilla/5.0".to_owned()));
    let elsewhere = Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into());
    [
        Event::SessionStarted { user_id, session_id, ip, user_agent: user_agent.clone() },
        Event::SessionRefreshed { user_id, session_id },
        Event::SessionRevoked { user_id, session_id, reason: RevocationReason::Logout, until: LATER },
        Event::SessionReuseDetected { user_id, session_id, ip: elsewhere, user_agent: None },
        Event::LoginFailed { user_id: None, ip, user_agent },
    ]
}

fn services() -> Vec<Event> {
    let (kid, algorithm) = ("oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U".to_owned(), "ES256".to_owned());
    let mut events = vec![Event::TokenRevoked { token_id: TOKEN, client_id: "orders".to_owned(), until: LATER }];
    if let Ok(client_id) = ClientId::parse("orders") {
        events.push(Event::ClientCreated { client_id: client_id.clone(), scope: "stock:read stock:write".to_owned() });
        events.push(Event::ClientSecretRotated { client_id: client_id.clone() });
        events.push(Event::ClientDeleted { client_id, until: LATER });
    }
    events.push(Event::KeysRotated { kid: kid.clone(), algorithm: algorithm.clone(), activates_at: LATER });
    events.push(Event::KeysRevoked { kid, algorithm });
    events.push(Event::WebhookDisabled { webhook_id: WEBHOOK, reason: "failing".to_owned() });
    events
}
