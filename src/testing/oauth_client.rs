//! Services that call in their own name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::caller::Caller;
use portcullis_domain::clients::{ClientId, CreateClient};
use portcullis_domain::origin::Origin;
use portcullis_domain::tokens::Scope;
use serde_json::Value;

use super::account::text;
use super::service::TestService;

/// A client of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
}

impl OAuthClient {
    /// The value of the header `Authorization` by which it proves itself (`client_secret_basic`).
    pub fn authorization(&self) -> String {
        // Neither holds a character that RFC 6749 §2.3.1 would have encoded.
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

impl TestService {
    /// Creates a client whose tokens may allow `scope` at most.
    ///
    /// # Panics
    /// When the id is taken or cannot be one, or the scope is none.
    pub async fn client(&self, id: &str, scope: &str) -> OAuthClient {
        let new = CreateClient {
            id: Some(ClientId::parse(id).unwrap_or_else(|error| panic!("{id:?}: {error}"))),
            name: None,
            scope: Scope::parse(scope).unwrap_or_else(|error| panic!("{scope:?}: {error}")),
            caller: Caller::operator(),
            origin: Origin::default(),
        };
        let created = self.app().clients.create(new).await;
        let (client, secret) = created.unwrap_or_else(|error| panic!("there is no client {id}: {error}"));
        OAuthClient { id: client.id.as_str().to_owned(), secret: secret.expose().to_owned() }
    }

    /// An access token in the client's own name, for all that it may.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn client_token(&self, client: &OAuthClient) -> String {
        let call = self.post("/oauth2/token").header("authorization", &client.authorization());
        let granted: Value = call.form(&[("grant_type", "client_credentials")]).send().await.expect(200).json();
        text(&granted, "access_token")
    }
}
