//! The life of keys (A063), and what is published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::{KeyRing, LiveKey, PrivateKey, TokenError, TokenIssuer, TokenVerifier};
use portcullis_domain::tokens::Algorithm;
use portcullis_tokens::CachedVerifier;
use serde_json::Value;

use crate::scene::{NOW, claims, live, ring, scene, token, unb64};

const DAY: Duration = Duration::from_secs(86_400);

fn published_kids(document: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(document).expect("JSON");
    let keys = document["keys"].as_array().expect("keys");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

#[tokio::test]
async fn a_ring_without_keys_issues_nothing_and_accepts_nothing() {
    let (full, _) = scene(Algorithm::Es256).await;
    let empty = ring(Algorithm::Es256);
    assert!(matches!(empty.issue(&claims()), Err(TokenError::NoActiveKey)));
    assert!(matches!(empty.verify(&token(&full), NOW), Err(TokenError::Invalid)));
    let published = empty.published(NOW);
    assert_eq!((published.jwks.as_str(), published.paserk.as_str()), (r#"{"keys":[]}"#, r#"{"keys":[]}"#));
    full.install(Vec::new()).expect("no keys");
    assert!(matches!(full.issue(&claims()), Err(TokenError::NoActiveKey)));
}

#[tokio::test]
async fn a063_keys_overlap_and_a_retired_one_is_refused() {
    for algorithm in Algorithm::ALL {
        let ring = ring(algorithm);
        let pairs = [ring.generate(algorithm).await.expect("a key"), ring.generate(algorithm).await.expect("a key")];
        let mut old = live(algorithm, 1, &pairs[0]);
        old.key.retires_at = Some(NOW.plus(3 * DAY));
        let mut new = live(algorithm, 2, &pairs[1]);
        new.key.activates_at = NOW.plus(DAY);
        ring.install(vec![old, new]).expect("keys that fit");

        let issued = |at: Timestamp| {
            let mut claims = claims();
            (claims.issued_at, claims.expires_at) = (at, at.plus(30 * DAY));
            ring.issue(&claims).expect("a token").expose().to_owned()
        };
        let kids = |at| {
            let published = ring.published(at);
            published_kids(if algorithm == Algorithm::V4Public { &published.paserk } else { &published.jwks })
        };
        let signer = |token: &str| {
            let at = if algorithm == Algorithm::V4Public { 3 } else { 0 };
            let part: Value =
                serde_json::from_slice(&unb64(token.split('.').nth(at).expect("a segment"))).expect("JSON");
            part["kid"].as_str().expect("a kid").to_owned()
        };
        let (first, second) = (pairs[0].kid.clone(), pairs[1].kid.clone());
        // Published before it signs, but behind the one that signs.
        assert_eq!(kids(NOW), [first.clone(), second.clone()]);
        let by_first = issued(NOW);
        assert_eq!(signer(&by_first), first);
        assert_eq!(signer(&issued(NOW.plus(DAY - Duration::from_secs(1)))), first);
        let by_second = issued(NOW.plus(DAY));
        assert_eq!(signer(&by_second), second);
        assert_eq!(kids(NOW.plus(DAY)), [second.clone(), first]);
        // Both are accepted until the first retires.
        let before = NOW.plus(3 * DAY).minus(Duration::from_micros(1));
        assert!(ring.verify(&by_first, before).is_ok() && ring.verify(&by_second, before).is_ok());
        let after = NOW.plus(3 * DAY);
        assert!(ring.verify(&by_first, after).is_err() && ring.verify(&by_second, after).is_ok());
        assert_eq!(kids(after), [second]);
    }
}

#[tokio::test]
async fn a_retired_key_does_not_sign_and_an_inactive_one_not_yet() {
    let ring = ring(Algorithm::EdDsa);
    let pair = ring.generate(Algorithm::EdDsa).await.expect("a key");
    let mut key = live(Algorithm::EdDsa, 1, &pair);
    // Issue instants are whole seconds: a key made within a second signs from its beginning.
    key.key.activates_at = NOW.plus(Duration::from_millis(700));
    key.key.retires_at = Some(NOW.plus(DAY));
    ring.install(vec![key]).expect("a key that fits");
    let issues = |at| {
        let mut claims = claims();
        claims.issued_at = at;
        ring.issue(&claims)
    };
    assert!(issues(NOW).is_ok());
    assert!(matches!(issues(NOW.minus(Duration::from_secs(1))), Err(TokenError::NoActiveKey)));
    assert!(matches!(issues(NOW.plus(DAY)), Err(TokenError::NoActiveKey)));
}

#[tokio::test]
async fn only_the_chosen_algorithm_signs_and_all_are_accepted() {
    let (es256, pairs) = scene(Algorithm::Es256).await;
    for algorithm in Algorithm::ALL {
        let other = ring(algorithm);
        other.install(pairs.iter().map(|(each, pair)| live(*each, 1, pair)).collect()).expect("keys that fit");
        assert_eq!(es256.verify(&token(&other), NOW).expect("a replica's token"), claims());
    }
}

#[tokio::test]
async fn published_keys_are_the_public_parts_and_the_active_one_is_first() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let published = ring.published(NOW);
        let jwks: Value = serde_json::from_str(&published.jwks).expect("JSON");
        assert_eq!(jwks["keys"].as_array().expect("keys").len(), 3);
        if algorithm != Algorithm::V4Public {
            assert_eq!(jwks["keys"][0]["alg"], algorithm.as_str());
        }
        for jwk in jwks["keys"].as_array().expect("keys") {
            let names: Vec<&str> = jwk.as_object().expect("a JWK").keys().map(String::as_str).collect();
            let expected: &[&str] = match jwk["alg"].as_str().expect("alg") {
                "ES256" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
                "EdDSA" => &["alg", "crv", "kid", "kty", "use", "x"],
                "RS256" => &["alg", "e", "kid", "kty", "n", "use"],
                other => panic!("{other}"),
            };
            assert_eq!(names, expected);
            assert_eq!(jwk["use"], "sig");
            assert_eq!(portcullis_tokens::jws::thumbprint(&jwk.to_string()).expect("a JWK"), jwk["kid"]);
        }
        let paserk: Value = serde_json::from_str(&published.paserk).expect("JSON");
        assert_eq!(paserk["keys"].as_array().expect("keys").len(), 1);
        assert_eq!(paserk["keys"][0]["kid"], crate::scene::kid(pairs, Algorithm::V4Public));
        assert!(paserk["keys"][0]["paserk"].as_str().expect("a PASERK").starts_with("k4.public."));
        assert!(!published.paserk.contains("secret"));
    }
}

#[tokio::test]
async fn a_key_whose_parts_do_not_belong_together_is_refused_and_nothing_changes() {
    for algorithm in Algorithm::ALL {
        let (ring, pairs) = scene(algorithm).await;
        let before = ring.published(NOW);
        let good = &pairs.iter().find(|(each, _)| *each == algorithm).expect("a key").1;
        let foreign = ring.generate(algorithm).await.expect("a key");
        let key = || live(algorithm, 2, good);
        let changed = |change: &dyn Fn(&mut LiveKey)| {
            let mut key = key();
            change(&mut key);
            key
        };
        ring.install(vec![key()]).expect("the key itself is fine");
        ring.install(pairs.iter().map(|(each, pair)| live(*each, 1, pair)).collect()).expect("keys that fit");
        let bad = [
            changed(&|k| k.key.kid = foreign.kid.clone()),
            changed(&|k| k.key.kid.push('x')),
            changed(&|k| k.key.public = foreign.public.clone()),
            changed(&|k| k.key.public = b"{}".to_vec()),
            changed(&|k| k.key.public.clear()),
            changed(&|k| k.private = foreign.private.clone()),
            changed(&|k| k.private = PrivateKey(Vec::new())),
            changed(&|k| k.private.0.truncate(20)),
            changed(&|k| k.private = PrivateKey(vec![0; 64])),
            changed(&|k| k.private = PrivateKey(format!("k4.secret.{}", "A".repeat(86)).into_bytes())),
            changed(&|k| k.private = PrivateKey(vec![0xFF; 64])),
            changed(&|k| {
                k.key.algorithm = match algorithm {
                    Algorithm::Es256 => Algorithm::EdDsa,
                    Algorithm::EdDsa => Algorithm::V4Public,
                    Algorithm::Rs256 | Algorithm::V4Public => Algorithm::Es256,
                }
            }),
        ];
        for (at, bad) in bad.into_iter().enumerate() {
            let result = ring.install(vec![key(), bad]);
            assert!(matches!(result, Err(TokenError::Invalid)), "{algorithm:?} {at}: {result:?}");
            assert_eq!(ring.published(NOW), before);
        }
        assert!(ring.verify(&token(&ring), NOW).is_ok());
    }
}

#[tokio::test]
async fn every_bit_of_a_stored_seed_counts() {
    let (ring, pairs) = scene(Algorithm::EdDsa).await;
    for (algorithm, pair) in pairs.iter().filter(|(each, _)| matches!(each, Algorithm::EdDsa | Algorithm::V4Public)) {
        // PKCS #8 ends with the seed; a PASERK is all seed and public key.
        let end = pair.private.0.len();
        let start = if *algorithm == Algorithm::EdDsa { end - 32 } else { 0 };
        for bit in start * 8..end * 8 {
            let mut key = live(*algorithm, 1, pair);
            key.private.0[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.install(vec![key]).is_err(), "{algorithm:?} bit {bit}");
        }
    }
}

#[tokio::test]
async fn private_keys_are_not_shown() {
    let (ring, pairs) = scene(Algorithm::Es256).await;
    for (_, pair) in pairs {
        assert!(format!("{pair:?}").contains("[redacted]"));
    }
    let shown = format!("{:?}", ring.issue(&claims()).expect("a token"));
    assert_eq!(shown, "[redacted]");
}

#[tokio::test]
async fn of_two_keys_of_one_instant_the_later_signs() {
    // So is a key put in the place of one that was revoked the moment it began to sign.
    for algorithm in [Algorithm::EdDsa, Algorithm::V4Public] {
        let ring = ring(algorithm);
        let (old, new) =
            (ring.generate(algorithm).await.expect("a key"), ring.generate(algorithm).await.expect("a key"));
        let either_way = [
            vec![live(algorithm, 1, &old), live(algorithm, 2, &new)],
            vec![live(algorithm, 2, &new), live(algorithm, 1, &old)],
        ];
        for keys in either_way {
            ring.install(keys).expect("keys that fit");
            let by_new = token(&ring);
            ring.install(vec![live(algorithm, 2, &new)]).expect("keys that fit");
            ring.verify(&by_new, NOW).expect("the later key signed it");
        }
    }
}

/// Key after key, each published ten minutes before it signs for an hour, and gone when its last token has expired.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a063_rotation_under_load_refuses_no_valid_token() {
    const HOUR: Duration = Duration::from_secs(3_600);
    const STEP: Duration = Duration::from_secs(60);
    let published_ahead = Duration::from_secs(600);
    let outlived = Duration::from_secs(900 + 300);
    for algorithm in [Algorithm::EdDsa, Algorithm::V4Public] {
        let ring = Arc::new(ring(algorithm));
        let cached = Arc::new(CachedVerifier::new(ring.clone(), ring.epochs(), 1_000));
        let mut pairs = Vec::new();
        for _ in 0..4 {
            pairs.push(ring.generate(algorithm).await.expect("a key"));
        }
        let keys_at = |now: Timestamp| -> Vec<LiveKey> {
            let all = pairs.iter().zip(1_u32..).map(|(pair, ordinal)| {
                let mut key = live(algorithm, ordinal, pair);
                key.key.activates_at = NOW.plus(HOUR * (ordinal - 1));
                key.key.retires_at = Some(NOW.plus(HOUR * ordinal).plus(outlived));
                key
            });
            let there = |key: &LiveKey| {
                key.key.activates_at <= now.plus(published_ahead) && key.key.retires_at.is_some_and(|at| at > now)
            };
            all.filter(there).collect()
        };
        ring.install(keys_at(NOW)).expect("keys that fit");
        let clock = Arc::new(AtomicI64::new(NOW.as_unix_seconds()));
        let (stop, checked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (ring, cached, clock) = (ring.clone(), cached.clone(), clock.clone());
                let (stop, checked) = (stop.clone(), checked.clone());
                tokio::spawn(async move {
                    let mut held: Vec<(String, Timestamp)> = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        let now = Timestamp::from_unix_seconds(clock.load(Ordering::SeqCst));
                        let mut claims = claims();
                        (claims.issued_at, claims.expires_at) = (now, now.plus(Duration::from_secs(900)));
                        let token = ring.issue(&claims).expect("there is always a key that signs");
                        held.push((token.expose().to_owned(), claims.expires_at));
                        held.retain(|(_, until)| *until > now);
                        for (token, _) in held.iter().rev().take(5).chain(held.iter().take(5)) {
                            ring.verify(token, now).expect("a valid token");
                            cached.verify(token, now).expect("a valid token");
                            checked.fetch_add(1, Ordering::SeqCst);
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let mut now = NOW;
        while now < NOW.plus(4 * HOUR - STEP) {
            now = now.plus(STEP);
            ring.install(keys_at(now)).expect("keys that fit");
            clock.store(now.as_unix_seconds(), Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.store(true, Ordering::SeqCst);
        for task in tasks {
            task.await.expect("no token was refused");
        }
        assert!(checked.load(Ordering::SeqCst) > 1_000, "tokens were checked all along");
    }
}
