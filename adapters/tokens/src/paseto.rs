//! Access tokens as PASETO v4.public.
//!
//! The PASETO library reads the form and writes the PASERKs; the signature is made and checked by the library that does
//! all others, several times as fast.

use aws_lc_rs::signature::Ed25519KeyPair;
use pasetors::token::{Public, UntrustedToken};
use pasetors::version4::{PublicToken, V4};
use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::TokenError;
use portcullis_domain::tokens::Claims;

use crate::installed::Keys;
use crate::instant::Rfc3339;
use crate::paseto_key::PasetoKey;
use crate::verifying_key::VerifyingKey;
use crate::{base64url, claims};

const SIGNATURE: usize = 64;

/// Whether the text claims to be of this format.
pub(crate) fn is(token: &str) -> bool {
    token.starts_with(PublicToken::HEADER)
}

/// Signs.
pub(crate) fn write(key: &PasetoKey, claims: &Claims) -> Result<String, TokenError> {
    let mut payload = claims::write::<Rfc3339>(claims).map_err(|error| TokenError::Failed(error.into()))?;
    sign(&key.signer, &mut payload, &key.footer)?;
    let mut token = String::with_capacity(payload.len() * 4 / 3 + key.footer_segment.len() + 16);
    token.push_str(PublicToken::HEADER);
    base64url::encode_onto(&mut token, payload);
    token.push('.');
    token.push_str(&key.footer_segment);
    Ok(token)
}

/// Appends the signature of payload and footer to the payload.
fn sign(signer: &Ed25519KeyPair, payload: &mut Vec<u8>, footer: &str) -> Result<(), TokenError> {
    let signed = pre_authentication_encoding(payload, footer.as_bytes());
    let signature = signer.try_sign(&signed).map_err(|error| TokenError::Failed(error.into()))?;
    payload.extend_from_slice(signature.as_ref());
    Ok(())
}

/// The claims of a token that one of `keys` signed, for this issuer and audience, whenever it is valid.
pub(crate) fn read(keys: &Keys, token: &str, issuer: &str, audience: &str, now: Timestamp) -> Option<Claims> {
    let (_, footer) = token.rsplit_once('.')?;
    let key = keys.of_footer(footer, now)?;
    let untrusted = UntrustedToken::<Public, V4>::try_from(token).ok()?;
    let payload = verified(&key.verifying, &untrusted)?;
    claims::read::<Rfc3339>(payload, issuer, audience)
}

/// The payload, if `key` signed it without an implicit assertion.
fn verified<'a>(key: &VerifyingKey, untrusted: &'a UntrustedToken<Public, V4>) -> Option<&'a [u8]> {
    let (payload, signature) = untrusted.untrusted_message().split_last_chunk::<SIGNATURE>()?;
    let signed = pre_authentication_encoding(payload, untrusted.untrusted_footer());
    key.accepts(&signed, signature).then_some(payload)
}

/// PAE of header, payload, footer and an empty implicit assertion: what a v4.public signature covers.
fn pre_authentication_encoding(payload: &[u8], footer: &[u8]) -> Vec<u8> {
    let pieces = [PublicToken::HEADER.as_bytes(), payload, footer, &[]];
    let mut encoded = Vec::with_capacity(64 + payload.len() + footer.len());
    encoded.extend_from_slice(&(pieces.len() as u64).to_le_bytes());
    for piece in pieces {
        encoded.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        encoded.extend_from_slice(piece);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{list, load, text, unhex};

    #[test]
    fn v4_public_vectors_are_signed_alike_and_verify_unless_they_have_an_implicit_assertion() {
        let Some(file) = load("paseto/v4.json") else { return };
        let mut without = 0;
        for row in list(&file, "tests").iter().filter(|row| text(row, "name").starts_with("4-S")) {
            let key = unhex(text(row, "public-key")).try_into().expect("32 bytes");
            let key = VerifyingKey::ed25519(&key).expect("a key");
            let token = UntrustedToken::<Public, V4>::try_from(text(row, "token")).expect("a token");
            let signer = Ed25519KeyPair::from_seed_unchecked(&unhex(text(row, "secret-key-seed"))).expect("a key");
            let mut payload = text(row, "payload").as_bytes().to_vec();
            sign(&signer, &mut payload, text(row, "footer")).expect("a signature");
            if text(row, "implicit-assertion").is_empty() {
                assert_eq!(payload, token.untrusted_message(), "{}", text(row, "name"));
                assert_eq!(verified(&key, &token), Some(text(row, "payload").as_bytes()));
                without += 1;
            } else {
                assert_ne!(payload, token.untrusted_message(), "{}", text(row, "name"));
                assert_eq!(verified(&key, &token), None);
            }
        }
        assert_eq!(without, 2);
    }
}
