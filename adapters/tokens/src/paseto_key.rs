//! A key of the PASETO format: signs, verifies, and has a PASERK.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use pasetors::keys::AsymmetricPublicKey;
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::version4::V4;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{KeyPair, PrivateKey, TokenError};
use zeroize::Zeroizing;

use crate::base64url;
use crate::verifying_key::VerifyingKey;

const SEED: usize = 32;
const SECRET: &str = "k4.secret.";

pub(crate) struct PasetoKey {
    /// `k4.pid.…`
    pub(crate) kid: String,
    pub(crate) signer: Ed25519KeyPair,
    pub(crate) verifying: VerifyingKey,
    /// The footer of every token by this key.
    pub(crate) footer: String,
    /// The footer as the last segment of a token.
    pub(crate) footer_segment: String,
    /// `k4.public.…`
    pub(crate) paserk: String,
}

impl PasetoKey {
    /// A fresh key, as it is stored: `k4.secret.…` and `k4.public.…`.
    pub(crate) fn generate(random: &dyn Randomness) -> Result<KeyPair, TokenError> {
        let mut bytes = Zeroizing::new([0; 2 * SEED]);
        random.fill(&mut bytes[..SEED]);
        let signer = Ed25519KeyPair::from_seed_unchecked(&bytes[..SEED]).map_err(|e| TokenError::Failed(e.into()))?;
        bytes[SEED..].copy_from_slice(signer.public_key().as_ref());
        let key = Self::of(signer)?;
        let mut private = String::with_capacity(SECRET.len() + 86);
        private.push_str(SECRET);
        base64url::encode_onto(&mut private, &bytes[..]);
        Ok(KeyPair { kid: key.kid, public: key.paserk.into_bytes(), private: PrivateKey(private.into_bytes()) })
    }

    /// Reads a stored key; `Invalid` unless the public part is that of the private one.
    pub(crate) fn read(public: &[u8], private: &PrivateKey) -> Result<Self, TokenError> {
        let text = std::str::from_utf8(&private.0).map_err(|_| TokenError::Invalid)?;
        let bytes = text.strip_prefix(SECRET).and_then(base64url::decode).map(Zeroizing::new);
        // PASERK: the seed, then the public key.
        let signer = bytes.as_ref().and_then(|bytes| bytes.split_first_chunk::<SEED>());
        let signer = signer.and_then(|(seed, own)| Ed25519KeyPair::from_seed_and_public_key(seed, own).ok());
        let key = Self::of(signer.ok_or(TokenError::Invalid)?)?;
        if key.paserk.as_bytes() == public { Ok(key) } else { Err(TokenError::Invalid) }
    }

    fn of(signer: Ed25519KeyPair) -> Result<Self, TokenError> {
        let public = signer.public_key().as_ref();
        let verifying = public.try_into().ok().and_then(VerifyingKey::ed25519).ok_or(TokenError::Invalid)?;
        let public = AsymmetricPublicKey::<V4>::from(public).map_err(|_| TokenError::Invalid)?;
        let kid = paserk(&Id::from(&public))?;
        // A PASERK is base64url and dots: nothing in it needs escaping.
        let footer = format!(r#"{{"kid":"{kid}"}}"#);
        let footer_segment = base64url::encode(&footer);
        Ok(Self { kid, signer, verifying, footer, footer_segment, paserk: paserk(&public)? })
    }
}

fn paserk(key: &impl FormatAsPaserk) -> Result<String, TokenError> {
    let mut text = String::with_capacity(64);
    key.fmt(&mut text).map_err(|error| TokenError::Failed(error.into()))?;
    Ok(text)
}
