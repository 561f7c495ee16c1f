//! Tokens that are remembered, and what ends that.

use std::time::Duration;

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, Rejected};

#[test]
fn only_accepted_tokens_are_remembered_and_a_bounded_number() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.builder().cache(64).build().unwrap();
    for token in [issuer.expired(), issuer.wrong_key(), issuer.wrong_audience(), issuer.revoked(), "x".to_owned()] {
        assert!(verifier.verify(&token).is_err());
    }
    assert_eq!(verifier.status().cached, 0);
    for _ in 0..1_000 {
        assert!(verifier.verify(&issuer.valid()).is_ok());
    }
    let kept = verifier.status().cached;
    assert!((1..=64).contains(&kept), "{kept}");
}

#[test]
fn without_a_cache_nothing_is_remembered_and_all_is_as_before() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().cache(0).build().unwrap();
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok() && verifier.verify(&token).is_ok());
    assert_eq!(verifier.status().cached, 0);
}

#[test]
fn a_remembered_token_is_compared_in_full() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.verifier();
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    for end in 0..token.len() {
        assert!(verifier.verify(&token[..end]).is_err());
    }
    assert!(verifier.verify(&format!("{token}A")).is_err());
}

#[test]
fn a_remembered_token_dies_when_its_session_is_revoked() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let (token, other) = (issuer.token().session("s").mint(), issuer.token().session("t").mint());
        assert!(verifier.verify(&token).is_ok() && verifier.verify(&other).is_ok());
        issuer.revoke_session("s");
        assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
        assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
        assert!(verifier.verify(&other).is_ok());
        assert_eq!(verifier.status().cached, 1);
    }
}

#[test]
fn a_remembered_token_dies_when_it_is_revoked_itself_or_its_client_is_deleted() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let mint = |client, id| issuer.client_token(client).id(id).mint();
        let (one, two, other) = (mint("reports", "1"), mint("reports", "2"), mint("billing", "3"));
        let all_are_fine = [&one, &two, &other].into_iter().all(|token| verifier.verify(token).is_ok());
        assert!(all_are_fine && verifier.status().cached == 3);
        issuer.revoke_token("1");
        assert_eq!(verifier.verify(&one), Err(Rejected::Revoked));
        assert!(verifier.verify(&two).is_ok() && verifier.verify(&other).is_ok());
        issuer.delete_client("reports");
        assert_eq!(verifier.verify(&two), Err(Rejected::Revoked));
        assert!(verifier.verify(&other).is_ok());
        assert_eq!(verifier.status().cached, 1, "what is dead is not kept");
    }
}

#[test]
fn a_remembered_token_dies_when_its_key_is_withdrawn() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let (token, kid) = (issuer.valid(), issuer.kid());
        assert!(verifier.verify(&token).is_ok());
        issuer.rotate();
        let newer = issuer.valid();
        assert!(verifier.verify(&token).is_ok() && verifier.verify(&newer).is_ok());
        issuer.withdraw_key(&kid);
        assert_eq!(verifier.verify(&token), Err(Rejected::UnknownKey));
        assert!(verifier.verify(&newer).is_ok());
    }
}

#[test]
fn a_remembered_token_dies_when_the_last_key_is_withdrawn() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    issuer.withdraw_key(&issuer.kid());
    assert_eq!(verifier.verify(&token), Err(Rejected::NoKeys));
}

#[test]
fn a_remembered_token_dies_when_the_keys_are_too_old() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().oldest_keys(Duration::from_secs(300)).build().unwrap();
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    issuer.clock().advance(Duration::from_secs(300));
    assert!(verifier.verify(&token).is_ok());
    issuer.clock().advance(Duration::from_secs(1));
    assert_eq!(verifier.verify(&token), Err(Rejected::NoKeys));
    issuer.rotate();
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn many_threads_see_a_revocation_once_it_is_made() {
    let issuer = TestIssuer::with_algorithm("orders", Algorithm::EdDsa);
    let verifier = issuer.verifier();
    for round in 0..50 {
        let session = format!("s{round}");
        let token = issuer.token().session(&session).mint();
        assert!(verifier.verify(&token).is_ok());
        let is_revoked = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        // Read before the token is verified: what was revoked by then must be refused.
                        let was_revoked = is_revoked.load(std::sync::atomic::Ordering::Acquire);
                        let verdict = verifier.verify(&token);
                        if was_revoked {
                            assert_eq!(verdict, Err(Rejected::Revoked));
                            break;
                        }
                    }
                });
            }
            issuer.revoke_session(&session);
            is_revoked.store(true, std::sync::atomic::Ordering::Release);
        });
    }
}
