//! `/api/v1/clients`: other services that call in their own name.

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::OpenApi;
use portcullis_domain::clients::{ClientId, CreateClient, RotateSecret};

use crate::answer::{CreatedAt, Done, Found, Refused};
use crate::body::{Body, NoBody};
use crate::caller::Calling;
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List, Paged, cut};
use crate::path::PathWord;
use crate::problem::Reason;
use crate::state::State;

use super::Tag;
use super::client_view::{
    ClientList, ClientSecret, ClientView, CreateClientForm, CreatedClient, LONGEST_OVERLAP, RotateSecretForm, read_id,
    read_scope,
};
use super::refusals::{CreatingClient, DeletingClient, Listing, Reading, RotatingSecret};

/// OAuth 2 clients.
pub(crate) struct ClientApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Clients")]
impl ClientApi {
    /// All clients
    ///
    /// Those that may be used, by id, a page at a time.
    #[oai(path = "/clients", method = "get", operation_id = "listClients")]
    async fn list(
        &self,
        calling: Calling,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<Paged<ClientList>>, Refused<Listing>> {
        let clients = self.0.app.clients.list(&calling.caller).await?;
        let list = List::new("clients", &*self.0.settings.mac);
        let page = cut(clients, |client| client.id.clone(), &list, &limit, &cursor)?;
        Ok(Found(page.map(|clients| ClientList { items: clients.iter().map(ClientView::from).collect() })))
    }

    /// Create a client
    ///
    /// Its secret is told here and never again. Values of the scope that are permissions need the permission itself: nobody
    /// makes a client that may do more than they.
    #[oai(path = "/clients", method = "post", operation_id = "createClient")]
    async fn create(
        &self,
        calling: Calling,
        origin: Origin,
        body: Body<CreateClientForm>,
    ) -> Result<CreatedAt<CreatedClient>, Refused<CreatingClient>> {
        let mut fields = body.fields;
        let id = fields.optional("client_id", |text| read_id(&text));
        let name = fields.optional("name", Ok::<_, Reason>);
        let scope = fields.optional("scope", |text| read_scope(&text)).unwrap_or_default();
        fields.finish()?;
        let cmd = CreateClient { id, name, scope, caller: calling.caller, origin: origin.0 };
        let (client, secret) = self.0.app.clients.create(cmd).await?;
        let location = format!("/api/v1/clients/{}", client.id);
        Ok(CreatedAt { body: CreatedClient::new(&client, &secret), location, version: None })
    }

    /// A client
    #[oai(path = "/clients/:id", method = "get", operation_id = "getClient")]
    async fn get(
        &self,
        calling: Calling,
        /// Which client.
        id: PathWord<ClientId>,
    ) -> Result<Found<ClientView>, Refused<Reading>> {
        let client = self.0.app.clients.get(&calling.caller, &id.0).await?;
        Ok(Found(ClientView::from(&client)))
    }

    /// Delete a client
    ///
    /// It proves itself no more, and its tokens are refused from here on. Its id is never given again.
    #[oai(path = "/clients/:id", method = "delete", operation_id = "deleteClient")]
    async fn delete(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which client.
        id: PathWord<ClientId>,
        _body: NoBody,
    ) -> Result<Done, Refused<DeletingClient>> {
        self.0.app.clients.delete(&calling.caller, &id.0, &origin.0).await?;
        Ok(Done)
    }

    /// Give a client a new secret
    ///
    /// It is told here and never again. It needs whatever permissions the client's scope names: whoever has the secret may
    /// do what the client may.
    #[oai(path = "/clients/:id/rotate-secret", method = "post", operation_id = "rotateClientSecret")]
    async fn rotate_secret(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which client.
        id: PathWord<ClientId>,
        body: Body<RotateSecretForm>,
    ) -> Result<Found<ClientSecret>, Refused<RotatingSecret>> {
        let mut fields = body.fields;
        let overlap = fields.whole("overlap_seconds", 0..=LONGEST_OVERLAP).unwrap_or(0);
        fields.finish()?;
        let (client, overlap) = (id.0.clone(), Duration::from_secs(overlap));
        let cmd = RotateSecret { client, overlap, caller: calling.caller, origin: origin.0 };
        let secret = self.0.app.clients.rotate_secret(cmd).await?;
        Ok(Found(ClientSecret::new(&id.0, &secret)))
    }
}
