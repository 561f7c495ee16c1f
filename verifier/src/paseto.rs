//! Access tokens as PASETO v4.public.
//!
//! The PASETO library reads the keys; the signature is checked by the library that checks all others.

use std::sync::Arc;

use pasetors::version4::PublicToken;

use crate::algorithm::Algorithm;
use crate::base64url;
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
    let segments = token.strip_prefix(PublicToken::HEADER).and_then(|rest| rest.split_once('.'));
    let (message, footer) = segments.filter(|(message, _)| !message.is_empty()).ok_or(Rejected::Malformed)?;
    let key = key(keys, footer)?;
    if !allowed.contains(&Algorithm::V4Public) {
        return Err(Rejected::Algorithm);
    }
    let decode = |segment| base64url::decode(segment).ok_or(Rejected::Malformed);
    let (message, footer) = (decode(message)?, decode(footer)?);
    let (payload, signature) = message.split_last_chunk::<SIGNATURE>().ok_or(Rejected::Malformed)?;
    let signed = pre_authentication_encoding(payload, &footer);
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
