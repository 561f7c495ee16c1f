//! Ending the session behind a token (RFC 7009). A client can end its own sessions only; for another's token, as for
//! an unknown one, nothing happens and the answer is the same.

use poem::{Request, Response};
use portcullis_domain::App;
use portcullis_domain::sessions::{RevocationReason, RevokeSession};

use crate::origin::From as Origin;
use crate::settings::Client;

use super::{Form, OAuthError};

/// Revokes the token in the form. An access token and a refresh token both stand for their whole session.
pub(super) async fn answer(app: &App, client: &Client, form: &Form, request: &Request) -> Result<Response, OAuthError> {
    let target = app.tokens.revocation_target(form.token()?).await?;
    if let Some((user, session, _)) = target.filter(|(_, _, client_id)| *client_id == client.id) {
        let reason = RevocationReason::TokenRevoked;
        app.sessions.revoke(RevokeSession { user, session, reason, origin: Origin::of(request) }).await?;
    }
    Ok(Response::default())
}
