//! Tokens for clients (RFC 6749): in a client's own name (§4.4), and the next ones of a session (§6).

use poem::http::{HeaderValue, header};
use poem::{Request, Response};
use portcullis_domain::clients::GrantError;
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::{ClientRefresh, Refresh, RefreshError};
use portcullis_domain::tokens::Scope;
use serde::Serialize;

use crate::answer::{REFRESH_OUTCOME, refresh_outcome};
use crate::body::JSON;
use crate::limits::{self, Rule};
use crate::origin::From as Origin;
use crate::problem::Problem;
use crate::sessions::{expires_in, refresh_expires_in};
use crate::state::{State, Visit};

use super::client::{Client, identify};
use super::error::NO_CACHE;
use super::{Form, OAuthError};

/// A token in the client's own name.
const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The next tokens of a session.
const REFRESH_TOKEN: &str = "refresh_token";

/// The grants that there are.
pub(crate) const GRANT_TYPES: [&str; 2] = [CLIENT_CREDENTIALS, REFRESH_TOKEN];

/// Answers a token request.
pub(super) async fn answer(state: &State, form: &Form, request: &Request) -> Result<Response, OAuthError> {
    let granted = match form.get("grant_type") {
        Some(CLIENT_CREDENTIALS) => client_credentials(state, form, request).await,
        Some(REFRESH_TOKEN) => refresh(state, form, request).await,
        other => {
            limits::count_stranger(Visit::of(request)?).await?;
            Err(match other {
                Some(_) => OAuthError::unsupported_grant_type(),
                None => OAuthError::invalid_request("the parameter grant_type is missing"),
            })
        }
    };
    let mut response = granted?;
    // RFC 6749 §5.1 asks for it besides `Cache-Control`, which every answer has.
    response.headers_mut().insert(header::PRAGMA, NO_CACHE);
    Ok(response)
}

/// What a client gets (RFC 6749 §5.1).
#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    #[serde(flatten)]
    session: Option<Continued<'a>>,
}

/// What belongs to a session besides.
#[derive(Serialize)]
struct Continued<'a> {
    refresh_token: &'a str,
    refresh_expires_in: u64,
    session_id: String,
}

async fn client_credentials(state: &State, form: &Form, request: &Request) -> Result<Response, OAuthError> {
    let client = match identify(request, form).await? {
        Client::Stored(client) => client,
        Client::Configured(_) | Client::Public(_) => return Err(OAuthError::unauthorized_client()),
    };
    let token = state.app.clients.grant(&client, scope(form)?, &Origin::of(request)).await?;
    rendered(&Granted {
        access_token: token.access_token.expose(),
        token_type: "Bearer",
        expires_in: token.expires_at.since(token.issued_at).as_secs(),
        scope: token.scope.to_string(),
        session: None,
    })
}

async fn refresh(state: &State, form: &Form, request: &Request) -> Result<Response, OAuthError> {
    limits::count_address(Visit::of(request)?, Rule::Refresh).await?;
    let client = identify(request, form).await?;
    let token = form.get("refresh_token");
    let token = token.ok_or_else(|| OAuthError::invalid_request("the parameter refresh_token is missing"))?;
    let by = ClientRefresh { client_id: client.id().to_owned(), scope: scope(form)? };
    let cmd = Refresh { token: SecretString::from(token.to_owned()), by: Some(by), origin: Origin::of(request) };
    let (pair, outcome) = state.app.sessions.refresh(cmd).await?;
    let mut response = rendered(&Granted {
        access_token: pair.access_token.expose(),
        token_type: "Bearer",
        expires_in: expires_in(&pair),
        scope: pair.scope.to_string(),
        session: Some(Continued {
            refresh_token: pair.refresh_token.expose(),
            refresh_expires_in: refresh_expires_in(&pair),
            session_id: pair.session.id.to_string(),
        }),
    })?;
    response.headers_mut().insert(REFRESH_OUTCOME, refresh_outcome(outcome));
    Ok(response)
}

/// The scope that is asked for; `None` for all that may be had.
fn scope(form: &Form) -> Result<Option<Scope>, OAuthError> {
    let scope = form.get("scope").map(Scope::parse).transpose();
    scope.map_err(|error| OAuthError::invalid_scope(error.to_string()))
}

fn rendered(granted: &Granted<'_>) -> Result<Response, OAuthError> {
    let body = serde_json::to_vec(granted).map_err(Problem::internal)?;
    Ok(Response::builder().content_type(JSON).body(body))
}

impl From<GrantError> for OAuthError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Scope => Self::invalid_scope(error.to_string()),
            GrantError::Failure(failure) => failure.into(),
        }
    }
}

impl From<RefreshError> for OAuthError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Invalid => Self::invalid_grant(),
            // Once, as at the first-party endpoint: whoever tries the token again is told no more than of any other.
            RefreshError::Reused => {
                Self::invalid_grant().with_header(REFRESH_OUTCOME, HeaderValue::from_static("reuse"))
            }
            RefreshError::Scope => Self::invalid_scope(error.to_string()),
            RefreshError::Failure(failure) => failure.into(),
        }
    }
}
