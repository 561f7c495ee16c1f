//! Tokens with something changed (A061, M8): none is accepted.

use portcullis_domain::ports::tokens::{TokenError, TokenVerifier};
use portcullis_domain::tokens::Algorithm;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::scene::{NOW, scene, token};

#[tokio::test]
async fn a061_every_bit_of_every_byte_counts() {
    let mut tried = 0;
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        let token = token(&ring);
        for at in 0..token.len() {
            for bit in 0..7 {
                let mut other = token.clone().into_bytes();
                other[at] ^= 1 << bit;
                let other = String::from_utf8(other).expect("ASCII stays ASCII");
                let result = ring.verify(&other, NOW);
                assert!(matches!(result, Err(TokenError::Invalid)), "{algorithm:?}, byte {at}, bit {bit}");
                tried += 1;
            }
        }
    }
    println!("{tried} tokens with a flipped bit, none accepted");
    assert!(tried >= 10_000);
}

/// A change of a token.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, char),
    Insert(usize, char),
    Remove(usize),
    Cut(usize),
    Swap(usize, usize),
    Double(usize, usize),
    Append(String),
}

fn change() -> impl Strategy<Value = Change> {
    let letter = || prop_oneof![proptest::char::range('!', '~'), Just('.'), Just('='), any::<char>()];
    prop_oneof![
        (any::<usize>(), letter()).prop_map(|(at, letter)| Change::Replace(at, letter)),
        (any::<usize>(), letter()).prop_map(|(at, letter)| Change::Insert(at, letter)),
        any::<usize>().prop_map(Change::Remove),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Change::Swap(a, b)),
        (any::<usize>(), 1..200_usize).prop_map(|(at, length)| Change::Double(at, length)),
        ".{1,40}".prop_map(Change::Append),
    ]
}

fn apply(token: &str, change: &Change) -> String {
    let mut letters: Vec<char> = token.chars().collect();
    let count = letters.len().max(1);
    if letters.is_empty() {
        return String::new();
    }
    match change {
        Change::Replace(at, letter) => letters[at % count] = *letter,
        Change::Insert(at, letter) => letters.insert(at % count, *letter),
        Change::Remove(at) => drop(letters.remove(at % count)),
        Change::Cut(at) => letters.truncate(at % count),
        Change::Swap(a, b) => letters.swap(a % count, b % count),
        Change::Double(at, length) => {
            let piece: Vec<char> = letters[at % count..].iter().take(*length).copied().collect();
            letters.splice(at % count..at % count, piece);
        }
        Change::Append(text) => letters.extend(text.chars()),
    }
    letters.into_iter().collect()
}

#[tokio::test]
async fn a061_changed_tokens_are_refused() {
    for algorithm in Algorithm::ALL {
        let (ring, _) = scene(algorithm).await;
        let token = token(&ring);
        let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
        let changes = proptest::collection::vec(change(), 1..4);
        runner
            .run(&changes, |changes| {
                let other = changes.iter().fold(token.clone(), |text, change| apply(&text, change));
                if other != token {
                    let refused = matches!(ring.verify(&other, NOW), Err(TokenError::Invalid));
                    prop_assert!(refused, "{}", other);
                }
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
    }
}

#[tokio::test]
async fn anything_at_all_is_refused_without_a_panic() {
    let (ring, _) = scene(Algorithm::Es256).await;
    let mut runner = TestRunner::new(Config { cases: 3_000, failure_persistence: None, ..Config::default() });
    let texts = prop_oneof![
        ".{0,300}",
        "[A-Za-z0-9_.-]{0,300}",
        "v4\\.public\\.[A-Za-z0-9_.-]{0,300}",
        "eyJ[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,90}"
    ];
    runner
        .run(&texts, |text| {
            let refused = matches!(ring.verify(&text, NOW), Err(TokenError::Invalid));
            prop_assert!(refused);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
