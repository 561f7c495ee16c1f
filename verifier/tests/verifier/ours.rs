//! Tokens of the service itself, made by the code that makes them in production.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::ports::tokens::{KeyRing, LiveKey, TokenIssuer};
use portcullis_domain::tokens::{Algorithm, Claims, Scope, SigningKey, Subject};
use portcullis_tokens::{TokenRing, TokenSettings};
use portcullis_verifier::testing::ManualClock;
use portcullis_verifier::{Rejected, Subject as Seen, Verifier};

use crate::rabbit::Dice;

const ISSUER: &str = "https://auth.example.com";
/// The noon of [`ManualClock`].
const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_268_800);

async fn ring(algorithm: Algorithm, kinds: &[Algorithm]) -> TokenRing {
    let settings = TokenSettings { algorithm, issuer: ISSUER.into(), audience: "orders".into() };
    let ring = TokenRing::new(settings, Arc::new(Dice));
    let mut keys = Vec::new();
    for (ordinal, kind) in (1..).zip(kinds) {
        let pair = ring.generate(*kind).await.expect("a key");
        let key = SigningKey {
            kid: pair.kid,
            algorithm: *kind,
            ordinal,
            public: pair.public,
            sealed_private: Vec::new(),
            created_at: NOW,
            activates_at: NOW,
            retires_at: None,
        };
        keys.push(LiveKey { key, private: pair.private });
    }
    ring.install(keys).expect("the keys fit");
    ring
}

fn claims() -> Claims {
    Claims {
        issuer: ISSUER.into(),
        subject: Subject::User { id: UserId::new(NOW, &Dice), session: SessionId::new(NOW, &Dice) },
        audience: "orders".into(),
        expires_at: NOW.plus(Duration::from_secs(900)),
        issued_at: NOW,
        id: TokenId::new(NOW, &Dice),
        client_id: "portcullis".into(),
        scope: Scope::parse("openid orders:read").expect("a scope"),
        authenticated_at: Some(NOW),
        actor: None,
        roles: Some(vec!["clerk".into()]),
        permissions: Some(vec!["orders:*".into()]),
    }
}

fn verifier(ring: &TokenRing, clock: &Arc<ManualClock>) -> Verifier {
    let documents = ring.published(NOW);
    Verifier::builder(ISSUER)
        .audience("orders")
        .fixed_keys(Some(&documents.jwks), Some(&documents.paserk))
        .clock(clock.clone())
        .build()
        .expect("what the service publishes is read")
}

#[tokio::test]
async fn what_the_service_issues_is_accepted_and_says_the_same() {
    for algorithm in Algorithm::ALL {
        let ring = ring(algorithm, &Algorithm::ALL).await;
        let clock = Arc::new(ManualClock::new());
        let verifier = verifier(&ring, &clock);
        assert_eq!(verifier.status().keys, 4, "every published key is understood");
        for claims in [claims(), Claims { roles: None, permissions: None, authenticated_at: None, ..claims() }] {
            let token = ring.issue(&claims).expect("a token");
            let read = verifier.verify(token.expose()).expect("it is valid");
            let Subject::User { id, session } = claims.subject else { panic!("they are a user's") };
            let (id, session) = (id.to_string(), session.to_string());
            assert_eq!(read.speaks_for(), Seen::User { id: &id, session: &session });
            assert_eq!(read.id(), claims.id.to_string());
            assert_eq!(read.scope().collect::<Vec<_>>(), ["openid", "orders:read"]);
            assert_eq!(read.expires_at(), claims.expires_at.as_unix_seconds());
            assert_eq!(read.issued_at(), claims.issued_at.as_unix_seconds());
            assert_eq!(read.authenticated_at(), claims.authenticated_at.map(Timestamp::as_unix_seconds));
            assert_eq!(read.permissions(), claims.permissions.unwrap_or_default());
            assert_eq!((read.issuer(), read.client_id()), (ISSUER, "portcullis"));
        }
        clock.advance(Duration::from_secs(900));
        let token = ring.issue(&claims()).expect("a token");
        assert_eq!(verifier.verify(token.expose()), Err(Rejected::Expired));
    }
}

#[tokio::test]
async fn whoever_acts_in_a_users_name_is_told_with_what_the_service_issues() {
    for algorithm in Algorithm::ALL {
        let ring = ring(algorithm, &[algorithm]).await;
        let verifier = verifier(&ring, &Arc::new(ManualClock::new()));
        let (admin, scope) = (UserId::new(NOW, &Dice), Scope::parse(Scope::READ_ONLY).expect("a scope"));
        let token = ring.issue(&Claims { actor: Some(admin), scope, ..claims() }).expect("a token");
        let read = verifier.verify(token.expose()).expect("it is valid");
        assert_eq!(read.actor(), Some(&*admin.to_string()));
        assert!(read.is_read_only() && read.permits("orders:read") && read.has_role("clerk"));
    }
}

#[tokio::test]
async fn what_the_service_issues_to_a_client_is_a_clients_own() {
    for algorithm in Algorithm::ALL {
        let ring = ring(algorithm, &[algorithm]).await;
        let verifier = verifier(&ring, &Arc::new(ManualClock::new()));
        let (client_id, authenticated_at) = ("reports".to_owned(), None);
        let claims = Claims { subject: Subject::Client, client_id, authenticated_at, ..claims() };
        let token = ring.issue(&claims).expect("a token");
        let read = verifier.verify(token.expose()).expect("it is valid");
        assert_eq!(read.speaks_for(), Seen::Client { id: "reports" });
        assert_eq!((read.user(), read.session(), read.client_id()), (None, None, "reports"));
        assert_eq!(read.id(), claims.id.to_string());
    }
}

#[tokio::test]
async fn tokens_of_another_ring_are_strangers() {
    for algorithm in Algorithm::ALL {
        let (one, two) = (ring(algorithm, &[algorithm]).await, ring(algorithm, &[algorithm]).await);
        let verifier = verifier(&one, &Arc::new(ManualClock::new()));
        let token = two.issue(&claims()).expect("a token");
        assert_eq!(verifier.verify(token.expose()), Err(Rejected::UnknownKey));
    }
}
