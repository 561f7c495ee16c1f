//! What a token says about its key: the header of a JWT, the footer of a PASETO.

use serde::Deserialize;

use crate::base64url;
use crate::rejected::Rejected;

/// Everything a JWT header may say. Any other parameter is refused: `crit`, `b64` and `zip` change what is signed or
/// what it means, `jku`, `jwk`, `x5u` and `x5c` bring keys along (RFC 8725 §3.10).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) typ: Option<String>,
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    kid: String,
}

/// Reads the first segment of a JWT.
pub(crate) fn header(segment: &str) -> Result<Header, Rejected> {
    object(segment)
}

/// Reads the last segment of a PASETO: the key that it names.
pub(crate) fn footer(segment: &str) -> Result<String, Rejected> {
    object::<Footer>(segment).map(|footer| footer.kid)
}

fn object<T: for<'a> Deserialize<'a>>(segment: &str) -> Result<T, Rejected> {
    let json = base64url::decode(segment).ok_or(Rejected::Malformed)?;
    // serde would read a list as well.
    if json.first() != Some(&b'{') {
        return Err(Rejected::Malformed);
    }
    serde_json::from_slice(&json).map_err(|_| Rejected::Malformed)
}
