//! The issuer's public keys.

mod jwks;
mod key;
mod keyring;
mod paserk;

pub(crate) use jwks::read as read_jwks;
pub(crate) use key::Key;
pub(crate) use keyring::{KeySet, Keyring};
pub(crate) use paserk::read as read_paserks;

/// The document is not a set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document is not a set of keys")]
pub(crate) struct NotAKeySet;

/// Longer sets are refused: every kid is compared with all.
const MOST: usize = 64;
