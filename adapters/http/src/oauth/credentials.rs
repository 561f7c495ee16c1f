//! What a request says of the client that sends it: `client_secret_basic`, `client_secret_post` (RFC 6749 §2.3.1), or an
//! id alone. Never two of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderMap, header};
use portcullis_domain::secret::SecretString;

use crate::problem::{Code, Problem};

use super::form::decode;
use super::{Form, OAuthError};

/// What a client says of itself.
#[derive(Debug)]
pub(crate) enum Claim {
    /// An id and its secret.
    Secret(Credentials),
    /// An id, and nothing that proves it.
    Id(String),
    /// Nothing.
    Nothing,
}

/// An id and a secret, not compared with anything yet.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
}

/// Why no client is behind a request, in no dialect yet.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// It says two things.
    Ambiguous(&'static str),
    /// It did not prove to be a client.
    Unproved,
    /// Anything else.
    Problem(Problem),
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<ClientError> for OAuthError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Ambiguous(why) => Self::invalid_request(why),
            ClientError::Unproved => Self::invalid_client(),
            ClientError::Problem(problem) => problem.into(),
        }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Ambiguous(why) => Self::detailed(Code::MalformedRequest, why),
            ClientError::Unproved => Self::new(Code::InvalidClient),
            ClientError::Problem(problem) => problem,
        }
    }
}

/// Reads what a request says; `form` is its body, where it has one.
pub(crate) fn claim(headers: &HeaderMap, form: Option<&Form>) -> Result<Claim, ClientError> {
    let parameter = |name| form.and_then(|form| form.get(name));
    if parameter("client_assertion").or_else(|| parameter("client_assertion_type")).is_some() {
        // RFC 7521 §4.2: not spoken here, and not to be mistaken for a client that has nothing to prove.
        return Err(ClientError::Unproved);
    }
    let (id, secret) = (parameter("client_id"), parameter("client_secret"));
    if let Some((basic_id, basic_secret)) = basic(headers)? {
        if secret.is_some() {
            return Err(ClientError::Ambiguous("a client authenticates in one way only"));
        }
        if id.is_some_and(|other| other != basic_id) {
            return Err(ClientError::Ambiguous("client_id is not the client that authenticates"));
        }
        return Ok(Claim::Secret(Credentials { id: basic_id, secret: basic_secret }));
    }
    match (id, secret) {
        (Some(id), Some(secret)) => {
            let (id, secret) = (id.to_owned(), SecretString::from(secret.to_owned()));
            Ok(Claim::Secret(Credentials { id, secret }))
        }
        (Some(id), None) => Ok(Claim::Id(id.to_owned())),
        (None, Some(_)) => Err(ClientError::Unproved),
        (None, None) => Ok(Claim::Nothing),
    }
}

/// The halves of a Basic header; `None` without an `Authorization` header.
fn basic(headers: &HeaderMap) -> Result<Option<(String, SecretString)>, ClientError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, another) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    if another.is_some() {
        return Err(ClientError::Ambiguous("a client authenticates in one way only"));
    }
    let halves = || {
        let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(credentials.trim_matches(' ')).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((decode(id)?, SecretString::from(decode(secret)?)))
    };
    halves().map(Some).ok_or(ClientError::Unproved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Option<(String, String)>, bool> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, header.parse().expect("a header value"));
        match basic(&headers) {
            Ok(halves) => Ok(halves.map(|(id, secret)| (id, secret.expose().to_owned()))),
            Err(error) => Err(matches!(error, ClientError::Unproved)),
        }
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
    fn an_id_alone_proves_nothing_and_a_method_that_is_not_spoken_is_no_id_alone() {
        let form = |text| Form::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let of = |text| claim(&HeaderMap::new(), Some(&form(text)));
        assert!(matches!(of("client_id=a"), Ok(Claim::Id(id)) if id == "a"));
        assert!(matches!(of("client_id=a&client_secret="), Ok(Claim::Id(id)) if id == "a"));
        assert!(matches!(of("x=y"), Ok(Claim::Nothing)));
        assert!(matches!(claim(&HeaderMap::new(), None), Ok(Claim::Nothing)));
        for text in ["client_secret=b", "client_id=a&client_assertion=x", "client_id=a&client_assertion_type=x"] {
            assert!(matches!(of(text), Err(ClientError::Unproved)), "{text}");
        }
    }
}
