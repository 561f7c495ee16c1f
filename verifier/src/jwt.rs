//! Access tokens as JWT in compact form (RFC 9068, RFC 7515 §7.1).

use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::claims::Body;
use crate::header;
use crate::instant::UnixSeconds;
use crate::keys::{Key, KeySet};
use crate::payload;
use crate::rejected::Rejected;

/// The claims of a token that one of the issuer's keys signed.
pub(crate) fn read(keys: &KeySet, allowed: &[Algorithm], token: &str) -> Result<Body, Rejected> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Rejected::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Rejected::Malformed)?;
    let key = key(keys, header)?;
    if !allowed.contains(&key.algorithm) {
        return Err(Rejected::Algorithm);
    }
    let signature = base64url::decode(signature).ok_or(Rejected::Malformed)?;
    if !key.accepts(signed.as_bytes(), &signature) {
        return Err(Rejected::Signature);
    }
    payload::read::<UnixSeconds>(&base64url::decode(claims).ok_or(Rejected::Malformed)?)
}

/// The key that the header names. The algorithm is the key's; what the header says can only agree (RFC 8725 §3.1).
fn key<'a>(keys: &'a KeySet, segment: &str) -> Result<&'a Arc<Key>, Rejected> {
    if let Some(key) = keys.jwt.iter().find(|key| key.label == segment) {
        return Ok(key);
    }
    let header = header::header(segment)?;
    if header.typ.as_deref() != Some("at+jwt") {
        return Err(Rejected::Type);
    }
    let kid = header.kid.ok_or(Rejected::Malformed)?;
    let key = keys.jwt.iter().find(|key| key.kid == kid);
    let Some(key) = key else {
        let known = Algorithm::ALL.iter().any(|one| *one != Algorithm::V4Public && one.as_str() == header.alg);
        return Err(if known { Rejected::UnknownKey } else { Rejected::Algorithm });
    };
    if key.algorithm.as_str() == header.alg { Ok(key) } else { Err(Rejected::Algorithm) }
}
