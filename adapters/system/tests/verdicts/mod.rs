//! Where our verdict on a row differs from its producer's.

/// Rows that are `malformed` to their producer and well-formed here: nobody logs in with them either way.
pub(crate) const ACCEPTED: [(&str, &str); 2] =
    [("supabase-auth-5", "argon2d is taken over"), ("supabase-auth-6", "the version before 19 is taken over")];

/// Schemes that are not taken over, by how their texts begin.
const SCHEMES: [(&str, &[&str]); 12] = [
    ("md5, sha1, sha256, sha512: one round", &["$md5$", "$sha1$pf=", "$sha256$pf=", "$sha512$pf=", "md5$", "sha1$"]),
    ("hmac: one round", &["$hmac-"]),
    ("md5-crypt", &["$1$", "$md5-crypt$", "{CRYPT}$1$", "{crypt}$1$"]),
    ("sha256-crypt", &["$5$", "$sha256-crypt$", "{crypt}$5$"]),
    ("sha512-crypt", &["$6$", "$sha512-crypt$", "{crypt}$6$"]),
    ("sha1-crypt", &["$sha1$", "{CRYPT}$sha1$"]),
    ("DES crypt", &["crypt$"]),
    ("phpass, Drupal 7", &["$P$", "$H$", "$S$"]),
    ("LDAP SHA and MD5, salted or not", &["{SHA", "{sha", "{SSHA", "{ssha", "{MD5}", "{SMD5}"]),
    ("FSHP", &["{FSHP"]),
    ("pbkdf2 with SHA-3 by the name of SHA-2", &["$pbkdf2-sha224$", "$pbkdf2-sha384$"]),
    ("NT hash", &["ipaNTHash: ", "sambaNTPassword: "]),
];

/// Why a row that matches at its producer is refused here.
pub(crate) fn unsupported(hash: &str) -> Option<&'static str> {
    let begins = SCHEMES.iter().find(|(_, heads)| heads.iter().any(|head| hash.starts_with(head)));
    let hexadecimal = hash.len() >= 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    begins.map(|(name, _)| *name).or(hexadecimal.then_some("a digest in hexadecimal"))
}
