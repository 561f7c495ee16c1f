//! When a token is valid.

use std::time::Duration;

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, Rejected};

#[test]
fn a_token_dies_at_the_very_second_of_its_exp_also_when_it_is_remembered() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let (known, unknown) = (issuer.verifier(), issuer.verifier());
        let token = issuer.token().life(Duration::from_secs(60)).mint();
        assert!(known.verify(&token).is_ok());
        issuer.clock().advance(Duration::from_secs(59));
        assert!(known.verify(&token).is_ok());
        issuer.clock().advance(Duration::from_secs(1));
        assert_eq!(known.verify(&token), Err(Rejected::Expired));
        assert_eq!(unknown.verify(&token), Err(Rejected::Expired));
        assert_eq!(known.status().cached, 0, "what is dead is not kept");
    }
}

#[test]
fn leeway_is_for_both_ends() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().leeway(Duration::from_secs(30)).build().unwrap();
    let at = issuer.clock().seconds();
    let expired = |ago| issuer.token().issued_at(at - 900 - ago).mint();
    assert!(verifier.verify(&expired(29)).is_ok());
    assert_eq!(verifier.verify(&expired(30)), Err(Rejected::Expired));
    let early = |ahead| issuer.token().not_before(at + ahead).mint();
    assert!(verifier.verify(&early(30)).is_ok());
    assert_eq!(verifier.verify(&early(31)), Err(Rejected::NotYetValid));
    let strict = issuer.verifier();
    assert!(strict.verify(&early(0)).is_ok());
    assert_eq!(strict.verify(&early(1)), Err(Rejected::NotYetValid));
}

#[test]
fn a_token_from_the_future_is_refused_beyond_a_minute() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let ahead = |seconds| issuer.token().issued_at(issuer.clock().seconds() + seconds).mint();
    assert!(verifier.verify(&ahead(60)).is_ok());
    let early = ahead(61);
    assert_eq!(verifier.verify(&early), Err(Rejected::NotYetValid));
    issuer.clock().advance(Duration::from_secs(1));
    assert!(verifier.verify(&early).is_ok());
}

#[test]
fn no_token_outlives_what_is_remembered_of_revocations() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().longest_life(Duration::from_secs(900)).build().unwrap();
    assert!(verifier.verify(&issuer.token().life(Duration::from_secs(900)).mint()).is_ok());
    assert_eq!(verifier.verify(&issuer.token().life(Duration::from_secs(901)).mint()), Err(Rejected::Lifetime));
    let before = issuer.clock().seconds();
    let backwards = issuer.token().claim("exp", before - 1).mint();
    assert_eq!(verifier.verify(&backwards), Err(Rejected::Expired));
}

#[test]
fn a_clock_that_is_set_back_lets_no_token_live_longer_than_its_exp() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let token = issuer.valid();
    let start = issuer.clock().seconds().unsigned_abs();
    issuer.clock().set(start + 1000);
    assert_eq!(verifier.verify(&token), Err(Rejected::Expired));
    issuer.clock().set(start - 61);
    assert_eq!(verifier.verify(&token), Err(Rejected::NotYetValid));
}
