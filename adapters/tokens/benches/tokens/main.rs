//! What a token costs, next to what the bare signature costs: run with `cargo bench -p portcullis-tokens`.

mod bare;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::ports::tokens::{KeyRing, LiveKey, TokenIssuer, TokenVerifier};
use portcullis_domain::tokens::{Algorithm, Claims, Scope, SigningKey, Subject};
use portcullis_tokens::{CachedVerifier, SealedRefreshTokens, TokenRing, TokenSettings};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_763_721_600);

struct Dice;

impl Randomness for Dice {
    fn fill(&self, buf: &mut [u8]) {
        aws_lc_rs::rand::fill(buf).expect("the system has randomness");
    }
}

fn ring(algorithm: Algorithm) -> Arc<TokenRing> {
    let settings = TokenSettings { algorithm, issuer: "https://auth.example.com".into(), audience: "api".into() };
    let ring = TokenRing::new(settings, Arc::new(Dice));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let pair = runtime.block_on(ring.generate(algorithm)).expect("a key");
    let key = SigningKey {
        kid: pair.kid,
        algorithm,
        ordinal: 1,
        public: pair.public,
        sealed_private: Vec::new(),
        created_at: NOW,
        activates_at: NOW,
        retires_at: None,
    };
    ring.install(vec![LiveKey { key, private: pair.private }]).expect("the key fits");
    Arc::new(ring)
}

fn claims() -> Claims {
    Claims {
        issuer: "https://auth.example.com".into(),
        subject: Subject::User { id: UserId::new(NOW, &Dice), session: SessionId::new(NOW, &Dice) },
        audience: "api".into(),
        expires_at: NOW.plus(Duration::from_secs(900)),
        issued_at: NOW,
        id: TokenId::new(NOW, &Dice),
        client_id: "portcullis".into(),
        scope: Scope::parse("openid profile").expect("a scope"),
        authenticated_at: Some(NOW),
        actor: None,
        roles: None,
        permissions: None,
    }
}

fn tokens(c: &mut Criterion) {
    for algorithm in Algorithm::ALL {
        let ring = ring(algorithm);
        let claims = claims();
        let token = ring.issue(&claims).expect("a token");
        let signed = token.expose().rsplit_once('.').expect("a signature").0.to_owned();
        let bare = bare::Bare::new(algorithm, signed.into_bytes());

        let mut group = c.benchmark_group(algorithm.as_str());
        group.bench_function("sign, bare", |b| b.iter(|| bare.sign()));
        group.bench_function("sign", |b| b.iter(|| ring.issue(black_box(&claims))));
        group.bench_function("verify, bare", |b| b.iter(|| bare.verify()));
        group.bench_function("verify", |b| b.iter(|| ring.verify(black_box(token.expose()), NOW)));
        let cached = CachedVerifier::new(ring.clone(), ring.epochs(), 1_000);
        group.bench_function("verify, cached", |b| b.iter(|| cached.verify(black_box(token.expose()), NOW)));
        // The header of a JWT, the footer of a PASETO: both begin with `{"`.
        let (before, after) = if algorithm == Algorithm::V4Public {
            token.expose().rsplit_once("eyJ").expect("a footer")
        } else {
            token.expose().split_once("eyJ").expect("a header")
        };
        let forged = format!("{before}eyK{after}");
        group.bench_function("refuse a foreign header", |b| b.iter(|| ring.verify(black_box(&forged), NOW)));
        group.finish();
    }
}

fn refresh_tokens(c: &mut Criterion) {
    let codec = SealedRefreshTokens::new(&[7; 32]);
    let token = codec.first(SessionId::new(NOW, &Dice), [9; 32]);
    let mut group = c.benchmark_group("refresh token");
    group.bench_function("open", |b| b.iter(|| codec.open(black_box(token.value.expose()))));
    group.bench_function("open and succeed", |b| {
        b.iter(|| codec.open(black_box(token.value.expose())).map(|opened| codec.successor(&opened)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = tokens, refresh_tokens
}
criterion_main!(benches);
