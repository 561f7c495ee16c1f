//! What a request is answered that may not pass (RFC 6750 §3).

use std::fmt;

use crate::claims::Claims;
use crate::rejected::Rejected;
use crate::verifier::Verifier;

/// Why a request may not pass. `Display` is for logs; clients are told [`Denied::status`] and [`Denied::challenge`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It brought no token.
    #[error("there is no token")]
    NoToken,
    /// It brought something else in the place of a token, or several.
    #[error("the request's authorization is malformed")]
    BadRequest,
    /// Its token was refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Its token is fine, and nothing may be changed with it.
    #[error("nothing may be changed with the token")]
    ReadOnly,
    /// Its token is fine, and does not allow this.
    #[error("the token does not allow {0}")]
    Insufficient(String),
}

impl Denied {
    /// The HTTP status: 401; 400 for a muddled request; 403 for a token that does not allow this; 503 when nobody can
    /// say just now whether the token is fine.
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Rejected(why) if why.is_unavailable() => 503,
            Self::NoToken | Self::Rejected(_) => 401,
            Self::ReadOnly | Self::Insufficient(_) => 403,
        }
    }

    /// The value of `WWW-Authenticate`; none with 503. Without a token there is no error code (RFC 6750 §3.1), and of a
    /// refused token it says no more than that it is not valid.
    pub fn challenge(&self, realm: &str) -> Option<String> {
        let realm = Quoted(realm);
        match self {
            Self::NoToken => Some(format!("Bearer realm={realm}")),
            Self::BadRequest => Some(format!(r#"Bearer realm={realm}, error="invalid_request""#)),
            Self::Rejected(why) if why.is_unavailable() => None,
            Self::Rejected(_) => Some(format!(r#"Bearer realm={realm}, error="invalid_token""#)),
            Self::ReadOnly => Some(format!(r#"Bearer realm={realm}, error="insufficient_scope""#)),
            Self::Insufficient(needed) => {
                let scope = Quoted(needed);
                Some(format!(r#"Bearer realm={realm}, error="insufficient_scope", scope={scope}"#))
            }
        }
    }

    /// The value of `Retry-After` in seconds, with 503.
    pub const fn retry_after(&self) -> Option<u32> {
        if self.status() == 503 { Some(5) } else { None }
    }
}

/// A quoted-string (RFC 9110 §5.6.4), without what has no place in a header.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars().filter(|c| matches!(c, ' '..='~')) {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

impl Verifier {
    /// The claims of a request's bearer token, from the values of its `Authorization` headers: what the middlewares do,
    /// for frameworks that have none here.
    pub async fn authenticate<'a>(&self, authorization: impl Iterator<Item = &'a [u8]>) -> Result<Claims, Denied> {
        let token = crate::bearer::bearer_token(authorization)?;
        Ok(self.verify_async(token).await?)
    }
}

impl Claims {
    /// Refuses to let a token with which nothing may be changed ([`Claims::is_read_only`]) do so: `GET`, `HEAD`, `OPTIONS`
    /// and `TRACE` pass (RFC 9110 §9.2.1). The middlewares ask this of every request; with [`Verifier::authenticate`] it
    /// is yours to ask.
    pub fn may_use(&self, method: &str) -> Result<(), Denied> {
        let is_safe = matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE");
        if is_safe || !self.is_read_only() { Ok(()) } else { Err(Denied::ReadOnly) }
    }

    /// As [`Claims::allow`], for the `?` of a handler.
    pub fn require(&self, needed: &str) -> Result<(), Denied> {
        if self.allow(needed) { Ok(()) } else { Err(Denied::Insufficient(needed.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a082_there_is_an_error_code_only_when_there_was_a_token() {
        let all = [
            (Denied::NoToken, 401, Some(r#"Bearer realm="orders""#)),
            (Denied::BadRequest, 400, Some(r#"Bearer realm="orders", error="invalid_request""#)),
            (Rejected::Expired.into(), 401, Some(r#"Bearer realm="orders", error="invalid_token""#)),
            (Rejected::Unheard.into(), 401, Some(r#"Bearer realm="orders", error="invalid_token""#)),
            (Rejected::RolesChanged.into(), 401, Some(r#"Bearer realm="orders", error="invalid_token""#)),
            (Denied::ReadOnly, 403, Some(r#"Bearer realm="orders", error="insufficient_scope""#)),
            (Rejected::NoKeys.into(), 503, None),
            (Rejected::Stale.into(), 503, None),
            (
                Denied::Insufficient("orders:write".into()),
                403,
                Some(r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#),
            ),
        ];
        for (denied, status, challenge) in all {
            assert_eq!((denied.status(), denied.challenge("orders").as_deref()), (status, challenge), "{denied:?}");
            assert_eq!(denied.retry_after().is_some(), status == 503);
        }
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        let challenge = Denied::NoToken.challenge("a\"b\\c\r\nX: y\u{e9}");
        assert_eq!(challenge.as_deref(), Some(r#"Bearer realm="a\"b\\cX: y""#));
    }
}
