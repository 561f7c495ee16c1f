//! One signature for each ES256 token.
//!
//! When `(r, s)` is a valid ECDSA signature, so is `(r, n - s)`: whoever holds a token could spell it in a second way.
//! The issuer signs with the smaller of the two, and no other is accepted.

#[cfg(any(test, feature = "testing"))]
/// The order of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3), big endian.
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
    0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];
/// Half of it, rounded down.
const HALF: [u8; 32] = [
    0x7F, 0xFF, 0xFF, 0xFF, 0x80, 0x00, 0x00, 0x00, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xDE, 0x73, 0x7D,
    0x56, 0xD3, 0x8B, 0xCF, 0x42, 0x79, 0xDC, 0xE5, 0x61, 0x7E, 0x31, 0x92, 0xA8,
];

/// Whether the P1363 signature `r ‖ s` is the smaller of its pair.
pub(crate) fn is_low(signature: &[u8]) -> bool {
    signature.len() == 64 && signature.get(32..).is_some_and(|s| s <= &HALF[..])
}

#[cfg(any(test, feature = "testing"))]
/// Makes the P1363 signature `r ‖ s` the smaller of its pair.
pub(crate) fn lower(signature: &mut [u8; 64]) {
    if is_low(signature) {
        return;
    }
    let mut borrow = 0;
    for (digit, order) in signature[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(order) - i16::from(*digit) - borrow;
        borrow = i16::from(difference < 0);
        *digit = difference.rem_euclid(256) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_s(s: [u8; 32]) -> [u8; 64] {
        let mut signature = [7; 64];
        signature[32..].copy_from_slice(&s);
        signature
    }

    #[test]
    fn half_of_the_order_is_the_largest_low_s() {
        let mut above = HALF;
        above[31] += 1;
        assert!(is_low(&with_s(HALF)));
        assert!(!is_low(&with_s(above)));
        let mut signature = with_s(above);
        lower(&mut signature);
        // n is odd: n - (⌊n/2⌋ + 1) = ⌊n/2⌋
        assert_eq!(signature, with_s(HALF));
    }

    #[test]
    fn a_high_s_becomes_its_complement_and_r_stays() {
        let mut high = ORDER;
        high[31] -= 1;
        let mut signature = with_s(high);
        lower(&mut signature);
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(signature, with_s(one));
        lower(&mut signature);
        assert_eq!(signature, with_s(one));
    }
}
