//! People and sessions.

use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, OneTimeToken, Permissions, Purpose, Role, RoleName};
use portcullis_domain::accounts::{Email, User};
use portcullis_domain::audit::Actor;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{ApiKeyId, SessionId, UserId, WebhookId};
use portcullis_domain::ports::store::{Effect, Store};
use portcullis_domain::secret::SecretDigest;
use portcullis_domain::sessions::{Rotated, Rotation, Session, TokenDigest, TokenFamily};
use portcullis_domain::tokens::Scope;
use portcullis_domain::webhooks::{Webhook, WebhookStatus, WebhookUrl};

use super::Counter;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds)
}

pub(crate) fn user(name: &str) -> User {
    let email = Email::parse(&format!("{name}@example.com")).unwrap();
    User::new(UserId::new(at(0), &Counter), None, email, at(0))
}

pub(crate) fn session(user: &User) -> Session {
    Session {
        id: SessionId::new(at(0), &Counter),
        user: user.id,
        client_id: "portcullis".to_owned(),
        scope: Scope::default(),
        authenticated_at: at(0),
        created_at: at(0),
        last_seen_at: at(0),
        idle_expires_at: at(1_000_000),
        expires_at: at(2_000_000),
        revoked: None,
        ip: None,
        user_agent: None,
        impersonation: None,
        family: TokenFamily::new(digest(0)),
    }
}

/// The digest of the token of a generation.
pub(crate) fn digest(generation: u32) -> TokenDigest {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&generation.to_be_bytes());
    TokenDigest(bytes)
}

pub(crate) fn rotation(session: SessionId, generation: u32) -> Rotation {
    Rotation {
        session,
        generation,
        presented: digest(generation),
        successor: digest(generation + 1),
        at: at(10),
        idle_expires_at: at(1_000_010),
        grace: Duration::from_secs(10),
    }
}

pub(crate) fn announced(user: &User) -> Effect {
    sent_to(user, &[])
}

/// The same, sent to these webhooks besides.
pub(crate) fn sent_to(user: &User, webhooks: &[WebhookId]) -> Effect {
    let event = Event::UserPasswordChanged { user_id: user.id };
    Effect::Publish { event, traceparent: None, webhooks: webhooks.to_vec() }
}

pub(crate) fn client(id: &str) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        name: None,
        secret: SecretDigest(digest(1).0),
        previous: Some((SecretDigest(digest(2).0), at(100))),
        scope: Scope::parse("orders:read").unwrap(),
        created_at: at(0),
        updated_at: at(0),
        deleted_at: None,
        version: 1,
    }
}

pub(crate) fn role(name: &str) -> Role {
    Role {
        name: RoleName::parse(name).unwrap(),
        description: String::new(),
        permissions: Permissions::all(),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

pub(crate) fn api_key(owner: &User) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(at(0), &Counter),
        owner: owner.id,
        name: "nightly".to_owned(),
        secret: SecretDigest(digest(1).0),
        previous: Some((SecretDigest(digest(2).0), at(100))),
        permissions: Permissions::all(),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        created_at: at(0),
        updated_at: at(0),
        expires_at: None,
        revoked_at: None,
        version: 1,
    }
}

pub(crate) fn one_time_token(owner: &User) -> OneTimeToken {
    let (digest, user) = (SecretDigest(digest(3).0), Some(owner.id));
    let purpose = Purpose::SetPassword;
    let (version, maker) = (Some(owner.version), Actor::User(owner.id));
    OneTimeToken { digest, purpose, user, version, maker, created_at: at(0), expires_at: at(100) }
}

pub(crate) fn webhook() -> Webhook {
    Webhook {
        id: WebhookId::new(at(0), &Counter),
        url: WebhookUrl::parse("https://hooks.example.com/").unwrap(),
        events: vec!["user.*".to_owned()],
        sealed_secret: vec![1; 60],
        previous: Some((vec![2; 60], at(100))),
        status: WebhookStatus::Disabled { at: at(0), why: "asleep".to_owned() },
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

/// Adds an account and a session of it.
pub(crate) async fn signed_in(store: &impl Store, name: &str) -> (User, Session) {
    let user = user(name);
    let session = session(&user);
    let mut tx = store.begin().await.unwrap();
    tx.users().insert(&user).await.unwrap();
    tx.sessions().insert(&session).await.unwrap();
    tx.commit(at(0), vec![announced(&user)]).await.unwrap();
    (user, session)
}

/// Uses the live token of a generation; the unit stays open.
pub(crate) async fn rotated(
    store: &impl Store,
    session: SessionId,
    generation: u32,
) -> Box<dyn portcullis_domain::ports::store::Tx> {
    let mut tx = store.begin().await.unwrap();
    let rotated = tx.sessions().rotate(&rotation(session, generation)).await.unwrap();
    assert!(matches!(rotated, Rotated::First(_)), "{rotated:?}");
    tx
}

pub(crate) async fn generation(store: &impl Store, session: SessionId) -> u32 {
    let mut tx = store.begin().await.unwrap();
    tx.sessions().by_id(session).await.unwrap().unwrap().family.generation
}
