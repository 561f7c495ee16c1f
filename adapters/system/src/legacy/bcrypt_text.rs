//! The texts that hold a bcrypt hash.

use portcullis_domain::ports::security::HashRefused;

use super::bcrypt::{Bcrypt, Input, SCHEME};
use super::encoding::{bcrypt_salt, bcrypt_tag, decimal, parameters};
use super::refusal::{malformed, unknown};

/// Characters of the salt, which the hash follows at once.
const SALT: usize = 22;

type Read = Result<Bcrypt, HashRefused>;

fn broken(why: &str) -> HashRefused {
    malformed(SCHEME, why)
}

/// `$2b$12$` and 53 characters, also `2a` and `2y`: all three are the same since their bugs were mended. `input` is what
/// was hashed.
pub(super) fn modular(text: &str, input: Input) -> Read {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|version| text.strip_prefix(version));
    let (cost, rest) = rest.ok_or_else(|| unknown(text))?.split_once('$').ok_or_else(|| broken("there is no salt"))?;
    let [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = cost.as_bytes() else {
        return Err(broken("the cost is not two digits"));
    };
    let cost = 10 * u64::from(tens - b'0') + u64::from(ones - b'0');
    let (salt, tag) = rest.split_at_checked(SALT).ok_or_else(|| broken("it is too short"))?;
    read(input, cost, salt, tag)
}

/// What follows `$bcrypt-sha256$`: `v=2,t=2b,r=12$salt$hash`, or `2b,12$salt$hash` as passlib wrote before 1.7.3.
pub(super) fn passlib(rest: &str) -> Read {
    let parts: Vec<_> = rest.split('$').collect();
    let [head, salt, tag] = parts[..] else { return Err(broken("there are not three fields")) };
    let number = |text| decimal(text).ok_or_else(|| broken("the cost is no number"));
    if let Some([version, kind, cost]) = parameters(head, ["v", "t", "r"]) {
        if (version, kind) != ("2", "2b") {
            return Err(broken("it is not of version 2"));
        }
        return read(Input::Base64Hmac { salt: salt.to_owned() }, number(cost)?, salt, tag);
    }
    match head.split_once(',') {
        Some(("2a" | "2b", cost)) => read(Input::Base64Sha256, number(cost)?, salt, tag),
        _ => Err(broken("its parameters are not those of either version")),
    }
}

fn read(input: Input, cost: u64, salt: &str, tag: &str) -> Read {
    // A bomb is called one, whatever else is wrong with it.
    let cost = Bcrypt::cost(cost)?;
    let salt = bcrypt_salt(salt).ok_or_else(|| broken("the salt is not 22 characters of its Base64"))?;
    let tag = bcrypt_tag(tag).ok_or_else(|| broken("the hash is not 31 characters of its Base64"))?;
    Ok(Bcrypt::new(input, cost, salt, tag))
}
