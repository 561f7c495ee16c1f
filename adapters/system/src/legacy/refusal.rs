//! Saying no.

use portcullis_domain::ports::security::HashRefused;

/// Schemes that are known and not taken over, by how their texts begin. Texts never name themselves: what looks like a
/// name may be the beginning of a password.
const KNOWN: [(&str, &str); 31] = [
    ("$1$", "md5-crypt"),
    ("$md5", "md5"),
    ("$5$", "sha256-crypt"),
    ("$sha256-crypt$", "sha256-crypt"),
    ("$6$", "sha512-crypt"),
    ("$sha512-crypt$", "sha512-crypt"),
    ("$sha1$", "sha1"),
    ("$sha256$", "sha256"),
    ("$sha512$", "sha512"),
    ("$hmac-", "hmac"),
    ("$2$", "bcrypt 2"),
    ("$2x$", "bcrypt 2x"),
    ("$P$", "phpass"),
    ("$H$", "phpass"),
    ("$S$", "Drupal 7"),
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$7$", "scrypt-crypt"),
    ("$pbkdf2-sha224$", "pbkdf2-sha224"),
    ("$pbkdf2-sha384$", "pbkdf2-sha384"),
    ("{SHA", "LDAP SHA"),
    ("{SSHA", "LDAP salted SHA"),
    ("{MD5}", "LDAP MD5"),
    ("{SMD5}", "LDAP salted MD5"),
    ("{FSHP", "FSHP"),
    ("{CRYPT}", "crypt(3)"),
    ("md5$", "salted MD5"),
    ("sha1$", "salted SHA-1"),
    ("sha256$", "salted SHA-256"),
    ("crypt$", "DES crypt"),
    ("!", "a disabled password"),
];

/// Nobody here verifies that.
pub(super) fn unknown(text: &str) -> HashRefused {
    let begins = |with: &str| text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    let known = KNOWN.iter().find(|(with, _)| text.starts_with(with) || with.starts_with('{') && begins(with));
    HashRefused::Unknown(known.map(|(_, name)| (*name).to_owned()))
}

/// The scheme is known, the text is not what it prescribes.
pub(super) fn malformed(scheme: &'static str, why: &str) -> HashRefused {
    HashRefused::Malformed { scheme, why: why.to_owned() }
}

/// More than the limit.
pub(super) fn too_costly(what: &str, asked: u64, limit: u64) -> HashRefused {
    HashRefused::TooCostly(format!("{what} is {asked}, the limit is {limit}"))
}

/// `Ok` up to the limit.
pub(super) fn at_most(what: &str, asked: u64, limit: u64) -> Result<(), HashRefused> {
    if asked <= limit { Ok(()) } else { Err(too_costly(what, asked, limit)) }
}
