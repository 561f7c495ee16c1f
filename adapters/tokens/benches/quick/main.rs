//! What a token costs, next to what the bare signature costs: run with `cargo bench -p portcullis-tokens`.

mod bare;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, TokenId, UserId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::ports::tokens::{KeyRing, LiveKey, TokenIssuer, TokenVerifier};
use portcullis_domain::tokens::{Algorithm, Claims, Scope, SigningKey};
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
        subject: UserId::new(NOW, &Dice),
        audience: "api".into(),
        expires_at: NOW.plus(Duration::from_secs(900)),
        issued_at: NOW,
        id: TokenId::new(NOW, &Dice),
        session: SessionId::new(NOW, &Dice),
        client_id: "portcullis".into(),
        scope: Scope::parse("openid profile").expect("a scope"),
        authenticated_at: Some(NOW),
        roles: None,
        permissions: None,
    }
}


fn min(n: usize, mut f: impl FnMut()) -> f64 {
    let t = std::time::Instant::now();
    for _ in 0..n { f(); }
    t.elapsed().as_nanos() as f64 / n as f64
}
fn main() {
    for algorithm in Algorithm::ALL {
        let ring = ring(algorithm);
        let claims = claims();
        let token = ring.issue(&claims).expect("a token");
        let signed = token.expose().rsplit_once('.').expect("a signature").0.to_owned();
        let bare = bare::Bare::new(algorithm, signed.into_bytes());
        let cached = CachedVerifier::new(ring.clone(), ring.epochs(), 1_000);
        let mut best = [f64::MAX; 5];
        for _ in 0..300 {
            let n = 10;
            best[0] = best[0].min(min(if algorithm == Algorithm::Rs256 {2} else {n}, || { black_box(bare.sign()); }));
            best[1] = best[1].min(min(if algorithm == Algorithm::Rs256 {2} else {n}, || { black_box(ring.issue(black_box(&claims))).unwrap(); }));
            best[2] = best[2].min(min(n, || bare.verify()));
            best[3] = best[3].min(min(n, || { black_box(ring.verify(black_box(token.expose()), NOW)).unwrap(); }));
            best[4] = best[4].min(min(100, || { black_box(cached.verify(black_box(token.expose()), NOW)).unwrap(); }));
        }
        println!("{algorithm:?} len {} sign bare {:.1} ours {:.1} | verify bare {:.1} ours {:.1} ratio {:.3} | cached {:.0}", token.expose().len(), best[0], best[1], best[2], best[3], best[3]/best[2], best[4]);
    }
    let codec = SealedRefreshTokens::new(&[7; 32]);
    let token = codec.first(SessionId::new(NOW, &Dice), [9; 32]);
    let mut best = [f64::MAX; 2];
    for _ in 0..500 {
        best[0] = best[0].min(min(100, || { black_box(codec.open(black_box(token.value.expose()))); }));
        best[1] = best[1].min(min(100, || { black_box(codec.open(black_box(token.value.expose())).map(|o| codec.successor(&o))); }));
    }
    println!("refresh open {:.0} open+succ {:.0}", best[0], best[1]);
}
