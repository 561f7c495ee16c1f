//! The texts that hold an scrypt hash.

use portcullis_domain::ports::security::HashRefused;

use super::encoding::{base64, decimal, hex, parameters};
use super::refusal::malformed;
use super::scrypt::{Cost, SCHEME, Scrypt};

/// Bytes of the hash that Werkzeug and Django write.
const FRAMEWORK_TAG: usize = 64;
/// A logarithm is smaller, an N is larger: no one has 32 bytes or 4 TiB to spare.
const LARGEST_LOGARITHM: u64 = 31;

type Read = Result<Scrypt, HashRefused>;

fn broken(why: &str) -> HashRefused {
    malformed(SCHEME, why)
}

fn number(text: &str) -> Result<u64, HashRefused> {
    decimal(text).ok_or_else(|| broken("N, r or p is no number"))
}

/// What follows `$scrypt$`: `ln=…,r=…,p=…$salt$hash`. The same from Ory has N in `ln`.
pub(super) fn modular(rest: &str) -> Read {
    let [head, salt, tag] = fields(rest)?;
    let Some([ln, r, p]) = parameters(head, ["ln", "r", "p"]) else {
        return Err(broken("it has other parameters than ln, r and p"));
    };
    let (ln, r, p) = (number(ln)?, number(r)?, number(p)?);
    let cost = if ln <= LARGEST_LOGARITHM { Cost::of_logarithm(ln, r, p) } else { Cost::new(ln, r, p) }?;
    let bytes = |text| base64(text).ok_or_else(|| broken("the salt or the hash is not Base64"));
    Scrypt::new(cost, bytes(salt)?, bytes(tag)?)
}

/// What follows `scrypt:`: `N:r:p$salt$hash`, the salt as it stands, the hash in hexadecimal.
pub(super) fn werkzeug(rest: &str) -> Read {
    let [method, salt, tag] = fields(rest)?;
    let parts: Vec<_> = method.split(':').collect();
    let [n, r, p] = parts[..] else { return Err(broken("there are not N, r and p")) };
    let cost = Cost::new(number(n)?, number(r)?, number(p)?)?;
    framework(cost, salt, hex(tag))
}

/// What follows `scrypt$`: `N$salt$r$p$hash`, the salt as it stands.
pub(super) fn django(rest: &str) -> Read {
    let [n, salt, r, p, tag] = fields(rest)?;
    let cost = Cost::new(number(n)?, number(r)?, number(p)?)?;
    framework(cost, salt, base64(tag))
}

fn framework(cost: Cost, salt: &str, tag: Option<Vec<u8>>) -> Read {
    let tag = tag.filter(|tag| tag.len() == FRAMEWORK_TAG).ok_or_else(|| broken("the hash is not 64 bytes"))?;
    if salt.is_empty() {
        return Err(broken("there is no salt"));
    }
    Scrypt::new(cost, salt.as_bytes().to_vec(), tag)
}

fn fields<const N: usize>(rest: &str) -> Result<[&str; N], HashRefused> {
    let parts: Vec<_> = rest.split('$').collect();
    parts.try_into().map_err(|_| broken("it has too many or too few fields"))
}
