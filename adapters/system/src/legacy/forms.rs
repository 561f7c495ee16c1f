//! One text for each hash that an export has in several fields: what these functions write, [`LegacyHashes`] accepts.
//!
//! | export | function | text |
//! |---|---|---|
//! | Keycloak `pbkdf2`, `pbkdf2-sha256`, `pbkdf2-sha512`; Auth0 `pbkdf2` | [`pbkdf2`] | `$pbkdf2-sha512$i=…,l=…$salt$hash` |
//! | Auth0 `scrypt` | [`scrypt()`] | `$scrypt$ln=…,r=…,p=…$salt$hash` |
//! | Keycloak `argon2` | [`argon2()`] | `$argon2id$v=19$m=…,t=…,p=…$salt$hash` |
//! | Firebase | [`firebase`] | `$fbscrypt$v=1,n=…,r=…,p=1,ss=…,sk=…$salt$hash` |
//!
//! They check nothing but what could not be written; form and cost are for [`LegacyHashes`] to judge.
//!
//! [`LegacyHashes`]: super::LegacyHashes

pub use super::pbkdf2::Digest;

use super::encoding::{to_b64, to_base64};

/// PBKDF2, Base64 without padding.
pub fn pbkdf2(digest: Digest, iterations: u64, salt: &[u8], hash: &[u8]) -> String {
    format!("$pbkdf2-{}$i={iterations},l={}${}${}", digest.name(), hash.len(), to_b64(salt), to_b64(hash))
}

/// scrypt, Base64 without padding; `None` when `n` is no power of two.
pub fn scrypt(n: u64, r: u64, p: u64, salt: &[u8], hash: &[u8]) -> Option<String> {
    let log_n = n.is_power_of_two().then(|| n.trailing_zeros())?;
    Some(format!("$scrypt$ln={log_n},r={r},p={p}${}${}", to_b64(salt), to_b64(hash)))
}

/// The parameters of an argon2 hash (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2<'a> {
    /// `id`, `i` or `d`.
    pub variant: &'a str,
    /// 19, which Keycloak calls 1.3, or 16.
    pub version: u32,
    /// In KiB.
    pub memory_kib: u64,
    /// Passes.
    pub iterations: u64,
    /// Lanes.
    pub lanes: u64,
}

/// argon2, Base64 without padding.
pub fn argon2(parameters: Argon2<'_>, salt: &[u8], hash: &[u8]) -> String {
    let Argon2 { variant, version, memory_kib, iterations, lanes } = parameters;
    format!("$argon2{variant}$v={version}$m={memory_kib},t={iterations},p={lanes}${}${}", to_b64(salt), to_b64(hash))
}

/// What the hashes of a Firebase project have in common, as its console shows it (`hash_config`).
#[derive(Clone, Copy)]
pub struct FirebaseProject<'a> {
    /// `base64_signer_key`, decoded. It is the same for everybody and is stored with each hash until its owner logs in.
    pub signer_key: &'a [u8],
    /// `base64_salt_separator`, decoded.
    pub salt_separator: &'a [u8],
    /// `rounds`, scrypt's block size.
    pub rounds: u64,
    /// `mem_cost`, the logarithm of scrypt's N.
    pub mem_cost: u64,
}

/// Firebase's own scrypt, Base64 with padding.
pub fn firebase(project: FirebaseProject<'_>, salt: &[u8], hash: &[u8]) -> String {
    let FirebaseProject { signer_key, salt_separator, rounds, mem_cost } = project;
    format!(
        "$fbscrypt$v=1,n={mem_cost},r={rounds},p=1,ss={},sk={}${}${}",
        to_base64(salt_separator),
        to_base64(signer_key),
        to_base64(salt),
        to_base64(hash)
    )
}
