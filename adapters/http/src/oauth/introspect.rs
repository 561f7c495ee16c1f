//! What a token is good for (RFC 7662). Every client that authenticates may ask about every token.

use poem::Response;
use portcullis_domain::App;
use portcullis_domain::sessions::Session;
use portcullis_domain::tokens::{ActiveToken, Claims, Subject, TokenKind};
use serde::Serialize;

use crate::body::JSON;
use crate::problem::Problem;

use super::{Form, OAuthError};

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
    exp: i64,
    iat: i64,
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
            exp: claims.expires_at.as_unix_seconds(),
            iat: claims.issued_at.as_unix_seconds(),
            auth_time: claims.authenticated_at.map(|at| at.as_unix_seconds()),
            jti: Some(claims.id.to_string()),
            iss: claims.issuer,
            aud: Some(claims.audience),
            client_id: claims.client_id,
            roles: claims.roles,
            permissions: claims.permissions,
        }
    }
}

impl Active {
    fn refresh(session: Session, issuer: &str) -> Self {
        Self {
            active: true,
            token_use: "refresh_token",
            token_type: None,
            iss: issuer.to_owned(),
            sub: session.user.to_string(),
            aud: None,
            scope: session.scope.to_string(),
            exp: session.idle_expires_at.as_unix_seconds(),
            iat: session.last_seen_at.as_unix_seconds(),
            auth_time: Some(session.authenticated_at.as_unix_seconds()),
            jti: None,
            sid: Some(session.id.to_string()),
            client_id: session.client_id,
            roles: None,
            permissions: None,
        }
    }
}

/// Answers for the token in the form.
pub(super) async fn answer(app: &App, issuer: &str, form: &Form) -> Result<Response, OAuthError> {
    let hint = match form.get("token_type_hint") {
        Some("access_token") => Some(TokenKind::Access),
        Some("refresh_token") => Some(TokenKind::Refresh),
        // RFC 7662 §2.1: a hint that says nothing to us is ignored.
        _ => None,
    };
    let active = match app.tokens.introspect(form.token()?, hint).await? {
        Some(ActiveToken::Access(claims)) => Active::from(*claims),
        Some(ActiveToken::Refresh(session)) => Active::refresh(*session, issuer),
        None => return Ok(Response::builder().content_type(JSON).body("{\"active\":false}")),
    };
    let body = serde_json::to_vec(&active).map_err(Problem::internal)?;
    Ok(Response::builder().content_type(JSON).body(body))
}
