//! The kit for the tests of services.

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, Rejected};

#[test]
fn every_kind_of_token_is_what_its_name_says() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let verdict = |token: String| verifier.verify(&token).map(drop);
        assert_eq!(verdict(issuer.valid()), Ok(()));
        assert_eq!(verdict(issuer.rotated()), Ok(()));
        assert_eq!(verdict(issuer.client_token("reports").mint()), Ok(()));
        let before = issuer.valid();
        for (token, why) in [
            (issuer.expired(), Rejected::Expired),
            (issuer.not_yet_valid(), Rejected::NotYetValid),
            (issuer.wrong_audience(), Rejected::Audience),
            (issuer.wrong_issuer(), Rejected::Issuer),
            (issuer.wrong_key(), Rejected::Signature),
            (issuer.unknown_key(), Rejected::UnknownKey),
            (issuer.revoked(), Rejected::Revoked),
            (issuer.revoked_client_token("reports"), Rejected::Revoked),
            (issuer.withdrawn(), Rejected::UnknownKey),
        ] {
            assert_eq!(verdict(token), Err(why));
        }
        assert_eq!(verdict(before), Ok(()), "nothing of this concerns others");
        assert_eq!(verdict(issuer.valid()), Ok(()));
    }
}

#[test]
fn a_deleted_user_is_refused() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let token = issuer.token().subject("alice").mint();
    assert!(verifier.verify(&token).is_ok());
    issuer.delete_user("alice");
    assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
}

#[test]
fn a_deleted_client_is_refused_and_the_users_who_came_through_it_are_not() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let (own, other) = (issuer.client_token("reports").mint(), issuer.client_token("billing").mint());
    let users = issuer.token().client("reports").mint();
    assert!([&own, &other, &users].into_iter().all(|token| verifier.verify(token).is_ok()));
    issuer.delete_client("reports");
    assert_eq!(verifier.verify(&own), Err(Rejected::Revoked));
    assert_eq!(verifier.verify(&issuer.client_token("reports").mint()), Err(Rejected::Revoked));
    assert!(verifier.verify(&other).is_ok() && verifier.verify(&users).is_ok());
}

#[test]
fn two_issuers_are_strangers() {
    let (one, two) = (TestIssuer::new("orders"), TestIssuer::new("orders"));
    assert_eq!(two.verifier().verify(&one.valid()), Err(Rejected::UnknownKey));
}

#[test]
fn the_published_documents_are_all_that_a_verifier_needs() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = portcullis_verifier::Verifier::builder(issuer.url())
            .audience("orders")
            .fixed_keys(Some(&issuer.jwks()), Some(&issuer.paserk()))
            .clock(std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new()))
            .build()
            .unwrap();
        assert!(verifier.verify(&issuer.rotated()).is_ok());
        assert_eq!(verifier.verify(&issuer.valid()), Err(Rejected::UnknownKey), "fixed keys know nothing of rotations");
    }
}
