//! Access tokens as JWT (RFC 9068) and PASETO (v4.public), the keys behind them, refresh tokens, and the vault that
//! keeps private keys.
//!
//! - [`TokenRing`] issues and verifies access tokens and publishes the public keys.
//! - [`CachedVerifier`] remembers tokens whose signature has been checked.
//! - [`SealedRefreshTokens`] makes refresh tokens that open without a database.
//! - [`MasterVault`] seals private keys under the master key.
//! - [`MasterMac`] makes tags of short messages under the master key.
//! - [`jws`] checks what somebody else signed, with one key and one algorithm.
//!
//! Nothing in a token ever chooses how it is verified: the header of a JWT and the footer of a PASETO must be, letter
//! for letter, the one that this service writes for one of its live keys. So there is no `alg`, `kid` or `typ` to
//! interpret, and `jku`, `jwk`, `x5u`, `crit`, `b64` or `zip` cannot occur (RFC 8725 §3).

mod base64url;
mod cached;
mod claims;
mod installed;
mod instant;
mod jwk;
pub mod jws;
mod jws_signer;
mod jwt;
mod jwt_key;
mod key;
mod low_s;
mod mac;
mod paseto;
mod paseto_key;
mod published;
mod refresh_tokens;
mod ring;
mod roca;
mod subkey;
mod vault;
mod verifying_key;

pub use cached::CachedVerifier;
pub use installed::KeyEpochs;
pub use mac::MasterMac;
pub use refresh_tokens::SealedRefreshTokens;
pub use ring::{TokenRing, TokenSettings};
pub use vault::MasterVault;

#[cfg(test)]
#[path = "../tests/tokens/vectors.rs"]
mod vectors;
