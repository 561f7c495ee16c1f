//! A ring with keys, and whoever got hold of one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{KeyPair, KeyRing, LiveKey, PrivateKey, TokenError, TokenIssuer, TokenVerifier};
use portcullis_domain::tokens::{Algorithm, Claims, Scope, SigningKey, Subject};
use portcullis_tokens::{TokenRing, TokenSettings};
use tokio::sync::OnceCell;

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_763_721_600);
pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const JWT: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// The keys behind a ring: the same for all tests of a process, for RSA keys take long to make.
pub(crate) type Pairs = &'static [(Algorithm, KeyPair)];

/// Never the same bytes twice from one, always the same from two that start alike.
#[derive(Default)]
pub(crate) struct Dice(AtomicU64);

impl Randomness for Dice {
    fn fill(&self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(32) {
            let throw = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&digest(&SHA256, &throw.to_be_bytes()).as_ref()[..chunk.len()]);
        }
    }
}

/// A ring without keys; no two make the same ones.
pub(crate) fn ring(algorithm: Algorithm) -> TokenRing {
    static RINGS: AtomicU64 = AtomicU64::new(1);
    let dice = Dice(AtomicU64::new(RINGS.fetch_add(1, Ordering::Relaxed) << 32));
    let settings = TokenSettings { algorithm, issuer: ISSUER.into(), audience: AUDIENCE.into() };
    TokenRing::new(settings, Arc::new(dice))
}

/// A key pair as the store would give it, active and never retiring.
pub(crate) fn live(algorithm: Algorithm, ordinal: u32, pair: &KeyPair) -> LiveKey {
    let key = SigningKey {
        kid: pair.kid.clone(),
        algorithm,
        ordinal,
        public: pair.public.clone(),
        sealed_private: Vec::new(),
        created_at: NOW,
        activates_at: NOW,
        retires_at: None,
    };
    LiveKey { key, private: pair.private.clone() }
}

static PAIRS: OnceCell<Vec<(Algorithm, KeyPair)>> = OnceCell::const_new();

async fn pairs() -> Vec<(Algorithm, KeyPair)> {
    let mut pairs = Vec::new();
    for algorithm in Algorithm::ALL {
        pairs.push((algorithm, ring(algorithm).generate(algorithm).await.expect("a key")));
    }
    pairs
}

/// A ring with one key of each algorithm, and the keys.
pub(crate) async fn scene(algorithm: Algorithm) -> (TokenRing, Pairs) {
    let ring = ring(algorithm);
    let pairs = PAIRS.get_or_init(pairs).await;
    ring.install(pairs.iter().map(|(each, pair)| live(*each, 1, pair)).collect()).expect("keys that fit");
    (ring, pairs)
}

pub(crate) fn claims() -> Claims {
    let dice = Dice::default();
    Claims {
        issuer: ISSUER.into(),
        subject: Subject::User { id: UserId::new(NOW, &dice), session: SessionId::new(NOW, &dice) },
        audience: AUDIENCE.into(),
        expires_at: NOW.plus(Duration::from_secs(900)),
        issued_at: NOW,
        id: TokenId::new(NOW, &dice),
        client_id: "portcullis".into(),
        scope: Scope::parse("openid profile").expect("a scope"),
        authenticated_at: Some(NOW.minus(Duration::from_secs(30))),
        actor: None,
        roles: None,
        permissions: None,
    }
}

/// What the token of a client says.
pub(crate) fn client_claims() -> Claims {
    Claims { subject: Subject::Client, client_id: "orders".into(), authenticated_at: None, ..claims() }
}

pub(crate) fn token(ring: &TokenRing) -> String {
    ring.issue(&claims()).expect("a token").expose().to_owned()
}

/// The ring refuses, and says no more than that.
#[track_caller]
pub(crate) fn assert_refused(ring: &dyn TokenVerifier, token: &str, what: &str) {
    match ring.verify(token, NOW) {
        Err(TokenError::Invalid) => {}
        other => panic!("{what}: {other:?} for {token:.200}"),
    }
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// The private key of an algorithm.
pub(crate) fn private(pairs: Pairs, algorithm: Algorithm) -> &'static PrivateKey {
    &pairs.iter().find(|(each, _)| *each == algorithm).expect("a key of each algorithm").1.private
}

pub(crate) fn kid(pairs: Pairs, algorithm: Algorithm) -> &'static str {
    &pairs.iter().find(|(each, _)| *each == algorithm).expect("a key of each algorithm").1.kid
}
