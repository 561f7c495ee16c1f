//! Which client calls: one of the configuration or one of the store, or the first-party client, which has no secret.

use std::sync::Arc;

use poem::Request;
use portcullis_domain::clients::Client as StoredClient;
use subtle::ConstantTimeEq;

use crate::limits;
use crate::origin::From as Origin;
use crate::problem::Problem;
use crate::settings::Client as ConfiguredClient;
use crate::state::Visit;

use super::Form;
use super::credentials::{Claim, ClientError, Credentials, claim};

/// The client behind a request.
#[derive(Debug)]
pub(crate) enum Client {
    /// It proved to be this one of the configuration.
    Configured(String),
    /// It proved to be this one of the store.
    Stored(Arc<StoredClient>),
    /// It says to be this one, which has no secret (RFC 6749 §2.1: public).
    Public(String),
}

impl Client {
    /// Its `client_id`.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Configured(id) | Self::Public(id) => id,
            Self::Stored(client) => client.id.as_str(),
        }
    }
}

/// The client that proved who it is.
pub(crate) async fn authenticate(request: &Request, form: Option<&Form>) -> Result<Client, ClientError> {
    let visit = Visit::of(request)?;
    match claim(request.headers(), form) {
        Ok(Claim::Secret(credentials)) => prove(visit, request, &credentials).await,
        Ok(Claim::Id(_) | Claim::Nothing) => refuse(visit, ClientError::Unproved).await,
        Err(error) => refuse(visit, error).await,
    }
}

/// The client that proved who it is, or the first-party client by its id alone.
pub(crate) async fn identify(request: &Request, form: &Form) -> Result<Client, ClientError> {
    let visit = Visit::of(request)?;
    match claim(request.headers(), Some(form)) {
        Ok(Claim::Id(id)) if id == visit.state.settings.first_party_client => Ok(Client::Public(id)),
        _ => authenticate(request, Some(form)).await,
    }
}

/// Counts before it asks the database: whoever guesses too often costs nothing there.
async fn prove(visit: &Visit, request: &Request, credentials: &Credentials) -> Result<Client, ClientError> {
    let (id, secret) = (credentials.id.as_str(), credentials.secret.expose());
    let (settings, clients) = (&visit.state.settings, &visit.state.app.clients);
    if let Some(client) = configured(&settings.clients, id, secret) {
        limits::count_client(visit, &client.id).await?;
        return Ok(Client::Configured(client.id.clone()));
    }
    if let Some(client) = clients.recognize(id, secret).map_err(Problem::from)? {
        limits::count_client(visit, client.id.as_str()).await?;
        return Ok(Client::Stored(client));
    }
    limits::count_stranger(visit).await?;
    let found = clients.authenticate(id, secret, &Origin::of(request)).await.map_err(Problem::from)?;
    found.map(Client::Stored).ok_or(ClientError::Unproved)
}

async fn refuse(visit: &Visit, error: ClientError) -> Result<Client, ClientError> {
    limits::count_stranger(visit).await?;
    Err(error)
}

/// The client of that id, if that is its secret. All are compared, in full, so that time tells nothing of either.
fn configured<'a>(clients: &'a [ConfiguredClient], id: &str, secret: &str) -> Option<&'a ConfiguredClient> {
    let matches = |client: &ConfiguredClient| {
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

    #[test]
    fn b11_id_and_secret_must_both_be_right() {
        let client = |id: &str, secret: &str| ConfiguredClient {
            id: id.to_owned(),
            secret: SecretString::new(secret.to_owned()),
        };
        let clients = [client("a", "secret-a"), client("b", "secret-b"), client("empty", "")];
        assert_eq!(configured(&clients, "b", "secret-b").map(|client| client.id.as_str()), Some("b"));
        for (id, secret) in [("a", "secret-b"), ("a", ""), ("", ""), ("c", "secret-a"), ("a", "secret-"), ("empty", "")]
        {
            assert!(configured(&clients, id, secret).is_none(), "{id}:{secret}");
        }
    }
}
