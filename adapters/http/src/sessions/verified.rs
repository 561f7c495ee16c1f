//! A caller as a proxy passes it on.

use poem::http::{HeaderMap, HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use portcullis_domain::access::RoleName;
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::tokens::{Claims, Subject};
use uuid::Uuid;

/// Whoever calls, said in headers.
pub(crate) enum Verified {
    /// By an access token, and the roles that its user has now, as far as the token tells of any.
    Token(Box<Claims>, Vec<RoleName>),
    /// By an API key.
    Key(Caller),
}

/// The headers: name and meaning.
const HEADERS: [(&str, &str); 6] = [
    ("x-auth-user-id", "The user who calls, or for whom the API key acts; empty when a client calls in its own name."),
    ("x-auth-session-id", "In which session; empty for a client and for an API key."),
    ("x-auth-client-id", "The client that the token was issued to; for an API key the key's id."),
    ("x-auth-scopes", "What the token allows, or what the API key may do now, separated by spaces."),
    (
        "x-auth-roles",
        "The user's roles at this moment if the token tells of roles, or those of the API key, separated by spaces; while \
         somebody acts as the user only roles that both have.",
    ),
    ("x-auth-actor-id", "Who really calls, when it is not the user; empty otherwise."),
];

impl Verified {
    fn headers(self) -> Vec<(&'static str, String)> {
        let none = String::new;
        let values = match self {
            Self::Token(claims, roles) => {
                let (user, session) = match claims.subject {
                    Subject::User { id, session } => (text(id.as_uuid()), text(session.as_uuid())),
                    Subject::Client => (none(), none()),
                };
                let scopes = words(claims.scope.values().iter().map(String::as_str));
                let actor = claims.actor.map_or_else(none, |actor| text(actor.as_uuid()));
                [user, session, claims.client_id, scopes, words(roles.iter().map(RoleName::as_str)), actor]
            }
            Self::Key(caller) => {
                let (user, key) = match &caller.identity {
                    Identity::ApiKey { id, owner, .. } => (text(owner.as_uuid()), text(id.as_uuid())),
                    _ => (none(), none()),
                };
                let permissions: Vec<String> = caller.permissions.iter().map(ToString::to_string).collect();
                let roles = words(caller.roles.iter().map(RoleName::as_str));
                [user, none(), key, permissions.join(" "), roles, none()]
            }
        };
        HEADERS.into_iter().map(|(name, _)| name).zip(values).collect()
    }
}

fn text(id: &Uuid) -> String {
    id.hyphenated().to_string()
}

impl IntoResponse for Verified {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        for (name, value) in self.headers() {
            set(response.headers_mut(), name, value);
        }
        response
    }
}

/// The words that survive as words in a header: what does not is not claimed.
fn words<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let plain = |value: &&str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
    values.filter(plain).collect::<Vec<_>>().join(" ")
}

fn set(headers: &mut HeaderMap, name: &'static str, value: String) {
    headers.insert(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
}

impl ApiResponse for Verified {
    fn meta() -> MetaResponses {
        let header = |(name, description): (&str, &str)| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: true,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        let response = MetaResponse {
            description: "The credential is good.",
            status: Some(204),
            status_range: None,
            content: Vec::new(),
            headers: HEADERS.into_iter().map(header).collect(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_header_cannot_carry_is_not_claimed() {
        let roles = ["admin", "", "two words", "über", "line\r\nbreak", "users:read"];
        assert_eq!(words(roles.into_iter()), "admin users:read");
    }
}
