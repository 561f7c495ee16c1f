//! Base64 of either alphabet, with or without padding, as foreign exports have it.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD_NO_PAD;

/// The bytes; `None` when the text is not base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    STANDARD_NO_PAD.decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        for text in ["+/8=", "-_8=", "+/8", "-_8"] {
            assert_eq!(decode(text), Some(vec![0xFB, 0xFF]), "{text}");
        }
        assert_eq!(decode("n t"), None);
    }
}
