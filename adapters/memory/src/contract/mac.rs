//! The suite `mac`: [`Mac`](portcullis_domain::ports::security::Mac).

use std::collections::HashSet;
use std::sync::Arc;

use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::security::Mac;

use super::samples::{RACERS, RANDOM, race};

/// Two replicas under one master key, and one under another.
pub struct Macs {
    /// Under the first key.
    pub one: Arc<dyn Mac>,
    /// Under the same key.
    pub twin: Arc<dyn Mac>,
    /// Under another key.
    pub stranger: Arc<dyn Mac>,
}

/// Runs the suite `mac` on what `async fn factory(key: [u8; 32]) -> Arc<dyn Mac>` gives.
#[macro_export]
macro_rules! mac_contract {
    ($factory:expr) => {
        mod mac_keys {
            #[allow(unused_imports, reason = "the factory is named as its caller sees it")]
            use super::*;
            pub(super) async fn macs() -> $crate::contract::mac::Macs {
                let mut other = [7; 32];
                other[31] ^= 1;
                $crate::contract::mac::Macs {
                    one: ($factory)([7; 32]).await,
                    twin: ($factory)([7; 32]).await,
                    stranger: ($factory)(other).await,
                }
            }
        }
        $crate::promises!(
            mac,
            mac_keys::macs,
            a_tag_is_the_same_at_every_call_and_on_every_replica,
            a_tag_differs_by_purpose,
            a_tag_differs_by_message,
            a_tag_differs_by_key,
            a_purpose_and_a_message_never_run_together,
            a_tag_verifies_for_its_purpose_message_and_key_alone,
            a_tag_with_any_bit_flipped_is_refused,
            a_tag_of_another_length_is_refused,
            a_tag_shows_neither_key_nor_message,
            a_race_of_tags_never_mixes_them_up,
        );
    };
}

const PURPOSES: [&str; 8] = [
    "",
    "a",
    "A",
    "a ",
    "a purpose v1",
    "a purpose v2",
    "a purpose v1 ",
    "a purpose of more than sixty-four bytes, which is more than a block of the hash has room for",
];

/// Messages of all sizes around the blocks of a hash.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = vec![vec![0], vec![0, 0], b"message".to_vec(), b"Message".to_vec(), b"message\0".to_vec()];
    for length in [0, 16, 31, 32, 33, 55, 56, 63, 64, 65, 127, 128, 1_000, 65_537] {
        let mut message = vec![0; length];
        RANDOM.fill(&mut message);
        messages.push(message);
    }
    messages
}

/// Also when other purposes come in between.
pub async fn a_tag_is_the_same_at_every_call_and_on_every_replica(macs: &Macs) {
    let messages = messages();
    let all = |mac: &dyn Mac| -> Vec<[u8; 32]> {
        PURPOSES.iter().flat_map(|purpose| messages.iter().map(|message| mac.tag(purpose, message))).collect()
    };
    let first = all(&*macs.one);
    assert_eq!(all(&*macs.one), first, "a tag is the same at every call");
    assert_eq!(all(&*macs.twin), first, "a tag is the same on every replica");
}

/// Down to a space or a case.
pub async fn a_tag_differs_by_purpose(macs: &Macs) {
    for message in messages() {
        let tags: HashSet<_> = PURPOSES.iter().map(|purpose| macs.one.tag(purpose, &message)).collect();
        assert_eq!(tags.len(), PURPOSES.len(), "a tag differs by purpose");
    }
}

/// Down to a bit, and to a trailing zero.
pub async fn a_tag_differs_by_message(macs: &Macs) {
    for purpose in PURPOSES {
        let messages = messages();
        let tags: HashSet<_> = messages.iter().map(|message| macs.one.tag(purpose, message)).collect();
        assert_eq!(tags.len(), messages.len(), "a tag differs by message");
    }
    let message = digest_sized();
    let tag = macs.one.tag("bits", &message);
    for bit in 0..message.len() * 8 {
        let mut other = message.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(macs.one.tag("bits", &other), tag, "a tag differs when bit {bit} of the message does");
    }
}

fn digest_sized() -> Vec<u8> {
    let mut message = vec![0; 48];
    RANDOM.fill(&mut message);
    message
}

/// Keys of one bit's difference.
pub async fn a_tag_differs_by_key(macs: &Macs) {
    for purpose in PURPOSES {
        for message in messages() {
            let (one, other) = (macs.one.tag(purpose, &message), macs.stranger.tag(purpose, &message));
            assert_ne!(one, other, "a tag differs by key");
            assert!(!macs.stranger.verify(purpose, &message, &one), "a tag of another key is refused");
        }
    }
}

/// Where the purpose ends and the message begins counts.
pub async fn a_purpose_and_a_message_never_run_together(macs: &Macs) {
    let same: [(&'static str, &[u8]); 5] = [("", b"abcd"), ("a", b"bcd"), ("ab", b"cd"), ("abc", b"d"), ("abcd", b"")];
    let tags: HashSet<_> = same.iter().map(|(purpose, message)| macs.one.tag(purpose, message)).collect();
    assert_eq!(tags.len(), same.len(), "purposes whose text with the message is the same have different tags");
    let pairs: [(&'static str, &[u8], &'static str, &[u8]); 5] = [
        ("a", b"b\0c", "a\0b", b"c"),
        ("a", b"b c", "a b", b"c"),
        ("a", b"b:c", "a:b", b"c"),
        ("a", b"b|c", "a|b", b"c"),
        ("a", b"\0", "a\0", b""),
    ];
    for (purpose, message, longer, shorter) in pairs {
        let (left, right) = (macs.one.tag(purpose, message), macs.one.tag(longer, shorter));
        assert_ne!(left, right, "nothing makes a purpose run into a message: {purpose:?} and {longer:?}");
    }
}

/// All three count.
pub async fn a_tag_verifies_for_its_purpose_message_and_key_alone(macs: &Macs) {
    for (number, message) in messages().into_iter().enumerate() {
        let tag = macs.one.tag("a purpose v1", &message);
        for mac in [&macs.one, &macs.twin] {
            assert!(mac.verify("a purpose v1", &message, &tag), "a tag verifies on every replica");
            assert!(!mac.verify("a purpose v2", &message, &tag), "a tag of another purpose is refused");
            let other = [&message[..], &[0]].concat();
            assert!(!mac.verify("a purpose v1", &other, &tag), "a tag of another message is refused: number {number}");
        }
        assert!(!macs.stranger.verify("a purpose v1", &message, &tag), "a tag of another key is refused");
    }
}

/// Every bit.
pub async fn a_tag_with_any_bit_flipped_is_refused(macs: &Macs) {
    let tag = macs.one.tag("bits", b"message");
    for bit in 0..tag.len() * 8 {
        let mut forged = tag;
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(!macs.one.verify("bits", b"message", &forged), "a tag with bit {bit} flipped is refused");
    }
}

/// Shorter, longer, none at all.
pub async fn a_tag_of_another_length_is_refused(macs: &Macs) {
    let tag = macs.one.tag("length", b"message");
    for length in 0..tag.len() {
        assert!(!macs.one.verify("length", b"message", &tag[..length]), "the first {length} bytes are no tag");
        assert!(!macs.one.verify("length", b"message", &tag[length + 1..]), "the last bytes are no tag");
    }
    for more in [&[0][..], &tag[..1], &tag[..]] {
        let longer = [&tag[..], more].concat();
        assert!(!macs.one.verify("length", b"message", &longer), "a tag with bytes too many is refused");
    }
}

/// Neither its bytes in a row.
pub async fn a_tag_shows_neither_key_nor_message(macs: &Macs) {
    let message = digest_sized();
    let tag = macs.one.tag("shown", &message);
    for piece in tag.windows(4) {
        assert!(piece != [7; 4], "a tag does not show its key");
        assert!(!message.windows(4).any(|window| window == piece), "a tag does not show its message");
    }
    assert!(tag.iter().collect::<HashSet<_>>().len() > 8, "a tag looks random");
}

/// Many hands and many purposes, the first use of each included.
pub async fn a_race_of_tags_never_mixes_them_up(macs: &Macs) {
    let messages = Arc::new(messages());
    let racer = |number: usize| {
        let (mac, messages) = (macs.one.clone(), messages.clone());
        async move {
            let purposes = (0..PURPOSES.len()).map(|step| PURPOSES[(number + step) % PURPOSES.len()]);
            let tags = purposes.flat_map(|purpose| messages.iter().map(move |message| (purpose, message)));
            tags.map(|(purpose, message)| (purpose, message.clone(), mac.tag(purpose, message))).collect::<Vec<_>>()
        }
    };
    for tags in race(RACERS, racer).await {
        for (purpose, message, tag) in tags {
            assert_eq!(macs.twin.tag(purpose, &message), tag, "a race of tags never mixes them up");
        }
    }
}
