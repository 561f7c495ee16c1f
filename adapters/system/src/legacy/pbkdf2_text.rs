//! The texts that hold a PBKDF2 hash.

use portcullis_domain::ports::security::HashRefused;

use super::encoding::{base64, decimal, hex, hexadecimal, parameters};
use super::pbkdf2::{Digest, Pbkdf2, SCHEME};
use super::refusal::{malformed, unknown};

/// What Werkzeug took when a text had no count, from version 0.9 to 3.1. It wrote the count itself; others did not.
const WERKZEUG: [u64; 6] = [1_000, 50_000, 150_000, 260_000, 600_000, 1_000_000];
/// What dlitz's PBKDF2 takes when a text has no count.
const P5K2: u64 = 400;
/// What Atlassian takes always.
const PKCS5S2: u64 = 10_000;
/// Bytes of Atlassian's salt.
const PKCS5S2_SALT: usize = 16;

type Read = Result<Pbkdf2, HashRefused>;

fn broken(why: &str) -> HashRefused {
    malformed(SCHEME, why)
}

fn bytes(text: &str) -> Result<Vec<u8>, HashRefused> {
    base64(text).ok_or_else(|| broken("the salt or the hash is not Base64"))
}

fn count(text: &str) -> Result<u64, HashRefused> {
    decimal(text).ok_or_else(|| broken("the iterations are no number"))
}

/// What follows `$pbkdf2-…$`: `i=…,l=…$salt$hash` (PHC) or `…$salt$hash` (passlib).
pub(super) fn modular(digest: Digest, rest: &str) -> Read {
    let [head, salt, tag] = fields(rest)?;
    let (salt, tag) = (bytes(salt)?, bytes(tag)?);
    let length = u64::try_from(tag.len()).ok();
    if let Some([i, l]) = parameters(head, ["i", "l"]) {
        let hash = Pbkdf2::new(digest, &[count(i)?], salt, tag)?;
        return if decimal(l) == length { Ok(hash) } else { Err(broken("the hash is not as long as it says")) };
    }
    if let Some([i]) = parameters(head, ["i"]) {
        return Pbkdf2::new(digest, &[count(i)?], salt, tag);
    }
    // passlib writes all of the digest; some directory servers lose its last byte.
    Pbkdf2::new(digest, &[count(head)?], salt, tag)?.lacking(1)
}

/// What follows `$p5k2$`: `iterations$salt$hash` in hexadecimal; a padded hash is cta's, another one dlitz's, whose salt is
/// everything before the hash.
pub(super) fn p5k2(text: &str, rest: &str) -> Read {
    let [iterations, salt, tag] = fields(rest)?;
    let tag_bytes = bytes(tag)?;
    if tag.ends_with('=') {
        let iterations = hexadecimal(iterations).ok_or_else(|| broken("the iterations are no number"))?;
        return Pbkdf2::new(Digest::Sha1, &[iterations], bytes(salt)?, tag_bytes)?.lacking(0);
    }
    let iterations = if iterations.is_empty() { Some(P5K2) } else { hexadecimal(iterations) };
    let iterations = iterations.ok_or_else(|| broken("the iterations are no number"))?;
    let config = text.rsplit_once('$').map_or("", |(config, _)| config);
    Pbkdf2::new(Digest::Sha1, &[iterations], config.as_bytes().to_vec(), tag_bytes)
}

/// What follows `{PKCS5S2}`: salt and hash in one.
pub(super) fn pkcs5s2(rest: &str) -> Read {
    let both = bytes(rest)?;
    let (salt, tag) = both.split_at_checked(PKCS5S2_SALT).ok_or_else(|| broken("there is no hash"))?;
    let (salt, tag) = (salt.to_vec(), tag.to_vec());
    let tag = if tag.len() == 32 { tag } else { return Err(broken("the hash is not 32 bytes long")) };
    Pbkdf2::new(Digest::Sha1, &[PKCS5S2], salt, tag)
}

/// What follows `grub.pbkdf2.sha512.`: `iterations.salt.hash`.
pub(super) fn grub(rest: &str) -> Read {
    let mut parts = rest.split('.');
    let (Some(iterations), Some(salt), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(broken("there are not three fields"));
    };
    let hexed = |text| hex(text).ok_or_else(|| broken("the salt or the hash is not hexadecimal"));
    Pbkdf2::new(Digest::Sha512, &[count(iterations)?], hexed(salt)?, hexed(tag)?)
}

/// What follows `pbkdf2:`: `digest:iterations$salt$hash`, the salt as it stands, the hash in hexadecimal.
pub(super) fn werkzeug(text: &str, rest: &str) -> Read {
    let [method, salt, tag] = fields(rest)?;
    let (name, iterations) = match method.split_once(':') {
        Some((name, iterations)) => (name, vec![count(iterations)?]),
        None => (method, WERKZEUG.to_vec()),
    };
    let digest = Digest::of(name).ok_or_else(|| unknown(text))?;
    let tag = hex(tag).ok_or_else(|| broken("the hash is not hexadecimal"))?;
    Pbkdf2::new(digest, &iterations, plain(salt)?, tag)?.lacking(0)
}

/// What follows `pbkdf2_sha256$`: `iterations$salt$hash`, the salt as it stands.
pub(super) fn django(digest: Digest, rest: &str) -> Read {
    let [iterations, salt, tag] = fields(rest)?;
    Pbkdf2::new(digest, &[count(iterations)?], plain(salt)?, bytes(tag)?)?.lacking(0)
}

fn plain(salt: &str) -> Result<Vec<u8>, HashRefused> {
    if salt.is_empty() { Err(broken("there is no salt")) } else { Ok(salt.as_bytes().to_vec()) }
}

fn fields(rest: &str) -> Result<[&str; 3], HashRefused> {
    let parts: Vec<_> = rest.split('$').collect();
    parts.try_into().map_err(|_| broken("there are not three fields"))
}
