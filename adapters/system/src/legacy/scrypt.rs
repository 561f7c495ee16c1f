//! scrypt (RFC 7914).

use portcullis_domain::ports::security::HashRefused;
use scrypt::Params;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::limits::{MAX_TAG, MIN_TAG, SCRYPT_BLOCK_SIZE, SCRYPT_MEMORY, SCRYPT_PARALLELISM, SCRYPT_WORK};
use super::refusal::{at_most, malformed};
use crate::hashing::EngineError;

pub(super) const SCHEME: &str = "scrypt";

/// N, r and p within the limits.
pub(super) struct Cost(Params);

impl Cost {
    /// `n` is N itself, a power of two greater than 1.
    pub(super) fn new(n: u64, r: u64, p: u64) -> Result<Self, HashRefused> {
        let memory = n.saturating_mul(r).saturating_mul(128);
        at_most("scrypt memory 128·N·r", memory, SCRYPT_MEMORY)?;
        at_most("scrypt block size r", r, SCRYPT_BLOCK_SIZE)?;
        at_most("scrypt parallelisation p", p, SCRYPT_PARALLELISM)?;
        at_most("scrypt work 128·N·r·p", memory.saturating_mul(p), SCRYPT_WORK)?;
        let impossible = || malformed(SCHEME, "N, r or p cannot be");
        if n < 2 || !n.is_power_of_two() {
            return Err(impossible());
        }
        let small = |number: u64| u32::try_from(number).map_err(|_| impossible());
        let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| impossible())?;
        Ok(Self(Params::new(log_n, small(r)?, small(p)?).map_err(|_| impossible())?))
    }

    /// The same with the logarithm of N.
    pub(super) fn of_logarithm(log_n: u64, r: u64, p: u64) -> Result<Self, HashRefused> {
        let n = u32::try_from(log_n).ok().and_then(|log_n| 1u64.checked_shl(log_n)).unwrap_or(u64::MAX);
        Self::new(n, r, p)
    }

    /// Computes.
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], output: &mut [u8]) -> Result<(), EngineError> {
        scrypt::scrypt(password, salt, &self.0, output).map_err(|_| EngineError::Length)
    }
}

/// A hash that can be computed.
pub(crate) struct Scrypt {
    cost: Cost,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Scrypt {
    pub(super) fn new(cost: Cost, salt: Vec<u8>, tag: Vec<u8>) -> Result<Self, HashRefused> {
        if !(MIN_TAG..=MAX_TAG).contains(&tag.len()) {
            return Err(malformed(SCHEME, "the hash has an impossible length"));
        }
        Ok(Self { cost, salt, tag })
    }

    /// Whether the password is the one.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, EngineError> {
        let mut output = Zeroizing::new(vec![0; self.tag.len()]);
        self.cost.derive(password, &self.salt, &mut output)?;
        Ok(output.ct_eq(&self.tag).into())
    }
}
