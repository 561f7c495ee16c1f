//! A keyed checksum that looks random and protects nothing: the toys' stand-in for cryptography.

use std::hash::{DefaultHasher, Hasher};

/// 32 bytes out of the key and the parts, each with its length.
pub(crate) fn mix(key: &[u8], purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mixed = [0; 32];
    for (lane, chunk) in mixed.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        hasher.write_usize(lane);
        for part in [key, purpose.as_bytes()].iter().chain(parts) {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        chunk.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    mixed
}

/// Hides, or shows again, `bytes` under what the key and the nonce make.
pub(crate) fn veil(key: &[u8], nonce: &[u8], bytes: &mut [u8]) {
    for (number, chunk) in bytes.chunks_mut(32).enumerate() {
        let stream = mix(key, "veil", &[nonce, &number.to_le_bytes()]);
        chunk.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads [`to_hex`] and no other spelling.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks(2).map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}
