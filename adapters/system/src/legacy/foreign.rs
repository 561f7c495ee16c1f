//! Telling what a text is.

use portcullis_domain::ports::security::HashRefused;

use super::bcrypt::{Bcrypt, Input};
use super::firebase::Firebase;
use super::limits::TEXT;
use super::pbkdf2::{Digest, Pbkdf2};
use super::refusal::{malformed, too_costly, unknown};
use super::scrypt::Scrypt;
use super::{bcrypt_text, firebase, pbkdf2_text, scrypt_text};
use crate::hashing::{Ceiling, EngineError, StoredHash};

/// A hash of another scheme than argon2, within the limits.
pub(crate) enum Foreign {
    /// Of any producer.
    Pbkdf2(Pbkdf2),
    /// Of any producer.
    Scrypt(Scrypt),
    /// With anything in front.
    Bcrypt(Bcrypt),
    /// scrypt and AES.
    Firebase(Firebase),
}

/// A stored hash, whoever made it.
pub(crate) enum Stored {
    /// argon2 as a PHC string: our own, or like our own.
    Argon2(StoredHash),
    /// argon2 in another system's wrapping.
    Wrapped(StoredHash),
    /// Something else.
    Foreign(Foreign),
}

impl Stored {
    /// Recognises a hash, and checks its form and its cost; for argon2 the limit is `ceiling`.
    pub(crate) fn read(text: &str, ceiling: &Ceiling) -> Result<Self, HashRefused> {
        if text.len() > TEXT || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HashRefused::Unknown(None));
        }
        if text.starts_with("$argon2") {
            return argon2(text, ceiling).map(Self::Argon2);
        }
        if let Some(inner) = text.strip_prefix("argon2$argon2") {
            return argon2(&format!("$argon2{inner}"), ceiling).map(Self::Wrapped);
        }
        if let Some((scheme, inner)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            return ldap(text, scheme, inner, ceiling);
        }
        Foreign::read(text).map(Self::Foreign)
    }
}

impl Foreign {
    fn read(text: &str) -> Result<Self, HashRefused> {
        let Some(rest) = text.strip_prefix('$') else { return Self::read_framework(text) };
        let Some((scheme, rest)) = rest.split_once('$') else { return Err(unknown(text)) };
        match scheme {
            "2a" | "2b" | "2y" => bcrypt_text::modular(text, Input::Password).map(Self::Bcrypt),
            "bcrypt-sha256" => bcrypt_text::passlib(rest).map(Self::Bcrypt),
            "scrypt" => scrypt_text::modular(rest).map(Self::Scrypt),
            "fbscrypt" => firebase::supabase(rest).map(Self::Firebase),
            "firescrypt" => firebase::ory(rest).map(Self::Firebase),
            "p5k2" => pbkdf2_text::p5k2(text, rest).map(Self::Pbkdf2),
            "pbkdf2" => pbkdf2_text::modular(Digest::Sha1, rest).map(Self::Pbkdf2),
            other => match other.strip_prefix("pbkdf2-").and_then(Digest::of) {
                Some(digest) => pbkdf2_text::modular(digest, rest).map(Self::Pbkdf2),
                None => Err(unknown(text)),
            },
        }
    }

    /// Werkzeug, Django and GRUB.
    fn read_framework(text: &str) -> Result<Self, HashRefused> {
        if let Some(rest) = text.strip_prefix("pbkdf2:") {
            return pbkdf2_text::werkzeug(text, rest).map(Self::Pbkdf2);
        }
        if let Some(rest) = text.strip_prefix("scrypt:") {
            return scrypt_text::werkzeug(rest).map(Self::Scrypt);
        }
        if let Some(rest) = text.strip_prefix("grub.pbkdf2.sha512.") {
            return pbkdf2_text::grub(rest).map(Self::Pbkdf2);
        }
        match text.split_once('$') {
            Some(("pbkdf2_sha256", rest)) => pbkdf2_text::django(Digest::Sha256, rest).map(Self::Pbkdf2),
            Some(("pbkdf2_sha1", rest)) => pbkdf2_text::django(Digest::Sha1, rest).map(Self::Pbkdf2),
            Some(("bcrypt", rest)) => bcrypt_text::modular(rest, Input::Password).map(Self::Bcrypt),
            Some(("bcrypt_sha256", rest)) => bcrypt_text::modular(rest, Input::HexSha256).map(Self::Bcrypt),
            Some(("scrypt", rest)) => scrypt_text::django(rest).map(Self::Scrypt),
            _ => Err(unknown(text)),
        }
    }

    /// Whether the password is the one, or one that its scheme cannot tell from it; takes as long as the hash costs.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, EngineError> {
        match self {
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
            Self::Scrypt(hash) => hash.matches(password),
            Self::Bcrypt(hash) => Ok(hash.matches(password)),
            Self::Firebase(hash) => hash.matches(password),
        }
    }
}

fn argon2(text: &str, ceiling: &Ceiling) -> Result<StoredHash, HashRefused> {
    let stored = StoredHash::parse(text).ok_or_else(|| malformed("argon2", "it is no PHC string of argon2"))?;
    match ceiling.excess(&stored.cost) {
        None => Ok(stored),
        Some((what, asked, limit)) => Err(too_costly(what, asked.into(), limit.into())),
    }
}

/// `{SCHEME}…`, in either case (RFC 2307).
fn ldap(text: &str, scheme: &str, inner: &str, ceiling: &Ceiling) -> Result<Stored, HashRefused> {
    let pbkdf2 = |digest| pbkdf2_text::modular(digest, inner).map(Foreign::Pbkdf2);
    let foreign = match scheme.to_ascii_uppercase().as_str() {
        "ARGON2" => return argon2(inner, ceiling).map(Stored::Wrapped),
        "PBKDF2" | "PBKDF2-SHA1" => pbkdf2(Digest::Sha1),
        "PBKDF2-SHA256" => pbkdf2(Digest::Sha256),
        "PBKDF2-SHA512" => pbkdf2(Digest::Sha512),
        "PKCS5S2" => pbkdf2_text::pkcs5s2(inner).map(Foreign::Pbkdf2),
        "CRYPT" | "BCRYPT" => bcrypt_text::modular(inner, Input::Password).map(Foreign::Bcrypt),
        _ => Err(unknown(text)),
    };
    foreign.map(Stored::Foreign)
}
