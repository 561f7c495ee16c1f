//! bcrypt, and what is put in front of it.

use aws_lc_rs::{digest, hmac};
use portcullis_domain::ports::security::HashRefused;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{to_base64, to_hex};
use super::limits::BCRYPT_COST;
use super::refusal::{at_most, malformed};

pub(super) const SCHEME: &str = "bcrypt";

const MIN_COST: u32 = 4;
/// What bcrypt sees of its input.
const SEEN: usize = 72;

/// What bcrypt gets.
pub(super) enum Input {
    /// The password.
    Password,
    /// Its SHA-256 in hexadecimal (Django).
    HexSha256,
    /// Its SHA-256 in Base64 (passlib before 1.7.3).
    Base64Sha256,
    /// Its HMAC-SHA-256 in Base64, keyed with the salt as it is written (passlib).
    Base64Hmac {
        /// That salt.
        salt: String,
    },
}

/// A hash that can be computed.
pub(crate) struct Bcrypt {
    input: Input,
    cost: u32,
    salt: [u8; 16],
    tag: [u8; 23],
}

impl Bcrypt {
    /// A cost within the limits.
    pub(super) fn cost(asked: u64) -> Result<u32, HashRefused> {
        at_most("bcrypt cost", asked, BCRYPT_COST.into())?;
        let possible = u32::try_from(asked).ok().filter(|cost| *cost >= MIN_COST);
        possible.ok_or_else(|| malformed(SCHEME, "the cost is below 4"))
    }

    pub(super) const fn new(input: Input, cost: u32, salt: [u8; 16], tag: [u8; 23]) -> Self {
        Self { input, cost, salt, tag }
    }

    /// Whether the password is the one.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let sha256 = || digest::digest(&digest::SHA256, password);
        let input = match &self.input {
            Input::Password => Zeroizing::new(password.to_vec()),
            Input::HexSha256 => Zeroizing::new(to_hex(sha256().as_ref()).into_bytes()),
            Input::Base64Sha256 => Zeroizing::new(to_base64(sha256().as_ref()).into_bytes()),
            Input::Base64Hmac { salt } => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
                Zeroizing::new(to_base64(hmac::sign(&key, password).as_ref()).into_bytes())
            }
        };
        let mut seen = Zeroizing::new([0; SEEN]);
        // The NUL at the end counts, as long as there is room for it.
        let length = (input.len() + 1).min(SEEN);
        seen.iter_mut().zip(input.iter()).for_each(|(to, from)| *to = *from);
        let Some(seen) = seen.get(..length) else { return false };
        let output = bcrypt::bcrypt(self.cost, self.salt, seen);
        // The last of the 24 bytes is never written down.
        output.iter().zip(&self.tag).fold(subtle::Choice::from(1), |same, (a, b)| same & a.ct_eq(b)).into()
    }
}
