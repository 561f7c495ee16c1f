//! Where each key is in its life, read off what is stored.

use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::tokens::{Algorithm, KeySchedule, KeyStatus, SigningKey};

use crate::world::{DAY, HOUR, MINUTE};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_893_456_000);
const TTL: Duration = Duration::from_secs(15 * 60);

fn key(ordinal: u32, activates_at: Timestamp, retires_at: Option<Timestamp>) -> SigningKey {
    SigningKey {
        kid: format!("key {ordinal}"),
        algorithm: Algorithm::Es256,
        ordinal,
        public: Vec::new(),
        sealed_private: Vec::new(),
        created_at: activates_at.minus(DAY),
        activates_at,
        retires_at,
    }
}

fn statuses(keys: &[SigningKey]) -> Vec<&'static str> {
    KeySchedule::statuses(keys, TTL, NOW).into_iter().map(KeyStatus::as_str).collect()
}

#[test]
fn keys_wait_sign_retire_and_are_over() {
    let keys = [
        key(1, NOW.minus(30 * DAY), None),
        key(2, NOW.minus(20 * DAY), None),
        key(3, NOW.minus(10 * MINUTE), None),
        key(4, NOW.plus(DAY), None),
    ];
    assert_eq!(statuses(&keys), ["retired", "retiring", "active", "next"]);
    let after = |at: Timestamp| Some(at.plus(20 * MINUTE));
    let expected = [after(NOW.minus(20 * DAY)), after(NOW.minus(10 * MINUTE)), after(NOW.plus(DAY)), None];
    assert_eq!(KeySchedule::retirements(&keys, TTL), expected);
}

#[test]
fn a_key_that_was_revoked_before_it_signed_takes_nobodys_place() {
    let keys = [key(1, NOW.minus(DAY), None), key(2, NOW.plus(HOUR), Some(NOW.minus(HOUR)))];
    assert_eq!(statuses(&keys), ["active", "revoked"]);
    assert_eq!(KeySchedule::retirements(&keys, TTL), [None, Some(NOW.minus(HOUR))]);
}

#[test]
fn a_key_that_was_revoked_after_it_signed_has_ended_the_one_before() {
    let begun = NOW.minus(2 * MINUTE);
    let keys = [key(1, NOW.minus(DAY), None), key(2, begun, Some(NOW.minus(MINUTE))), key(3, begun, None)];
    assert_eq!(statuses(&keys), ["retiring", "revoked", "active"]);
    assert_eq!(KeySchedule::retirements(&keys, TTL)[0], Some(begun.plus(20 * MINUTE)));
}

#[test]
fn a_revocation_from_a_clock_that_is_ahead_counts_already() {
    let keys = [key(1, NOW.minus(DAY), Some(NOW.plus(MINUTE))), key(2, NOW.minus(MINUTE), None)];
    assert_eq!(statuses(&keys), ["revoked", "active"]);
}

#[test]
fn algorithms_do_not_follow_each_other() {
    let paseto = SigningKey { algorithm: Algorithm::V4Public, ..key(2, NOW.minus(HOUR), None) };
    let keys = [key(1, NOW.minus(DAY), None), paseto];
    assert_eq!(statuses(&keys), ["active", "active"]);
    assert_eq!(KeySchedule::retirements(&keys, TTL), [None, None]);
}

#[test]
fn tokens_that_live_longer_keep_the_key_longer() {
    let keys = [key(1, NOW.minus(DAY), None), key(2, NOW.minus(HOUR), None)];
    assert_eq!(statuses(&keys)[0], "retired");
    let longer = KeySchedule::statuses(&keys, DAY, NOW);
    assert_eq!(longer[0], KeyStatus::Retiring);
}
