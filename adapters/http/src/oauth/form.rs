//! The parameters of a protocol request: `application/x-www-form-urlencoded`, read strictly.

use poem::{Request, RequestBody};

use crate::body::read;

use super::OAuthError;

/// The media type of protocol requests.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters that must not be in the URL, where logs and histories would keep them (RFC 6749 §2.3.1).
const BODY_ONLY: [&str; 7] =
    ["token", "token_type_hint", "client_id", "client_secret", "grant_type", "refresh_token", "scope"];

/// The parameters of a request body.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    pub(crate) async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, OAuthError> {
        let query = request.uri().query().unwrap_or_default();
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        if names.any(|name| decode(name).is_some_and(|name| BODY_ONLY.contains(&name.as_str()))) {
            return Err(OAuthError::invalid_request("parameters are sent in the body, not in the URL"));
        }
        let bytes = read(request, body, &[FORM]).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
        Self::parse(text)
    }

    /// A parameter without a value counts as absent (RFC 6749 §3.2), one that comes twice makes the request invalid.
    pub(super) fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = decode(name).zip(decode(value)).ok_or_else(malformed)?;
            parameters.push((name, value));
        }
        parameters.sort_unstable();
        if parameters.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(OAuthError::invalid_request("a parameter is given twice"));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let index = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        self.0.get(index).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The token that the request is about.
    pub(crate) fn token(&self) -> Result<&str, OAuthError> {
        self.get("token").ok_or_else(|| OAuthError::invalid_request("the parameter token is missing"))
    }
}

fn malformed() -> OAuthError {
    OAuthError::invalid_request("the body is not a well-formed form in UTF-8")
}

/// Undoes the form encoding; `None` when the text is not in that encoding or not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_encoding_is_undone_strictly() {
        assert_eq!(decode("a+b%2B%c3%BC").as_deref(), Some("a b+ü"));
        assert_eq!(decode("").as_deref(), Some(""));
        for wrong in ["%", "%4", "%zz", "%+1", "%ff", "%c3"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_repeated_parameter_makes_the_request_invalid() {
        for text in ["token=a&token=a", "x=1&token=a&%74oken=b", "token=&token=a", "unknown=1&unknown=2"] {
            assert!(Form::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn unknown_parameters_are_ignored_and_empty_ones_are_absent() {
        let form = Form::parse("&zzz=1&token=t%3D&token_type_hint=&flag&").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(form.get("token"), Some("t="));
        assert_eq!(form.get("token_type_hint"), None);
        assert_eq!(form.get("flag"), None);
        assert_eq!(form.get("missing"), None);
    }
}
