//! What a verification costs, next to what the bare signature costs: run with `cargo bench -p portcullis-verifier`.
//!
//! At the end both are measured by turns, so that the ratios hold on a busy machine as well, and held against the targets.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use criterion::{Criterion, criterion_group};
use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, SystemClock, Verifier};

/// The bare operation of the crypto library on a message of that length, with a parsed key.
fn bare(algorithm: Algorithm, message: &[u8]) -> impl Fn() {
    let random = SystemRandom::new();
    let (public, signature) = match algorithm {
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            let signature = pair.sign(&random, message).expect("a signature").as_ref().to_vec();
            (ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()), signature)
        }
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
            (ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()), signature)
        }
        _ => {
            let pair = Ed25519KeyPair::generate().expect("a key");
            let signature = pair.sign(message).as_ref().to_vec();
            (ParsedPublicKey::new(&ED25519, pair.public_key()), signature)
        }
    };
    let (public, message) = (public.expect("a public key"), message.to_vec());
    move || public.verify_sig(black_box(&message), black_box(&signature)).expect("the signature is valid")
}

/// On the machine's own clock, as in production, with a token of now.
fn verifier(issuer: &TestIssuer, entries: usize) -> Verifier {
    let keys = Verifier::builder(issuer.url()).fixed_keys(Some(&issuer.jwks()), Some(&issuer.paserk()));
    keys.audience(issuer.audience()).clock(SystemClock::new()).cache(entries).build().expect("these settings are valid")
}

/// An issuer, and a token of it that is valid now.
fn issuer_and_token(algorithm: Algorithm) -> (TestIssuer, String) {
    let issuer = TestIssuer::with_algorithm("orders", algorithm);
    issuer.clock().set(portcullis_verifier::Clock::now(&SystemClock::new()).as_secs());
    let token = issuer.token().scope("openid orders:read").life(Duration::from_secs(3600)).mint();
    (issuer, token)
}

fn verify(c: &mut Criterion) {
    for algorithm in Algorithm::ALL {
        let (issuer, token) = issuer_and_token(algorithm);
        let signed = token.rsplit_once('.').expect("a signature").0;

        let mut group = c.benchmark_group(algorithm.as_str());
        let bare = bare(algorithm, signed.as_bytes());
        group.bench_function("bare signature", |b| b.iter(&bare));
        let uncached = verifier(&issuer, 0);
        group.bench_function("uncached", |b| b.iter(|| uncached.verify(black_box(&token)).expect("it is valid")));
        let cached = verifier(&issuer, 10_000);
        group.bench_function("cached", |b| b.iter(|| cached.verify(black_box(&token)).expect("it is valid")));
        group.finish();
    }

    // A cache that is full, and a feed that has revoked ten thousand others.
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.builder().clock(SystemClock::new()).build().expect("these settings are valid");
    issuer.clock().set(portcullis_verifier::Clock::now(&SystemClock::new()).as_secs());
    let tokens: Vec<_> = (0..8_000).map(|_| issuer.token().life(Duration::from_secs(3600)).mint()).collect();
    for (number, token) in tokens.iter().enumerate() {
        issuer.revoke_session(&format!("somebody else's {number}"));
        verifier.verify(token).expect("it is valid");
    }
    let mut next = tokens.iter().cycle();
    c.bench_function("cached, one of 8 000 by turns", |b| {
        b.iter(|| verifier.verify(black_box(next.next().expect("a cycle has no end"))).expect("it is valid"));
    });
    let first = tokens.first().expect("a token");
    c.bench_function("cached, one of 8 000", |b| {
        b.iter(|| verifier.verify(black_box(first)).expect("it is valid"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = verify
}

/// How often the sides take turns; the median of all turns counts.
const TURNS: usize = 400;
/// How much more than the bare signature a verification may cost.
const UNCACHED: f64 = 1.15;
/// What a token that is known may cost, in nanoseconds.
const CACHED: f64 = 150.0;

/// Nanoseconds for each of so many calls.
fn nanoseconds(calls: u32, call: impl Fn()) -> f64 {
    let began = Instant::now();
    for _ in 0..calls {
        call();
    }
    began.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn compare() {
    println!("\n| what | measured | target | |\n|---|---|---|---|");
    let row = |what: &str, measured: f64, unit: &str, most: f64| {
        let verdict = if measured <= most { "met" } else { "MISSED" };
        println!("| {what} | {measured:.3} {unit} | ≤ {most} {unit} | {verdict} |");
    };
    for algorithm in Algorithm::ALL {
        let (issuer, token) = issuer_and_token(algorithm);
        let signed = token.rsplit_once('.').expect("a signature").0;
        let bare = bare(algorithm, signed.as_bytes());
        let (uncached, cached) = (verifier(&issuer, 0), verifier(&issuer, 10_000));
        let verify = |verifier: &Verifier| drop(black_box(verifier.verify(black_box(&token)).expect("it is valid")));
        let (mut ratios, mut nanos) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let without = nanoseconds(20, &bare);
            ratios.push(nanoseconds(20, || verify(&uncached)) / without);
            nanos.push(nanoseconds(1_000, || verify(&cached)));
        }
        row(&format!("{algorithm}, uncached, of the bare signature check"), median(ratios), "×", UNCACHED);
        row(&format!("{algorithm}, cached"), median(nanos), "ns", CACHED);
    }
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    compare();
}
