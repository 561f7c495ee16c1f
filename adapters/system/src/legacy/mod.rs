//! Password hashes that other systems made: recognised without computing, verified at the next login, replaced by
//! argon2id there and then.
//!
//! | format | written by | limit |
//! |---|---|---|
//! | `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, also `argon2i`, `argon2d`, `v=16` or no `v` | PHC strings of any library | 256 MiB, 10 passes, 16 lanes |
//! | `argon2$argon2id$…`, `{ARGON2}$argon2id$…` | Django, LDAP servers | the same |
//! | `$2b$12$…`, also `$2a$`, `$2y$` | bcrypt of Node, PHP, Python, Go; Auth0 exports | cost 4 to 15 |
//! | `bcrypt$$2b$…`, `bcrypt_sha256$$2b$…` | Django | cost 4 to 15 |
//! | `$bcrypt-sha256$v=2,t=2b,r=12$salt$hash`, `$bcrypt-sha256$2b,12$salt$hash` | passlib | cost 4 to 15 |
//! | `{CRYPT}$2b$…`, `{BCRYPT}$2b$…` | LDAP servers, Spring Security | cost 4 to 15 |
//! | `$pbkdf2-sha256$i=…,l=…$salt$hash`, also `sha1`, `sha512` | PHC strings; [`forms::pbkdf2`] for Keycloak and Auth0 | 4,000,000 iterations × blocks of output |
//! | `$pbkdf2$…$salt$hash`, `$pbkdf2-sha256$…`, `$pbkdf2-sha512$…`, `{PBKDF2…}…` | passlib, LDAP servers | the same |
//! | `$p5k2$…`, `{PKCS5S2}…`, `grub.pbkdf2.sha512.…` | passlib (cta, dlitz), Atlassian, GRUB | the same |
//! | `pbkdf2:sha256:…$salt$hex`, also `sha1`, `sha512`, also without a count | Werkzeug, Flask | the same |
//! | `pbkdf2_sha256$…$salt$hash`, `pbkdf2_sha1$…` | Django | the same |
//! | `$scrypt$ln=…,r=…,p=…$salt$hash` (Ory writes N in place of its logarithm) | PHC strings, passlib, Ory; [`forms::scrypt`] for Auth0 | 128·N·r ≤ 128 MiB, 128·N·r·p ≤ 512 MiB, r ≤ 32, p ≤ 16 |
//! | `scrypt:N:r:p$salt$hex` | Werkzeug, Flask | the same |
//! | `scrypt$N$salt$r$p$hash` | Django | the same |
//! | `$fbscrypt$v=1,n=…,r=…,p=…,ss=…,sk=…$salt$hash`, `$firescrypt$ln=…,r=…,p=…$salt$hash$ss$sk` | Firebase: [`forms::firebase`], Supabase, Ory | the same |
//!
//! Everything else is refused, and never stored: passwords that were never hashed; one round of anything, salted or not
//! (hexadecimal digests, `{SHA}`, `{SSHA…}`, `{SMD5}`, `md5$`, `sha1$`, NT, `$hmac-…`); crypt(3) other than bcrypt
//! (`$1$`, `$5$`, `$6$`, DES, phpass, yescrypt); bcrypt `$2x$`, which marks hashes of an implementation with a bug;
//! `$pbkdf2-sha224$` and `$pbkdf2-sha384$`, which are SHA-3 to the one who writes them, Ory, and SHA-2 by their name. A
//! fast hash that waits here for its owner is worth little more than the password; its owner resets the password.
//!
//! **The 72-byte rule.** bcrypt looks at the first 72 bytes of a password. An imported bcrypt hash compares just those, as
//! whoever made it did: two passwords that differ later are the same to it. From the first login on the whole password
//! counts, as it always does for new ones. The `sha256` variants have no such end.
//!
//! **NUL.** To bcrypt `a` and `a NUL a` are the same, to PBKDF2 and scrypt `a` and `a NUL`. A password with a NUL character
//! never matches a foreign hash other than argon2.
//!
//! **Time.** A wrong password on a foreign hash is followed by one argon2id at the current cost, so that it never costs
//! less than no account at all. Where the foreign hash itself takes long, it costs more until its owner logs in.

mod bcrypt;
mod bcrypt_text;
mod encoding;
mod firebase;
mod foreign;
pub mod forms;
mod hashes;
pub mod limits;
mod pbkdf2;
mod pbkdf2_text;
mod refusal;
mod scrypt;
mod scrypt_text;
#[cfg(test)]
mod tests;

pub(crate) use foreign::{Foreign, Stored};
pub use hashes::LegacyHashes;
