//! Tags under the master key: the same for ever, so that what is stored or handed out under them keeps its meaning.

use portcullis_domain::ports::security::Mac;
use portcullis_tokens::MasterMac;
use proptest::prelude::*;

use crate::vectors::unhex;

const KEY: [u8; 32] = [5; 32];

/// HMAC-SHA256 under HKDF-SHA256 keys, as another implementation (Python's `hmac` and `hashlib`) computes it.
const KNOWN: [(&str, &[u8], &str); 3] = [
    ("csrf access v1", &[0; 16], "68c08e9790bd9d6c8973f2081d9e071956f81d089955a83f4af48edc24c78935"),
    (
        "attempts at a name v1",
        b"email ann@example.com",
        "840389481157de70a100a0b3d8c8a60b56d8d03113643306552a74a9bb4c4b24",
    ),
    ("", b"", "4ccaafb13765fec0c56b50dae0b68b06c3dc2355ed9fe3157047ee53ee8939c6"),
];

#[test]
fn a_tag_is_what_another_implementation_computes() {
    let mac = MasterMac::new(&KEY);
    for (purpose, message, tag) in KNOWN {
        assert_eq!(mac.tag(purpose, message), unhex(tag)[..], "{purpose:?} when its key is made");
        assert_eq!(mac.tag(purpose, message), unhex(tag)[..], "{purpose:?} when its key is at hand");
    }
}

#[test]
fn more_purposes_than_keys_at_hand_are_fine() {
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".repeat(5);
    let letters: &'static str = letters.leak();
    let mac = MasterMac::new(&KEY);
    let all = || (0..letters.len()).map(|end| mac.tag(&letters[..end], b"message")).collect::<Vec<_>>();
    let first = all();
    assert_eq!(all(), first, "a key that is made again is the same");
    let (purpose, message, tag) = KNOWN[0];
    assert_eq!(mac.tag(purpose, message), unhex(tag)[..], "after {} others", first.len());
}

#[test]
fn another_master_key_gives_other_tags() {
    let tag = MasterMac::new(&KEY).tag("purpose", b"message");
    for key in [&[6; 32][..], &[5; 31], &[5; 33], b""] {
        assert_ne!(MasterMac::new(key).tag("purpose", b"message"), tag);
    }
}

proptest! {
    #[test]
    fn only_the_tag_verifies(key in any::<Vec<u8>>(), message in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
        let (mac, replica) = (MasterMac::new(&key), MasterMac::new(&key));
        let tag = mac.tag("purpose", &message);
        prop_assert!(replica.verify("purpose", &message, &tag));
        prop_assert_eq!(replica.verify("purpose", &other, &tag), other == message);
        prop_assert!(!replica.verify("purpose", &message, &other));
    }
}
