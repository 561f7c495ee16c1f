//! What happens when revocations are not heard.

use std::time::Duration;

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{FeedStatus, Rejected, Staleness};

const BOUND: Duration = Duration::from_secs(30);

#[test]
fn by_default_tokens_are_accepted_and_the_gap_is_reported() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    assert_eq!(verifier.status().feed, FeedStatus::Current);
    let token = issuer.valid();
    issuer.feed().lost(Duration::ZERO);
    issuer.clock().advance(Duration::from_secs(100));
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: Some(Duration::from_secs(100)) });
    issuer.feed().connected();
    let issued_by = issuer.clock().seconds();
    let gap = FeedStatus::Gap { length: Some(Duration::from_secs(100)), issued_by };
    assert_eq!(verifier.status().feed, gap);
    assert!(verifier.verify(&token).is_ok());
    issuer.clock().advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(verifier.status().feed, FeedStatus::Current, "no token of then is alive");
}

#[test]
fn a_service_may_refuse_every_token_once_the_feed_is_stale() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().staleness(Staleness::RefuseBeyond(BOUND)).build().unwrap();
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    issuer.feed().lost(Duration::from_secs(10));
    issuer.clock().advance(Duration::from_secs(30));
    // Uptime began with the issuer: it cannot have been lost before that.
    assert!(verifier.verify(&token).is_ok());
    issuer.clock().advance(Duration::from_secs(1));
    assert_eq!(verifier.verify(&token), Err(Rejected::Stale));
    assert!(Rejected::Stale.is_unavailable());
    let fresh = issuer.valid();
    assert_eq!(verifier.verify(&fresh), Err(Rejected::Stale));
    assert_eq!(verifier.verify(&issuer.wrong_key()), Err(Rejected::Signature), "a bad token is a bad token");
    assert_eq!(verifier.verify(&issuer.revoked()), Err(Rejected::Revoked));
}

#[test]
fn after_a_gap_beyond_the_bound_only_later_tokens_are_accepted() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().staleness(Staleness::RefuseBeyond(BOUND)).build().unwrap();
    let before = issuer.valid();
    issuer.feed().lost(Duration::ZERO);
    issuer.clock().advance(BOUND + Duration::from_secs(1));
    let during = issuer.valid();
    issuer.feed().connected();
    assert_eq!(verifier.verify(&before), Err(Rejected::Unheard));
    assert_eq!(verifier.verify(&during), Err(Rejected::Unheard));
    assert!(!Rejected::Unheard.is_unavailable(), "the client should refresh");
    issuer.clock().advance(Duration::from_secs(1));
    assert!(verifier.verify(&issuer.valid()).is_ok());
    assert_eq!(verifier.verify(&before), Err(Rejected::Unheard));
}

#[test]
fn a_gap_within_the_bound_refuses_nobody() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().staleness(Staleness::RefuseBeyond(BOUND)).build().unwrap();
    let token = issuer.valid();
    issuer.feed().lost(Duration::ZERO);
    issuer.clock().advance(BOUND);
    issuer.feed().connected();
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn a_feed_that_tells_what_was_missed_closes_the_gap() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().staleness(Staleness::RefuseBeyond(BOUND)).build().unwrap();
    let (revoked, good) = (issuer.token().session("s").mint(), issuer.token().session("t").mint());
    issuer.feed().lost(Duration::ZERO);
    issuer.clock().advance(Duration::from_secs(100));
    issuer.revoke_session("s");
    issuer.feed().caught_up();
    assert_eq!(verifier.verify(&revoked), Err(Rejected::Revoked));
    assert!(verifier.verify(&good).is_ok());
    assert_eq!(verifier.status().feed, FeedStatus::Current);
}

#[test]
fn an_event_that_cannot_be_read_counts_as_a_gap() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.builder().staleness(Staleness::RefuseBeyond(BOUND)).build().unwrap();
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    let event =
        format!(r#"{{"type":"portcullis.session.revoked.v1","source":"{}","time":"","data":{{}}}}"#, issuer.url());
    assert!(issuer.feed().event(event.as_bytes()).is_err());
    issuer.feed().missed();
    assert_eq!(verifier.verify(&token), Err(Rejected::Unheard));
    assert!(issuer.verifier().verify(&token).is_ok(), "the policy is the verifier's own");
}
