//! The cache accepts what the ring behind it accepts at that moment, and nothing else (A059, A063, B09).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::{KeyRing, TokenError, TokenIssuer, TokenVerifier};
use portcullis_domain::tokens::{Algorithm, Claims};
use portcullis_tokens::{CachedVerifier, TokenRing};

use crate::scene::{NOW, claims, live, scene, token};

/// Counts how often it is asked.
struct Counting {
    ring: Arc<TokenRing>,
    asked: AtomicUsize,
}

impl TokenVerifier for Counting {
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.ring.verify(token, now)
    }
}

fn over(ring: TokenRing, entries: usize) -> (Arc<TokenRing>, Arc<Counting>, CachedVerifier) {
    let ring = Arc::new(ring);
    let counting = Arc::new(Counting { ring: ring.clone(), asked: AtomicUsize::new(0) });
    let cached = CachedVerifier::new(counting.clone(), ring.epochs(), entries);
    (ring, counting, cached)
}

#[tokio::test]
async fn a_token_is_verified_once_and_says_the_same_each_time() {
    for algorithm in Algorithm::ALL {
        let (ring, counting, cached) = over(scene(algorithm).await.0, 100);
        let token = token(&ring);
        for _ in 0..10 {
            assert_eq!(cached.verify(&token, NOW).expect("our own token"), claims());
        }
        assert_eq!(counting.asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a059_time_is_checked_at_every_look() {
    for algorithm in Algorithm::ALL {
        let (ring, _, cached) = over(scene(algorithm).await.0, 100);
        let token = token(&ring);
        for _ in 0..2 {
            for micros in [-60_000_001, -60_000_000, 0, 899_999_999, 900_000_000, 1_000_000_000_000] {
                let at = Timestamp::from_unix_micros(NOW.as_unix_micros() + micros);
                assert_eq!(cached.verify(&token, at).is_ok(), ring.verify(&token, at).is_ok(), "{micros}");
                assert_eq!(cached.verify(&token, at).is_ok(), (-60_000_000..900_000_000).contains(&micros), "{micros}");
            }
        }
    }
}

#[tokio::test]
async fn a063_keys_that_change_are_noticed_at_once() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let (ring, counting, cached) = over(ring, 100);
        let token = token(&ring);
        cached.verify(&token, NOW).expect("our own token");
        let others = pairs.iter().filter(|(each, _)| *each != algorithm);
        ring.install(others.map(|(each, pair)| live(*each, 1, pair)).collect()).expect("keys that fit");
        assert!(matches!(cached.verify(&token, NOW), Err(TokenError::Invalid)), "its key is gone");
        ring.install(pairs.iter().map(|(each, pair)| live(*each, 1, pair)).collect()).expect("keys that fit");
        cached.verify(&token, NOW).expect("its key is back");
        assert_eq!(counting.asked.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn a063_a_key_that_retires_takes_its_remembered_tokens_with_it() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    let mut keys: Vec<_> = pairs.iter().map(|(each, pair)| live(*each, 1, pair)).collect();
    for key in &mut keys {
        key.key.retires_at = Some(NOW.plus(Duration::from_secs(10)));
    }
    ring.install(keys).expect("keys that fit");
    let (ring, _, cached) = over(ring, 100);
    let token = token(&ring);
    assert!(cached.verify(&token, NOW).is_ok());
    assert!(cached.verify(&token, NOW.plus(Duration::from_micros(9_999_999))).is_ok());
    assert!(cached.verify(&token, NOW.plus(Duration::from_secs(10))).is_err());
    // A clock that is set back brings the key back, as it does without the cache.
    assert!(cached.verify(&token, NOW).is_ok());
}

#[tokio::test]
async fn a061_only_the_very_token_is_known() {
    for algorithm in Algorithm::ALL {
        let (ring, counting, cached) = over(scene(algorithm).await.0, 100);
        let token = token(&ring);
        cached.verify(&token, NOW).expect("our own token");
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ASCII");
            assert!(matches!(cached.verify(&other, NOW), Err(TokenError::Invalid)), "{algorithm:?} {at}");
        }
        assert_eq!(counting.asked.load(Ordering::SeqCst), 1 + token.len(), "refusals are not remembered");
        cached.verify(&token, NOW).expect("still known");
    }
}

#[tokio::test]
async fn it_remembers_no_more_than_it_should() {
    let (ring, counting, cached) = over(scene(Algorithm::EdDsa).await.0, 10);
    let tokens: Vec<String> = (0..200)
        .map(|at| {
            let mut claims = claims();
            claims.client_id = format!("client {at}");
            ring.issue(&claims).expect("a token").expose().to_owned()
        })
        .collect();
    for _ in 0..2 {
        for token in &tokens {
            cached.verify(token, NOW).expect("our own token");
        }
    }
    assert!(counting.asked.load(Ordering::SeqCst) >= 390, "at most 10 of 200 were remembered");
}

#[tokio::test]
async fn without_room_every_look_is_a_verification() {
    let (ring, counting, cached) = over(scene(Algorithm::EdDsa).await.0, 0);
    let token = token(&ring);
    for _ in 0..3 {
        cached.verify(&token, NOW).expect("our own token");
    }
    assert_eq!(counting.asked.load(Ordering::SeqCst), 3);
}
