//! Access tokens as PASETO v4.public.
//!
//! The PASETO library reads the form and the keys; the signature is checked by the library that checks all others.

use std::sync::Arc;

use pasetors::token::{Public, UntrustedToken};
use pasetors::version4::{PublicToken, V4};

use crate::algorithm::Algorithm;
use crate::claims::Body;
use crate::header;
use crate::instant::Rfc3339;
use crate::keys::{Key, KeySet};
use crate::payload;
use crate::rejected::Rejected;

const SIGNATURE: usize = 64;

/// Whether the text claims to be of this format.
pub(crate) fn is(token: &str) -> bool {
    token.starts_with(PublicToken::HEADER)
}

/// The claims of a token that one of the issuer's keys signed, without an implicit assertion.
pub(crate) fn read(keys: &KeySet, allowed: &[Algorithm], token: &str) -> Result<Body, Rejected> {
    let (rest, footer) = token.rsplit_once('.').ok_or(Rejected::Malformed)?;
    if rest.get(PublicToken::HEADER.len()..).is_none_or(str::is_empty) {
        return Err(Rejected::Malformed);
    }
    let key = key(keys, footer)?;
    if !allowed.contains(&Algorithm::V4Public) {
        return Err(Rejected::Algorithm);
    }
    let untrusted = UntrustedToken::<Public, V4>::try_from(token).map_err(|_| Rejected::Malformed)?;
    let message = untrusted.untrusted_message();
    let (payload, signature) = message.split_last_chunk::<SIGNATURE>().ok_or(Rejected::Malformed)?;
    let signed = pre_authentication_encoding(payload, untrusted.untrusted_footer());
    if !key.accepts(&signed, signature) {
        return Err(Rejected::Signature);
    }
    payload::read::<Rfc3339>(payload)
}

fn key<'a>(keys: &'a KeySet, segment: &str) -> Result<&'a Arc<Key>, Rejected> {
    if let Some(key) = keys.paseto.iter().find(|key| key.label == segment) {
        return Ok(key);
    }
    let kid = header::footer(segment)?;
    keys.paseto.iter().find(|key| key.kid == kid).ok_or(Rejected::UnknownKey)
}

/// PAE of header, payload, footer and an empty implicit assertion: what a v4.public signature covers.
pub(crate) fn pre_authentication_encoding(payload: &[u8], footer: &[u8]) -> Vec<u8> {
    let pieces = [PublicToken::HEADER.as_bytes(), payload, footer, &[]];
    let mut encoded = Vec::with_capacity(64 + payload.len() + footer.len());
    encoded.extend_from_slice(&(pieces.len() as u64).to_le_bytes());
    for piece in pieces {
        encoded.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        encoded.extend_from_slice(piece);
    }
    encoded
}
