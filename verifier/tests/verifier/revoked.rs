//! What a feed says.

use std::time::Duration;

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{FeedStatus, ManualFeed, Rejected, Verifier};
use serde_json::json;

#[test]
fn a_disabled_user_is_refused_until_they_sign_in_again_and_a_deleted_one_for_good() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let at = issuer.clock().seconds();
    let before = issuer.token().subject("u").mint();
    let event = |kind: &str| {
        json!({
            "specversion": "1.0", "id": "1", "source": issuer.url(), "type": kind, "subject": "users/u",
            "time": "2026-01-01T12:00:05.123456Z", "data": {"user_id": "u"},
        })
        .to_string()
    };
    let sent = issuer.feed().event(event("portcullis.user.disabled.v1").as_bytes());
    assert_eq!(sent, Ok(true));
    assert_eq!(verifier.verify(&before), Err(Rejected::Revoked));
    issuer.clock().advance(Duration::from_secs(10));
    assert_eq!(verifier.verify(&issuer.token().subject("u").issued_at(at + 5).mint()), Err(Rejected::Revoked));
    let again = issuer.token().subject("u").issued_at(at + 6).mint();
    assert!(verifier.verify(&again).is_ok());
    assert!(verifier.verify(&issuer.token().subject("v").issued_at(at).mint()).is_ok());
    assert_eq!(issuer.feed().event(event("portcullis.user.deleted.v1").as_bytes()), Ok(true));
    assert_eq!(verifier.verify(&again), Err(Rejected::Revoked));
}

#[test]
fn the_withdrawal_of_a_key_by_event_is_at_once_and_for_good() {
    let issuer = TestIssuer::new("orders");
    let (verifier, token, kid) = (issuer.verifier(), issuer.valid(), issuer.kid());
    assert!(verifier.verify(&token).is_ok());
    let event = json!({
        "specversion": "1.0", "id": "1", "source": issuer.url(), "type": "portcullis.keys.revoked.v1",
        "time": "2026-01-01T12:00:00Z", "data": {"kid": kid},
    });
    assert_eq!(issuer.feed().event(event.to_string().as_bytes()), Ok(true));
    assert_eq!(verifier.verify(&token), Err(Rejected::NoKeys));
    // The old document comes again, say out of a cache.
    issuer.rotate();
    assert_eq!(verifier.verify(&token), Err(Rejected::UnknownKey));
    assert!(verifier.verify(&issuer.valid()).is_ok());
}

#[test]
fn a_revoked_token_and_a_deleted_client_are_refused_from_the_event_on() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    let event = |kind: &str, data: serde_json::Value| {
        let event = json!({
            "specversion": "1.0", "id": "1", "source": issuer.url(), "type": kind, "subject": "clients/reports",
            "time": "2026-01-01T12:00:00.5Z", "data": data,
        });
        issuer.feed().event(event.to_string().as_bytes())
    };
    let mint = |id| issuer.client_token("reports").id(id).mint();
    let (one, two) = (mint("1"), mint("2"));
    assert!(verifier.verify(&one).is_ok() && verifier.verify(&two).is_ok());
    let until = "2026-01-01T12:15:00.5Z";
    let revoked = json!({"token_id": "1", "client_id": "reports", "until": until});
    assert_eq!(event("portcullis.token.revoked.v1", revoked), Ok(true));
    assert_eq!(verifier.verify(&one), Err(Rejected::Revoked));
    assert!(verifier.verify(&two).is_ok());
    let deleted = json!({"client_id": "reports", "until": until});
    assert_eq!(event("portcullis.client.deleted.v1", deleted), Ok(true));
    assert_eq!(verifier.verify(&two), Err(Rejected::Revoked));
    assert_eq!(verifier.status().revocations, 2);
    let rotated = json!({"client_id": "reports"});
    assert_eq!(event("portcullis.client.secret_rotated.v1", rotated), Ok(false), "its tokens stay good");
}

#[test]
fn revocations_are_forgotten_when_their_tokens_have_expired() {
    let issuer = TestIssuer::new("orders");
    let verifier = issuer.verifier();
    for round in 0..100 {
        for one in 0..100 {
            let (id, until) = (format!("{round}/{one}"), issuer.clock().seconds() + 900);
            issuer.feed().revoke_session(&id, until);
            issuer.feed().revoke_client(&id, until);
        }
        issuer.clock().advance(Duration::from_secs(90));
    }
    let kept = verifier.status().revocations;
    assert!((2_000..=6_000).contains(&kept), "{kept} of 20 000; 2 000 matter");
}

#[test]
fn a_service_may_speak_into_a_feed_of_its_own() {
    let issuer = TestIssuer::new("orders");
    let (feed, handle) = ManualFeed::new();
    assert!(handle.sink().is_none());
    let clock = std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new());
    let verifier = Verifier::builder(issuer.url())
        .audience("orders")
        .fixed_keys(Some(&issuer.jwks()), Some(&issuer.paserk()))
        .clock(clock.clone())
        .feed(feed)
        .build()
        .expect("these settings are valid");
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: None });
    let sink = handle.sink().expect("the verifier listens");
    sink.caught_up();
    assert_eq!(verifier.status().feed, FeedStatus::Current);
    let token = issuer.token().session("s").mint();
    assert!(verifier.verify(&token).is_ok());
    sink.revoke_session("s", clock.seconds() + 900);
    assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
    drop(sink);
    drop(verifier);
    assert!(handle.sink().is_none(), "the feed lets go of a verifier that is gone");
}
