//! Passwords that everybody tries first.

use super::fingerprint::{LENGTH, fingerprint};

/// Sorted fingerprints of common passwords of 8 characters and more, made by the example `common_passwords`.
///
/// Derived from the list of common passwords in Django 5.2 (BSD-3-Clause, copyright Django Software Foundation and
/// individual contributors). They stay in the program file until the first password is judged.
const COMMON: &[u8] = include_bytes!("common_passwords.bin");

/// Whether the folded password is a common one.
pub(super) fn is_common(folded: &str) -> bool {
    let (entries, _) = COMMON.as_chunks::<LENGTH>();
    entries.binary_search(&fingerprint(folded)).is_ok()
}
