//! Ending the session behind a token (RFC 7009). A client can end its own sessions, and those that began at the
//! first-party login; for another client's token, as for an unknown one, nothing happens and the answer is the same.

use poem::{Request, Response};
use portcullis_domain::audit::Actor;
use portcullis_domain::sessions::{RevocationReason, RevokeSession};

use crate::origin::From as Origin;
use crate::settings::Client;
use crate::state::State;

use super::{Form, OAuthError};

/// Revokes the token in the form. An access token and a refresh token both stand for their whole session.
pub(super) async fn answer(
    state: &State,
    client: &Client,
    form: &Form,
    request: &Request,
) -> Result<Response, OAuthError> {
    let (app, first_party) = (&state.app, &state.settings.first_party_client);
    let target = app.tokens.revocation_target(form.token()?).await?;
    if let Some((user, session, _)) =
        target.filter(|(_, _, client_id)| client_id == &client.id || client_id == first_party)
    {
        let reason = RevocationReason::TokenRevoked;
        let actor = Actor::Client(client.id.clone());
        app.sessions.revoke(RevokeSession { user, session, reason, actor, origin: Origin::of(request) }).await?;
    }
    Ok(Response::default())
}
