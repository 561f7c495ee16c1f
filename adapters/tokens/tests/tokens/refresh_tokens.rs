//! Refresh tokens (A060, A061, A064).

use std::collections::HashSet;

use aws_lc_rs::digest::{SHA256, digest};
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::sessions::RefreshToken;
use portcullis_tokens::SealedRefreshTokens;
use proptest::prelude::*;
use uuid::Uuid;

use crate::scene::{Dice, NOW, unb64};

const KEY: [u8; 32] = [5; 32];

fn session() -> SessionId {
    SessionId::new(NOW, &Dice::default())
}

#[test]
fn a_token_opens_to_what_it_was_made_of() {
    let codec = SealedRefreshTokens::new(&KEY);
    let first = codec.first(session(), [1; 32]);
    assert_eq!((first.session, first.generation), (session(), 0));
    assert_eq!(first.digest.0, digest(&SHA256, first.value.expose().as_bytes()).as_ref());
    assert_eq!(codec.open(first.value.expose()), Some(first.clone()));
    let mut token = first;
    for generation in 1..=100 {
        token = codec.successor(&token);
        assert_eq!((token.session, token.generation), (session(), generation));
        assert_eq!(codec.open(token.value.expose()), Some(token.clone()));
    }
}

#[test]
fn the_successor_is_the_same_on_every_replica_and_for_nobody_else() {
    let token = SealedRefreshTokens::new(&KEY).first(session(), [1; 32]);
    let successor = SealedRefreshTokens::new(&KEY).successor(&token);
    assert_eq!(SealedRefreshTokens::new(&KEY).successor(&token), successor);
    assert_ne!(SealedRefreshTokens::new(&[6; 32]).successor(&token).value, successor.value);
    let other = SealedRefreshTokens::new(&KEY).first(session(), [2; 32]);
    assert_ne!(SealedRefreshTokens::new(&KEY).successor(&other).value, successor.value);
}

#[test]
fn the_last_generation_of_all_has_a_successor_too() {
    let codec = SealedRefreshTokens::new(&KEY);
    let token = RefreshToken { generation: u32::MAX, ..codec.first(session(), [1; 32]) };
    assert_eq!(codec.successor(&token).generation, u32::MAX);
}

#[test]
fn a_token_of_another_master_key_does_not_open() {
    let token = SealedRefreshTokens::new(&KEY).first(session(), [1; 32]);
    for key in [&[6; 32][..], &[5; 31], &[], b"portcullis"] {
        assert_eq!(SealedRefreshTokens::new(key).open(token.value.expose()), None);
    }
}

#[test]
fn a061_every_bit_counts_and_there_is_one_spelling_only() {
    let codec = SealedRefreshTokens::new(&KEY);
    for token in [codec.first(session(), [1; 32]), codec.successor(&codec.first(session(), [2; 32]))] {
        let text = token.value.expose();
        assert_eq!(text.len(), 92);
        for at in 0..text.len() {
            for letter in (0..128_u8).filter(|letter| *letter != text.as_bytes()[at]) {
                let mut other = text.as_bytes().to_vec();
                other[at] = letter;
                assert_eq!(codec.open(std::str::from_utf8(&other).expect("ASCII")), None, "letter {at}");
            }
            assert_eq!(codec.open(&text[..at]), None);
        }
        for other in [
            format!("{text}="),
            format!("{text}A"),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}.{text}"),
            text.replace('-', "+").replace('_', "/") + if text.contains(['-', '_']) { "" } else { "=" },
            "A".repeat(92),
            "é".repeat(46),
            String::new(),
        ] {
            assert_eq!(codec.open(&other), None, "{other}");
        }
    }
}

#[test]
fn parts_of_two_tokens_do_not_make_a_third() {
    let codec = SealedRefreshTokens::new(&KEY);
    let one = codec.first(session(), [1; 32]);
    let two = codec.successor(&one);
    for cut in 1..92 {
        let mixed = format!("{}{}", &one.value.expose()[..cut], &two.value.expose()[cut..]);
        if mixed != one.value.expose() && mixed != two.value.expose() {
            assert_eq!(codec.open(&mixed), None, "cut at {cut}");
        }
    }
}

#[test]
fn a_token_looks_random_at_every_position() {
    let codec = SealedRefreshTokens::new(&KEY);
    let dice = Dice::default();
    let mut token = codec.first(SessionId::new(NOW, &dice), [0; 32]);
    let mut letters = vec![HashSet::new(); 92];
    let mut ones = vec![0_u32; 69 * 8];
    let rounds = 4_000;
    for _ in 0..rounds {
        // Sessions of one instant and neighbouring generations: all structure there is.
        token = codec.successor(&token);
        for (at, letter) in token.value.expose().chars().enumerate() {
            letters[at].insert(letter);
        }
        for (at, byte) in unb64(token.value.expose()).into_iter().enumerate() {
            for bit in 0..8 {
                ones[at * 8 + bit] += u32::from(byte >> bit & 1);
            }
        }
    }
    for (at, seen) in letters.iter().enumerate() {
        assert_eq!(seen.len(), 64, "letter {at}");
    }
    for (at, ones) in ones.into_iter().enumerate() {
        // Five standard deviations of a fair coin are 158.
        assert!(ones.abs_diff(rounds / 2) < 160, "bit {at}: {ones} of {rounds}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let shown = format!("{:?}", SealedRefreshTokens::new(&KEY).first(session(), [1; 32]));
    assert!(shown.contains("[redacted]"), "{shown}");
}

proptest! {
    #[test]
    fn any_session_and_secret_survive(id in any::<u128>(), secret in any::<[u8; 32]>(), key in any::<[u8; 32]>()) {
        let codec = SealedRefreshTokens::new(&key);
        let token = codec.first(SessionId::from_uuid(Uuid::from_u128(id)), secret);
        prop_assert_eq!(codec.open(token.value.expose()), Some(token.clone()));
        let next = codec.successor(&token);
        prop_assert_eq!(codec.open(next.value.expose()), Some(next));
    }

    #[test]
    fn nothing_else_opens(text in prop_oneof![".{0,120}", "[A-Za-z0-9_-]{92}"]) {
        prop_assert_eq!(SealedRefreshTokens::new(&KEY).open(&text), None);
    }
}
