//! PBKDF2 (RFC 8018 §5.2).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, Algorithm};
use portcullis_domain::ports::security::HashRefused;

use super::limits::{MAX_TAG, MIN_TAG, PBKDF2_ITERATIONS};
use super::refusal::{at_most, malformed};

pub(super) const SCHEME: &str = "pbkdf2";

/// The digest under the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1, which is still sound in this place.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// By the name that producers use: `sha1`, `sha256`, `sha512`.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|digest| digest.name() == name)
    }

    /// That name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of its output.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// A hash that can be computed.
pub(crate) struct Pbkdf2 {
    digest: Digest,
    /// One count; several where the text has none, and any of the producer's defaults may be meant.
    iterations: Vec<NonZeroU32>,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Pbkdf2 {
    /// A hash within the limits.
    pub(super) fn new(digest: Digest, iterations: &[u64], salt: Vec<u8>, tag: Vec<u8>) -> Result<Self, HashRefused> {
        let blocks = tag.len().div_ceil(digest.len()).max(1) as u64;
        let work = iterations.iter().fold(0, |sum: u64, count| sum.saturating_add(count.saturating_mul(blocks)));
        at_most("pbkdf2 iterations × blocks of output", work, PBKDF2_ITERATIONS)?;
        if !(MIN_TAG..=MAX_TAG).contains(&tag.len()) {
            return Err(malformed(SCHEME, "the hash has an impossible length"));
        }
        let count = |count: &u64| u32::try_from(*count).ok().and_then(NonZeroU32::new);
        let iterations: Option<Vec<_>> = iterations.iter().map(count).collect();
        let iterations = iterations.ok_or_else(|| malformed(SCHEME, "there are no iterations"))?;
        Ok(Self { digest, iterations, salt, tag })
    }

    /// The same, if the output is the digest's and lacks `most` bytes at the most.
    pub(super) fn lacking(self, most: usize) -> Result<Self, HashRefused> {
        match self.digest.len().checked_sub(self.tag.len()) {
            Some(lacking) if lacking <= most => Ok(self),
            _ => Err(malformed(SCHEME, "the hash is not as long as its digest")),
        }
    }

    /// Whether the password is the one.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        // The comparison is in constant time.
        let same = |count| pbkdf2::verify(self.digest.algorithm(), count, &self.salt, password, &self.tag).is_ok();
        self.iterations.iter().copied().any(same)
    }
}
