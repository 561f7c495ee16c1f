//! The suite `refresh_tokens`: [`RefreshTokenCodec`](portcullis_domain::ports::sessions::RefreshTokenCodec).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::sessions::RefreshToken;

use super::samples::{RANDOM, at};

/// Two replicas under one master key.
#[doc(hidden)]
pub type Replicas = (Arc<dyn RefreshTokenCodec>, Arc<dyn RefreshTokenCodec>);

/// Runs the suite `refresh_tokens` on what `async fn factory() -> Arc<dyn RefreshTokenCodec>` gives; any two calls
/// MUST give codecs of the same master key.
#[macro_export]
macro_rules! refresh_tokens_contract {
    ($factory:expr) => {
        mod refresh_tokens_replicas {
            #[allow(unused_imports, reason = "the factory is named as its caller sees it")]
            use super::*;
            pub(super) async fn replicas() -> $crate::contract::refresh_tokens::Replicas {
                (($factory)().await, ($factory)().await)
            }
        }
        $crate::promises!(
            refresh_tokens,
            refresh_tokens_replicas::replicas,
            a_token_opens_as_what_it_is,
            a_token_opens_on_every_replica,
            the_successor_is_the_same_everywhere,
            every_successor_is_another_token,
            a_token_with_any_bit_flipped_is_refused,
            another_spelling_of_a_refresh_token_is_refused,
            what_was_not_made_here_is_refused,
            tokens_look_random_at_every_position_a040,
            a_token_does_not_show_its_session_or_secret,
            the_digest_is_not_the_token,
        );
    };
}

fn fresh(codec: &Replicas) -> RefreshToken {
    codec.0.first(SessionId::new(at(0), &RANDOM), secret())
}

fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    RANDOM.fill(&mut secret);
    secret
}

/// Session, generation, value and digest.
pub async fn a_token_opens_as_what_it_is(codec: &Replicas) {
    let session = SessionId::new(at(0), &RANDOM);
    let mut token = codec.0.first(session, secret());
    assert_eq!((token.session, token.generation), (session, 0), "the first token of a session has number 0");
    for generation in 0..50 {
        let opened = codec.0.open(token.value.expose());
        assert_eq!(opened.as_ref(), Some(&token), "generation {generation} opens as what it is");
        token = codec.0.successor(&token);
        assert_eq!((token.session, token.generation), (session, generation + 1), "the successor has the next number");
    }
}

/// Same master key, same answer.
pub async fn a_token_opens_on_every_replica(codec: &Replicas) {
    let token = fresh(codec);
    let next = codec.0.successor(&token);
    for token in [token, next] {
        let opened = codec.1.open(token.value.expose());
        assert_eq!(opened, Some(token), "a token opens on every replica with the same master key");
    }
}

/// At every call, on every replica, from the token as made and as opened.
pub async fn the_successor_is_the_same_everywhere(codec: &Replicas) {
    let token = fresh(codec);
    let expected = codec.0.successor(&token);
    assert_eq!(codec.0.successor(&token), expected, "the successor is the same at every call");
    assert_eq!(codec.1.successor(&token), expected, "the successor is the same on every replica");
    let opened = codec.1.open(token.value.expose()).unwrap_or_else(|| panic!("a token opens on every replica"));
    assert_eq!(codec.1.successor(&opened), expected, "the successor of the opened token is the same");
}

/// No value and no digest comes twice.
pub async fn every_successor_is_another_token(codec: &Replicas) {
    let (mut values, mut digests) = (HashSet::new(), HashSet::new());
    for _ in 0..20 {
        let mut token = fresh(codec);
        for _ in 0..50 {
            assert!(values.insert(token.value.expose().to_owned()), "every token is another one");
            assert!(digests.insert(token.digest), "every token has a digest of its own");
            token = codec.0.successor(&token);
        }
    }
    let session = SessionId::new(at(0), &RANDOM);
    let (one, two) = (codec.0.first(session, secret()), codec.0.first(session, secret()));
    assert_ne!(one.value, two.value, "the secret makes the token, not the session");
    let same = secret();
    let (one, two) = (codec.0.first(session, same), codec.0.first(SessionId::new(at(0), &RANDOM), same));
    assert_ne!(one.digest, two.digest, "tokens of two sessions are never the same");
}

/// Every bit of every byte, and every letter in every place.
pub async fn a_token_with_any_bit_flipped_is_refused(codec: &Replicas) {
    let token = fresh(codec);
    let text = token.value.expose();
    for place in 0..text.len() {
        for byte in (0..128_u8).filter(|byte| *byte != text.as_bytes()[place]) {
            let mut forged = text.as_bytes().to_vec();
            forged[place] = byte;
            let forged = String::from_utf8_lossy(&forged);
            let opened = codec.0.open(&forged);
            assert_eq!(opened, None, "a token with byte {place} changed to {byte:#04x} is refused");
        }
    }
}

/// One spelling only.
pub async fn another_spelling_of_a_refresh_token_is_refused(codec: &Replicas) {
    let token = fresh(codec);
    let text = token.value.expose();
    let with = |suffix: &str| format!("{text}{suffix}");
    let spellings = [
        with("="),
        with("=="),
        with(" "),
        with("\n"),
        with("\0"),
        with("A"),
        with("."),
        with(text),
        with("%3D"),
        format!(" {text}"),
        format!("\u{feff}{text}"),
        format!("\"{text}\""),
        text.to_uppercase(),
        text.to_lowercase(),
        text.replace('-', "+").replace('_', "/"),
        text.chars().rev().collect(),
    ];
    for spelling in spellings.iter().filter(|spelling| spelling.as_str() != text) {
        assert_eq!(codec.0.open(spelling), None, "another spelling of a token is refused: {spelling:?}");
    }
    for end in 0..text.len() {
        assert_eq!(codec.0.open(&text[..end]), None, "a token cut after {end} bytes is refused");
        assert_eq!(codec.0.open(&text[end + 1..]), None, "a token without its first {} bytes is refused", end + 1);
    }
}

/// Random texts in the form of a token.
pub async fn what_was_not_made_here_is_refused(codec: &Replicas) {
    for text in ["", " ", ".", "null", "日本", "\0", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(codec.0.open(text), None, "what was not made here is refused: {text:?}");
    }
    assert_eq!(codec.0.open(&"A".repeat(1 << 20)), None, "a megabyte is refused");
    let tokens: Vec<_> = (0..50).map(|_| fresh(codec)).collect();
    // Each letter from another true token: the right form, alphabet and length.
    for turn in 0..50 {
        let letters = tokens[0].value.expose().len();
        let mixed: String = (0..letters)
            .filter_map(|place| tokens[(place * 7 + turn) % 50].value.expose().chars().nth(place))
            .collect();
        assert_eq!(codec.0.open(&mixed), None, "a token put together from others is refused");
    }
    for (one, two) in tokens.iter().zip(tokens.iter().skip(1)) {
        let (one, two) = (one.value.expose(), two.value.expose());
        let half = one.len() / 2;
        assert_eq!(codec.0.open(&format!("{}{}", &one[..half], &two[half..])), None, "two halves are no token");
    }
}

/// Entropy of each position over 10,000 tokens, first ones and successors.
pub async fn tokens_look_random_at_every_position_a040(codec: &Replicas) {
    const TOKENS: usize = 10_000;
    let session = SessionId::new(at(0), &RANDOM);
    let mut values = Vec::with_capacity(TOKENS);
    while values.len() < TOKENS {
        let token = codec.0.first(session, secret());
        values.push(codec.0.successor(&token).value.expose().to_owned());
        values.push(token.value.expose().to_owned());
    }
    let length = values[0].len();
    assert!(values.iter().all(|value| value.len() == length), "all tokens are of one length");
    assert_eq!(values.iter().collect::<HashSet<_>>().len(), values.len(), "no two of 10,000 tokens are the same");
    let mut sum = 0.0;
    for place in 0..length {
        let mut counts: HashMap<u8, f64> = HashMap::new();
        for value in &values {
            *counts.entry(value.as_bytes()[place]).or_default() += 1.0;
        }
        let total = values.len() as f64;
        let entropy: f64 = counts.values().map(|count| -(count / total) * (count / total).log2()).sum();
        let full = (counts.len() as f64).log2();
        assert!(counts.len() > 1, "position {place} is always the same letter");
        assert!(entropy > full - 0.05, "position {place} has {entropy:.3} of {full:.3} bits: it does not look random");
        sum += entropy;
    }
    assert!(sum >= 256.0, "a token carries {sum:.1} bits and not 256");
}

/// Neither in the token's text, nor in Debug.
pub async fn a_token_does_not_show_its_session_or_secret(codec: &Replicas) {
    let session = SessionId::new(at(0), &RANDOM);
    let token = codec.0.first(session, secret());
    let text = token.value.expose().to_lowercase();
    let plain = session.to_string();
    assert!(!text.contains(&plain) && !text.contains(&plain.replace('-', "")), "a token does not show its session");
    assert!(!format!("{token:?}").contains(token.value.expose()), "a token is not shown by Debug");
}

/// What the store holds does not open.
pub async fn the_digest_is_not_the_token(codec: &Replicas) {
    let token = fresh(codec);
    let hex: String = token.digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(codec.0.open(&hex), None, "a digest is not a token");
    assert!(!token.value.expose().contains(&hex), "a token does not show its digest");
    let distinct: HashSet<u8> = token.digest.0.into_iter().collect();
    assert!(distinct.len() > 8, "a digest looks like a hash, not like {:?}", token.digest);
}
