//! Base64url without padding, of one spelling only (RFC 7515 §2, RFC 4648 §3.5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`encode`] wrote; `None` for padding, white space, foreign letters and unused bits that are set.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling_only() {
        assert_eq!(decode("_w").as_deref(), Some(&[0xFF][..]));
        for other in ["_x", "_w==", "_w=", " _w", "_w\n", "/w", "_", "_w.", "_wé"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
