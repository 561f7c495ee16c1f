//! The short form in which common passwords are kept.

use aws_lc_rs::digest::{SHA256, digest};
use unicode_normalization::UnicodeNormalization;

/// Bytes of a fingerprint: among 8,000 entries one password in 130 million is taken for a common one.
pub(crate) const LENGTH: usize = 5;

/// One form for all spellings in other letter cases, widths and with space around them; for comparing only.
pub(crate) fn fold(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// The beginning of the SHA-256 of a folded password.
pub(crate) fn fingerprint(folded: &str) -> [u8; LENGTH] {
    let mut short = [0; LENGTH];
    short.copy_from_slice(&digest(&SHA256, folded.as_bytes()).as_ref()[..LENGTH]);
    short
}
