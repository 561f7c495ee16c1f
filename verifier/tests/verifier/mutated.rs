//! Tokens with a few changed bytes (M8): 10⁴ by default, as many as `PORTCULLIS_MUTATIONS` says.

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, Verifier};

/// A generator that repeats itself on demand (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[expect(clippy::disallowed_methods, reason = "tests find their settings in the environment")]
fn mutations() -> usize {
    std::env::var("PORTCULLIS_MUTATIONS").map_or(10_000, |text| text.parse().expect("a number"))
}

/// One to three changes: another byte, one more, one less, two swapped, a piece repeated or cut off.
fn mutate(token: &str, dice: &mut Dice) -> Option<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \0\"{}";
    let mut bytes = token.as_bytes().to_vec();
    for _ in 0..=dice.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.below(bytes.len());
        let letter = LETTERS[dice.below(LETTERS.len())];
        match dice.below(7) {
            0..=2 => bytes[at] = letter,
            3 => bytes.insert(at, letter),
            4 => drop(bytes.remove(at)),
            5 => {
                let other = dice.below(bytes.len());
                bytes.swap(at, other);
            }
            _ => bytes.truncate(at),
        }
    }
    let mutated = String::from_utf8(bytes).ok()?;
    (mutated != token).then_some(mutated)
}

fn none_accepted(verifier: &Verifier, token: &str, count: usize, seed: u64) {
    assert!(verifier.verify(token).is_ok());
    let mut dice = Dice(seed);
    for _ in 0..count {
        if let Some(mutated) = mutate(token, &mut dice) {
            assert!(verifier.verify(&mutated).is_err(), "accepted: {mutated}");
        }
    }
    assert!(verifier.verify(token).is_ok());
}

#[test]
fn m8_no_mutated_token_is_accepted() {
    for (seed, algorithm) in (1..).zip(Algorithm::ALL) {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let token = issuer.token().scope("orders:read").permissions(&["orders:read"]).mint();
        none_accepted(&issuer.verifier(), &token, mutations() / 4, 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
    }
}

#[test]
fn m8_no_change_of_a_single_bit_is_accepted() {
    for algorithm in [Algorithm::EdDsa, Algorithm::V4Public] {
        let issuer = TestIssuer::with_algorithm("orders", algorithm);
        let verifier = issuer.verifier();
        let token = issuer.valid();
        for at in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let mutated = String::from_utf8(bytes).expect("ASCII stays ASCII");
                assert!(verifier.verify(&mutated).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
