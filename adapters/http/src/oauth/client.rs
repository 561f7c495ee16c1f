//! Which client calls: `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1), never both.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use crate::settings::Client;

use super::form::decode;
use super::{Form, OAuthError};

/// The client that proved who it is.
pub(crate) fn authenticate<'a>(
    clients: &'a [Client],
    headers: &HeaderMap,
    form: &Form,
) -> Result<&'a Client, OAuthError> {
    match basic(headers)? {
        Some((id, secret)) => {
            if form.get("client_secret").is_some() {
                return Err(OAuthError::invalid_request("a client authenticates in one way only"));
            }
            if form.get("client_id").is_some_and(|other| other != id) {
                return Err(OAuthError::invalid_request("client_id is not the client that authenticates"));
            }
            known(clients, &id, &secret).ok_or_else(|| OAuthError::invalid_client(true))
        }
        None => {
            let pair = form.get("client_id").zip(form.get("client_secret"));
            pair.and_then(|(id, secret)| known(clients, id, secret)).ok_or_else(|| OAuthError::invalid_client(false))
        }
    }
}

/// The halves of a Basic header; `None` without an `Authorization` header.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, another) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    if another.is_some() {
        return Err(OAuthError::invalid_request("a client authenticates in one way only"));
    }
    let halves = || {
        let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(credentials.trim_matches(' ')).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        decode(id).zip(decode(secret))
    };
    // Whatever the header was, the client used it: it is told which scheme is spoken here.
    halves().map(Some).ok_or_else(|| OAuthError::invalid_client(true))
}

/// The client of that id, if that is its secret. All are compared, in full, so that time tells nothing of either.
fn known<'a>(clients: &'a [Client], id: &str, secret: &str) -> Option<&'a Client> {
    let matches = |client: &Client| {
        let id = client.id.as_bytes().ct_eq(id.as_bytes());
        let expected = client.secret.expose();
        // An empty secret is no secret.
        bool::from(id & expected.as_bytes().ct_eq(secret.as_bytes())) && !expected.is_empty()
    };
    clients.iter().fold(None, |found, client| if matches(client) { Some(client) } else { found })
}

#[cfg(test)]
mod tests {
    use portcullis_domain::secret::SecretString;

    use super::*;

    fn read(header: &str) -> Result<Option<(String, String)>, bool> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, header.parse().expect("a header value"));
        basic(&headers).map_err(|error| error.to_string().starts_with("invalid_client"))
    }

    fn encoded(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn both_halves_are_form_decoded() {
        let expected = Ok(Some(("a:b".to_owned(), "s%: ü".to_owned())));
        assert_eq!(read(&encoded("a%3Ab:s%25%3A+%C3%BC")), expected);
        assert_eq!(read(&encoded("id:a:b")), Ok(Some(("id".to_owned(), "a:b".to_owned()))));
    }

    #[test]
    fn a_malformed_header_is_a_failed_authentication() {
        for header in ["", "Basic", "Basic !", "Bearer x", "Basic YQ==", &encoded("a:%zz"), &encoded("a%f:b")] {
            assert_eq!(read(header), Err(true), "{header}");
        }
    }

    #[test]
    fn b11_id_and_secret_must_both_be_right() {
        let client =
            |id: &str, secret: &str| Client { id: id.to_owned(), secret: SecretString::new(secret.to_owned()) };
        let clients = [client("a", "secret-a"), client("b", "secret-b"), client("empty", "")];
        assert_eq!(known(&clients, "b", "secret-b").map(|client| client.id.as_str()), Some("b"));
        for (id, secret) in [("a", "secret-b"), ("a", ""), ("", ""), ("c", "secret-a"), ("a", "secret-"), ("empty", "")]
        {
            assert!(known(&clients, id, secret).is_none(), "{id}:{secret}");
        }
    }
}
