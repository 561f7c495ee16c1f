//! Access tokens as PASETO v4.public.

use pasetors::token::{Public, UntrustedToken};
use pasetors::version4::{PublicToken, V4};
use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::TokenError;
use portcullis_domain::tokens::Claims;

use crate::claims;
use crate::installed::Keys;
use crate::instant::Rfc3339;
use crate::paseto_key::PasetoKey;
use crate::verifying_key::VerifyingKey;

const SIGNATURE: usize = 64;

/// Whether the text claims to be of this format.
pub(crate) fn is(token: &str) -> bool {
    token.starts_with(PublicToken::HEADER)
}

/// Signs.
pub(crate) fn write(key: &PasetoKey, claims: &Claims) -> Result<String, TokenError> {
    let payload = claims::write::<Rfc3339>(claims).map_err(|error| TokenError::Failed(error.into()))?;
    PublicToken::sign(&key.secret, &payload, Some(key.footer.as_bytes()), None)
        .map_err(|error| TokenError::Failed(error.into()))
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

/// PAE of header, payload, footer and an empty implicit assertion: what a v4.public signature covers. The signature is
/// checked by the library that checks all others, a third faster than the PASETO library does it.
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
    fn v4_public_vectors_verify_unless_they_have_an_implicit_assertion() {
        let Some(file) = load("paseto/v4.json") else { return };
        let mut verified_rows = 0;
        for row in list(&file, "tests").iter().filter(|row| text(row, "name").starts_with("4-S")) {
            let key = unhex(text(row, "public-key")).try_into().expect("32 bytes");
            let key = VerifyingKey::ed25519(&key).expect("a key");
            let token = UntrustedToken::<Public, V4>::try_from(text(row, "token")).expect("a token");
            let expected = text(row, "implicit-assertion").is_empty().then(|| text(row, "payload").as_bytes());
            assert_eq!(verified(&key, &token), expected, "{}", text(row, "name"));
            verified_rows += usize::from(expected.is_some());
        }
        assert_eq!(verified_rows, 2);
    }
}
