//! OAuth 2 clients, as they are shown and created.

use portcullis_domain::Timestamp;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::secret::{self, SecretString};
use portcullis_domain::tokens::Scope;
use serde::Serialize;
use serde_json::{Value, json};

use crate::body::Form;
use crate::problem::Reason;
use crate::schema::{Documented, instant, pointer};

use super::role_view::list;

/// The longest time for which two secrets of a client work, in seconds.
pub(super) const LONGEST_OVERLAP: u64 = secret::LONGEST_OVERLAP.as_secs();

/// A client, without its secret.
#[derive(Serialize)]
pub(crate) struct ClientView {
    client_id: String,
    name: Option<String>,
    scope: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        Self {
            client_id: client.id.as_str().to_owned(),
            name: client.name.clone(),
            scope: client.scope.to_string(),
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

impl Documented for ClientView {
    const NAME: &'static str = "Client";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Another service that calls in its own name.",
            "required": ["client_id", "name", "scope", "created_at", "updated_at"],
            "properties": {
                "client_id": client_id(),
                "name": { "type": "string", "nullable": true, "maxLength": Client::NAME_MAX, "description": "What people call it.", "example": "Order desk" },
                "scope": { "type": "string", "maxLength": Scope::MAX, "description": "The most that its tokens may allow, separated by spaces.", "example": "orders:read" },
                "created_at": instant("When it was created."),
                "updated_at": instant("When it last changed."),
            },
        })
    }
}

/// All clients.
#[derive(Serialize)]
pub(crate) struct ClientList {
    pub(crate) items: Vec<ClientView>,
}

impl Documented for ClientList {
    const NAME: &'static str = "ClientList";

    fn schema() -> Value {
        list("All clients that may be used, by id.", ClientView::NAME, None)
    }
}

/// A new client with its secret.
#[derive(Serialize)]
pub(crate) struct CreatedClient {
    #[serde(flatten)]
    client: ClientView,
    client_secret: String,
}

impl CreatedClient {
    pub(crate) fn new(client: &Client, secret: &SecretString) -> Self {
        Self { client: client.into(), client_secret: secret.expose().to_owned() }
    }
}

impl Documented for CreatedClient {
    const NAME: &'static str = "CreatedClient";

    fn schema() -> Value {
        let more =
            json!({ "type": "object", "required": ["client_secret"], "properties": { "client_secret": secret() } });
        json!({ "description": "A new client with its secret.", "allOf": [pointer(ClientView::NAME), more] })
    }
}

/// A new secret of a client.
#[derive(Serialize)]
pub(crate) struct ClientSecret {
    client_id: String,
    client_secret: String,
}

impl ClientSecret {
    pub(crate) fn new(client: &ClientId, secret: &SecretString) -> Self {
        Self { client_id: client.as_str().to_owned(), client_secret: secret.expose().to_owned() }
    }
}

impl Documented for ClientSecret {
    const NAME: &'static str = "ClientSecret";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A new secret of a client.",
            "required": ["client_id", "client_secret"],
            "properties": { "client_id": client_id(), "client_secret": secret() },
        })
    }
}

pub(crate) struct CreateClientForm;

impl Documented for CreateClientForm {
    const NAME: &'static str = "CreateClientRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A new client.",
            "additionalProperties": false,
            "properties": {
                "client_id": {
                    "type": "string", "minLength": 3, "maxLength": 64, "pattern": "^[a-z0-9][a-z0-9._-]*$",
                    "description": "Its id, given once and never again; one is made when there is none. It is not a UUID.", "example": "orders",
                },
                "name": {
                    "type": "string", "minLength": 1, "maxLength": Client::NAME_MAX, "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*$",
                    "description": "What people call it.", "example": "Order desk",
                },
                "scope": {
                    "type": "string", "maxLength": Scope::MAX, "default": "",
                    "pattern": "^([!#-\\[\\]-~]+( [!#-\\[\\]-~]+)*)?$",
                    "description": "The most that its tokens may allow, separated by spaces. A value that is a permission is what the client may do here: nobody gives one that they lack.",
                    "example": "orders:read",
                },
            },
            "example": { "client_id": "orders", "name": "Order desk", "scope": "orders:read" },
        })
    }
}

impl Form for CreateClientForm {}

pub(crate) struct RotateSecretForm;

impl Documented for RotateSecretForm {
    const NAME: &'static str = "RotateClientSecretRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "How a secret is replaced.",
            "additionalProperties": false,
            "properties": { "overlap_seconds": {
                "type": "integer", "format": "int64", "minimum": 0, "maximum": LONGEST_OVERLAP, "default": 0,
                "description": "For how long the present secret still works; 0 ends it at once.", "example": 3600,
            } },
        })
    }
}

impl Form for RotateSecretForm {}

/// The id of a new client.
pub(super) fn read_id(text: &str) -> Result<ClientId, Reason> {
    ClientId::parse(text).map_err(|error| Reason::new("malformed", error.to_string()))
}

/// The scope of a new client.
pub(super) fn read_scope(text: &str) -> Result<Scope, Reason> {
    Scope::parse(text).map_err(|error| Reason::new("malformed", error.to_string()))
}

fn client_id() -> Value {
    json!({ "type": "string", "minLength": 3, "maxLength": 64, "description": "Its id (RFC 6749 §2.2).", "example": "orders" })
}

fn secret() -> Value {
    json!({ "type": "string", "pattern": "^pcs_[0-9a-f]{64}$", "description": "Its secret. It is told here and never again." })
}
