//! The fingerprint of RSA keys from a broken generator (CVE-2017-15361, "ROCA").

const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus, big endian, is a power of 65537 modulo each of the small primes, as all moduli of that
/// generator are and one in 2^27 of the others.
pub(crate) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let residue = modulus.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * (65_537 % prime) % prime;
            power == residue
        })
    })
}
