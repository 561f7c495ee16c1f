//! The token of a request: `Authorization: Bearer …` (RFC 6750 §2.1).

use crate::denied::Denied;

/// The token in the values of the `Authorization` headers of a request. The scheme's case does not matter (RFC 9110
/// §11.1); credentials of another scheme are no token.
///
/// # Errors
/// [`Denied::NoToken`] when there is none; [`Denied::BadRequest`] when there are several headers, or what follows
/// `Bearer` is not one word of the letters that a token may have.
pub fn bearer_token<'a>(mut authorization: impl Iterator<Item = &'a [u8]>) -> Result<&'a str, Denied> {
    let value = authorization.next().ok_or(Denied::NoToken)?;
    if authorization.next().is_some() {
        return Err(Denied::BadRequest);
    }
    let value = std::str::from_utf8(value).map_err(|_| Denied::BadRequest)?.trim_matches([' ', '\t']);
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Denied::NoToken);
    }
    let token = token.trim_start_matches(' ');
    // RFC 6750 §2.1: b64token
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    if token.is_empty() || !token.bytes().all(fine) { Err(Denied::BadRequest) } else { Ok(token) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token<'a>(values: &[&'a str]) -> Result<&'a str, Denied> {
        bearer_token(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn a082_the_case_of_the_scheme_does_not_matter() {
        for value in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER  a.b-c_d", " Bearer a.b-c_d "] {
            assert_eq!(token(&[value]), Ok("a.b-c_d"), "{value:?}");
        }
    }

    #[test]
    fn other_schemes_are_no_token_and_muddled_ones_are_bad_requests() {
        for none in [&[][..], &[""], &["Basic YTpi"], &["Bearera.b"], &["DPoP a"]] {
            assert_eq!(token(none), Err(Denied::NoToken), "{none:?}");
        }
        for bad in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a,b"],
            &["Bearer ä"],
            &["Bearer a", "Bearer b"],
            &["Basic a", "Bearer b"],
        ] {
            assert_eq!(token(bad), Err(Denied::BadRequest), "{bad:?}");
        }
        assert_eq!(bearer_token([&b"Bearer \xff"[..]].into_iter()), Err(Denied::BadRequest));
    }
}
