//! Your own API keys.

use std::sync::Arc;

use poem_openapi::OpenApi;
use portcullis_domain::access::ApiKeyScope;
use portcullis_domain::ids::ApiKeyId;

use crate::administration::filter::Filter;
use crate::answer::{ALWAYS, BODY, CSRF, CreatedAt, Done, Found, IN_PERSON, Refusals, Refused, VERSIONED, Versioned};
use crate::body::{Body, NoBody};
use crate::caller::{Calling, InPerson};
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit};
use crate::path::PathWord;
use crate::precondition::MaybeIfMatch;
use crate::problem::{Code, Problem};
use crate::state::State;

use super::Tag;
use super::all_keys::Live;
use super::desk::Desk;
use super::key_form::{CreateOwnKeyForm, KeyFields, RotateForm, UpdateKeyForm};
use super::key_view::{KeyPage, KeyView, NewKeyView};

/// `/api/v1/me/api-keys`.
pub(crate) struct OwnKeyApi(pub(crate) Arc<State>);

pub(crate) struct Listing;
impl Refusals for Listing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IN_PERSON, &[Code::InvalidParameter]];
}

pub(crate) struct Reading;
impl Refusals for Reading {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IN_PERSON, &[Code::NotFound]];
}

pub(crate) struct Creating;
impl Refusals for Creating {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, IN_PERSON, CSRF, BODY, &[Code::LimitReached, Code::EditConflict]];
}

pub(crate) struct Changing;
impl Refusals for Changing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IN_PERSON, CSRF, BODY, VERSIONED, &[Code::NotFound]];
}

pub(crate) struct Rotating;
impl Refusals for Rotating {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IN_PERSON, CSRF, BODY, &[Code::NotFound, Code::EditConflict]];
}

pub(crate) struct Ending;
impl Refusals for Ending {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IN_PERSON, CSRF, BODY, &[Code::NotFound, Code::EditConflict]];
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::ApiKeys")]
impl OwnKeyApi {
    /// Your API keys
    ///
    /// The newest first; expired and revoked ones too, for some time.
    #[oai(path = "/me/api-keys", method = "get", operation_id = "listOwnApiKeys")]
    async fn list(
        &self,
        calling: Calling<InPerson>,
        /// Only those that may be used.
        live: Filter<Live>,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<KeyPage>, Refused<Listing>> {
        let owner = calling.caller.user();
        Ok(self.desk(calling).page(owner, live.0.unwrap_or(false), &limit, &cursor).await?)
    }

    /// Create an API key
    ///
    /// It acts for you, with the permissions and roles that it is given, as far as you have them yourself at the moment of
    /// use. The answer has the key; it is never told again.
    #[oai(path = "/me/api-keys", method = "post", operation_id = "createOwnApiKey")]
    async fn create(
        &self,
        calling: Calling<InPerson>,
        origin: Origin,
        body: Body<CreateOwnKeyForm>,
    ) -> Result<CreatedAt<NewKeyView>, Refused<Creating>> {
        let mut fields = body.fields;
        let read = KeyFields::read(&mut fields, self.0.settings.clock.now(), true);
        fields.finish()?;
        let owner = calling.caller.user().ok_or_else(|| Problem::new(Code::UserRequired))?;
        Ok(self.desk(calling).create(owner, read, origin.0).await?)
    }

    /// One of your API keys
    #[oai(path = "/me/api-keys/:id", method = "get", operation_id = "getOwnApiKey")]
    async fn get(
        &self,
        calling: Calling<InPerson>,
        /// Which key.
        id: PathWord<ApiKeyId>,
    ) -> Result<Versioned<KeyView>, Refused<Reading>> {
        Ok(self.desk(calling).one(id.0).await?)
    }

    /// Change one of your API keys
    ///
    /// A merge patch (RFC 7396): what is absent stays as it is. A key that is revoked or has expired is not changed.
    #[oai(path = "/me/api-keys/:id", method = "patch", operation_id = "updateOwnApiKey")]
    async fn update(
        &self,
        calling: Calling<InPerson>,
        origin: Origin,
        /// Which key.
        id: PathWord<ApiKeyId>,
        /// The `ETag` of the version that is to be changed; without it whichever there is.
        #[oai(name = "If-Match")]
        if_match: MaybeIfMatch,
        body: Body<UpdateKeyForm>,
    ) -> Result<Versioned<KeyView>, Refused<Changing>> {
        let updated = self.desk(calling).update(id.0, if_match.version(), body.fields, origin.0).await;
        Ok(updated.map_err(|problem| if_match.explain(problem))?)
    }

    /// Revoke one of your API keys
    ///
    /// It is refused from now on, everywhere.
    #[oai(path = "/me/api-keys/:id", method = "delete", operation_id = "revokeOwnApiKey")]
    async fn revoke(
        &self,
        calling: Calling<InPerson>,
        origin: Origin,
        /// Which key.
        id: PathWord<ApiKeyId>,
        _body: NoBody,
    ) -> Result<Done, Refused<Ending>> {
        self.desk(calling).revoke(id.0, &origin.0).await?;
        Ok(Done)
    }

    /// Give one of your API keys a new secret
    ///
    /// The answer has the key; it is never told again. The present secret ends at once, or after the overlap.
    #[oai(path = "/me/api-keys/:id/rotate", method = "post", operation_id = "rotateOwnApiKey")]
    async fn rotate(
        &self,
        calling: Calling<InPerson>,
        origin: Origin,
        /// Which key.
        id: PathWord<ApiKeyId>,
        body: Body<RotateForm>,
    ) -> Result<Versioned<NewKeyView>, Refused<Rotating>> {
        Ok(self.desk(calling).rotate(id.0, body.fields, origin.0).await?)
    }
}

impl OwnKeyApi {
    fn desk(&self, calling: Calling<InPerson>) -> Desk<'_> {
        Desk { state: &self.0, caller: calling.caller, scope: ApiKeyScope::Own }
    }
}
