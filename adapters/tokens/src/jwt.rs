//! Access tokens as JWT in compact form (RFC 9068, RFC 7515 §7.1).

use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::TokenError;
use portcullis_domain::tokens::{Algorithm, Claims};

use crate::installed::Keys;
use crate::instant::UnixSeconds;
use crate::jwt_key::JwtKey;
use crate::{base64url, claims, low_s};

/// Signs.
pub(crate) fn write(key: &JwtKey, claims: &Claims) -> Result<String, TokenError> {
    let payload = claims::write::<UnixSeconds>(claims).map_err(|error| TokenError::Failed(error.into()))?;
    let mut token = String::with_capacity(key.header.len() + payload.len() * 4 / 3 + 384);
    token.push_str(&key.header);
    token.push('.');
    base64url::encode_onto(&mut token, payload);
    let signature = key.signer.sign(token.as_bytes())?;
    token.push('.');
    base64url::encode_onto(&mut token, signature);
    Ok(token)
}

/// The claims of a token that one of `keys` signed, for this issuer and audience, whenever it is valid.
pub(crate) fn read(keys: &Keys, token: &str, issuer: &str, audience: &str, now: Timestamp) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let key = keys.of_header(header, now)?;
    let signature = base64url::decode(signature)?;
    if key.algorithm == Algorithm::Es256 && !low_s::is_low(&signature) {
        return None;
    }
    if !key.verifying.accepts(signed.as_bytes(), &signature) {
        return None;
    }
    claims::read::<UnixSeconds>(&base64url::decode(payload)?, issuer, audience)
}
