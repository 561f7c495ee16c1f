//! What a token or an API key is good for (RFC 7662). Every client that authenticates may ask about every one.

use poem::{Request, Response};
use portcullis_domain::access::ResolveError;
use portcullis_domain::caller::{Caller, Identity, UserSession};
use portcullis_domain::ids::UserId;
use portcullis_domain::sessions::Session;
use portcullis_domain::tokens::{ActiveToken, Claims, Subject, TokenKind};
use serde::Serialize;

use crate::body::JSON;
use crate::origin::From as Origin;
use crate::problem::Problem;
use crate::state::State;

use super::{Form, OAuthError};

/// How API keys begin: no token does.
const KEY_PREFIX: &str = "pk_";

/// An active token. `token_use` tells the kinds apart: a refresh token opens nothing but the next refresh.
#[derive(Serialize)]
struct Active {
    active: bool,
    token_use: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    iss: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
}

/// Who acts as the subject (RFC 8693 §4.1).
#[derive(Serialize)]
struct Act {
    sub: UserId,
}

impl From<Claims> for Active {
    fn from(claims: Claims) -> Self {
        let session = match claims.subject {
            Subject::User { session, .. } => Some(session),
            Subject::Client => None,
        };
        Self {
            active: true,
            token_use: "access_token",
            token_type: Some("Bearer"),
            sub: claims.sub(),
            sid: session.map(|session| session.to_string()),
            scope: claims.scope.to_string(),
            exp: Some(claims.expires_at.as_unix_seconds()),
            iat: Some(claims.issued_at.as_unix_seconds()),
            auth_time: claims.authenticated_at.map(|at| at.as_unix_seconds()),
            jti: Some(claims.id.to_string()),
            iss: claims.issuer,
            aud: Some(claims.audience),
            client_id: claims.client_id,
            roles: claims.roles,
            permissions: claims.permissions,
            act: claims.actor.map(|sub| Act { sub }),
        }
    }
}

impl Active {
    /// An API key: what it may do now is its scope.
    fn key(caller: Caller, issuer: &str) -> Option<Self> {
        let Identity::ApiKey { id, owner, expires_at, .. } = caller.identity else { return None };
        let permissions: Vec<String> = caller.permissions.iter().map(ToString::to_string).collect();
        Some(Self {
            active: true,
            token_use: "api_key",
            token_type: Some("api_key"),
            iss: issuer.to_owned(),
            sub: owner.to_string(),
            aud: None,
            client_id: id.to_string(),
            scope: permissions.join(" "),
            exp: expires_at.map(|at| at.as_unix_seconds()),
            iat: None,
            auth_time: None,
            jti: None,
            sid: None,
            roles: (!caller.roles.is_empty()).then(|| caller.roles.into_iter().map(String::from).collect()),
            permissions: None,
            act: None,
        })
    }

    fn refresh(session: Session, issuer: &str) -> Self {
        Self {
            active: true,
            token_use: "refresh_token",
            token_type: None,
            iss: issuer.to_owned(),
            sub: session.user.to_string(),
            aud: None,
            scope: session.scope.to_string(),
            exp: Some(session.idle_expires_at.as_unix_seconds()),
            iat: Some(session.last_seen_at.as_unix_seconds()),
            auth_time: Some(session.authenticated_at.as_unix_seconds()),
            jti: None,
            sid: Some(session.id.to_string()),
            client_id: session.client_id,
            roles: None,
            permissions: None,
            act: None,
        }
    }
}

/// Answers for the token in the form.
pub(super) async fn answer(state: &State, form: &Form, request: &Request) -> Result<Response, OAuthError> {
    let token = form.token()?;
    let active = if token.starts_with(KEY_PREFIX) {
        key(state, token, request).await?
    } else {
        known(state, token, form).await?
    };
    let Some(active) = active else { return Ok(Response::builder().content_type(JSON).body("{\"active\":false}")) };
    let body = serde_json::to_vec(&active).map_err(Problem::internal)?;
    Ok(Response::builder().content_type(JSON).body(body))
}

/// An API key that may be used from where the question comes: nothing is known of where it was presented.
async fn key(state: &State, text: &str, request: &Request) -> Result<Option<Active>, Problem> {
    match state.app.access.resolve_key(text, &Origin::of(request)).await {
        Ok(caller) => Ok(Active::key(caller, &state.settings.issuer)),
        Err(ResolveError::Unauthenticated | ResolveError::AddressNotAllowed) => Ok(None),
        Err(ResolveError::Failure(failure)) => Err(failure.into()),
    }
}

async fn known(state: &State, token: &str, form: &Form) -> Result<Option<Active>, Problem> {
    let hint = match form.get("token_type_hint") {
        Some("access_token") => Some(TokenKind::Access),
        Some("refresh_token") => Some(TokenKind::Refresh),
        // RFC 7662 §2.1: a hint that says nothing to us is ignored.
        _ => None,
    };
    match state.app.tokens.introspect(token, hint).await? {
        Some(ActiveToken::Access(claims)) => access(state, *claims).await,
        Some(ActiveToken::Refresh(session)) => Ok(Some(Active::refresh(*session, &state.settings.issuer))),
        None => Ok(None),
    }
}

/// An access token. What it tells of roles and permissions is told as it is now, not older than a quarter of a second; and
/// one with which somebody acts as its user is active only as long as they may.
async fn access(state: &State, mut claims: Claims) -> Result<Option<Active>, Problem> {
    let depends = claims.roles.is_some() || claims.permissions.is_some() || claims.actor.is_some();
    if let Some(session) = depends.then(|| UserSession::of(claims.clone())).flatten() {
        let caller = match state.app.access.recent_caller(session).await {
            Ok(caller) => caller,
            Err(ResolveError::Unauthenticated | ResolveError::AddressNotAllowed) => return Ok(None),
            Err(ResolveError::Failure(failure)) => return Err(failure.into()),
        };
        let permissions = caller.permissions.shortest();
        claims.roles = claims.roles.map(|_| caller.roles.into_iter().map(String::from).collect());
        claims.permissions = claims.permissions.map(|_| permissions.iter().map(ToString::to_string).collect());
    }
    Ok(Some(Active::from(claims)))
}
