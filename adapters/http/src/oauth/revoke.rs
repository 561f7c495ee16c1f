//! Ending what is behind a token (RFC 7009): the session, or a token that a client got in its own name. A client can end
//! what is its own; a client of the configuration also sessions that began at the first-party login. For another client's
//! token, as for an unknown one, nothing happens and the answer is the same.

use poem::{Request, Response};
use portcullis_domain::audit::Actor;
use portcullis_domain::sessions::{RevocationReason, RevokeSession};
use portcullis_domain::tokens::RevocationTarget;

use crate::origin::From as Origin;
use crate::state::State;

use super::client::Client;
use super::{Form, OAuthError};

/// Revokes the token in the form. Of a session, an access token and a refresh token both stand for the whole.
pub(super) async fn answer(
    state: &State,
    client: &Client,
    form: &Form,
    request: &Request,
) -> Result<Response, OAuthError> {
    let (app, first_party) = (&state.app, &state.settings.first_party_client);
    match app.tokens.revocation_target(form.token()?).await? {
        Some(RevocationTarget::Session { user, session, client_id })
            if client_id == client.id() || client_id == *first_party && matches!(client, Client::Configured(_)) =>
        {
            let (reason, origin) = (RevocationReason::TokenRevoked, Origin::of(request));
            let actor = Actor::Client(client.id().to_owned());
            app.sessions.revoke(RevokeSession { user, session, reason, actor, origin }).await?;
        }
        Some(RevocationTarget::Token(claims)) if claims.client_id == client.id() => {
            app.clients.revoke_token(&claims, &Origin::of(request)).await?;
        }
        _ => {}
    }
    Ok(Response::default())
}
