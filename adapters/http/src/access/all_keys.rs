//! Everybody's API keys, for those in charge; and the one that calls.

use std::borrow::Cow;
use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::registry::MetaSchema;
use portcullis_domain::access::{ApiKeyError, ApiKeyScope};
use portcullis_domain::ids::ApiKeyId;

use crate::administration::filter::{Account, Filter, Kind};
use crate::answer::{
    ALWAYS, BODY, BY_KEY, CALLING, CHANGING, CreatedAt, Done, Found, Refusals, Refused, VERSIONED, Versioned,
};
use crate::body::{Body, NoBody};
use crate::caller::{Calling, KeyOnly};
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit};
use crate::path::PathWord;
use crate::precondition::IfMatch;
use crate::problem::{Code, Problem};
use crate::state::State;

use super::Tag;
use super::desk::{Desk, versioned};
use super::key_form::{CreateKeyForm, KeyFields, RotateForm, UpdateKeyForm};
use super::key_view::{KeyPage, KeyView, NewKeyView};

/// `/api/v1/api-keys`.
pub(crate) struct KeyApi(pub(crate) Arc<State>);

/// Whether only what may be used is asked for.
pub(crate) struct Live;

impl Kind for Live {
    type Value = bool;

    fn schema() -> MetaSchema {
        MetaSchema::new("boolean")
    }

    fn read(text: &str) -> Result<bool, Cow<'static, str>> {
        text.parse().map_err(|_| "it is `true` or `false`".into())
    }
}

pub(crate) struct Listing;
impl Refusals for Listing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, CALLING, &[Code::InvalidParameter]];
}

pub(crate) struct Reading;
impl Refusals for Reading {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, CALLING, &[Code::NotFound]];
}

pub(crate) struct ReadingOwn;
impl Refusals for ReadingOwn {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, BY_KEY];
}

/// Those who act as somebody else leave the keys as they are.
const IMPERSONATED: &[Code] = &[Code::Impersonated];

pub(crate) struct Creating;
impl Refusals for Creating {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, CALLING, CHANGING, IMPERSONATED, BODY, &[Code::LimitReached, Code::EditConflict]];
}

pub(crate) struct Updating;
impl Refusals for Updating {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, CALLING, CHANGING, IMPERSONATED, BODY, VERSIONED, &[Code::NotFound, Code::PreconditionRequired]];
}

pub(crate) struct Rotating;
impl Refusals for Rotating {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, CALLING, CHANGING, IMPERSONATED, BODY, &[Code::NotFound, Code::EditConflict]];
}

pub(crate) struct Ending;
impl Refusals for Ending {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, CALLING, CHANGING, IMPERSONATED, BODY, &[Code::NotFound, Code::EditConflict]];
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::ApiKeys")]
impl KeyApi {
    /// API keys of everybody
    ///
    /// The newest first; expired and revoked ones too, for some time.
    #[oai(path = "/api-keys", method = "get", operation_id = "listApiKeys")]
    async fn list(
        &self,
        calling: Calling,
        /// Only those of this account.
        user_id: Filter<Account>,
        /// Only those that may be used.
        live: Filter<Live>,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<KeyPage>, Refused<Listing>> {
        Ok(self.desk(calling).page(user_id.0, live.0.unwrap_or(false), &limit, &cursor).await?)
    }

    /// Create an API key for an account
    ///
    /// Nobody makes a key that can do more than its owner, or more than they can themselves; for somebody else only
    /// those do who have every permission of that account. The answer has the key; it is never told again.
    #[oai(path = "/api-keys", method = "post", operation_id = "createApiKey")]
    async fn create(
        &self,
        calling: Calling,
        origin: Origin,
        body: Body<CreateKeyForm>,
    ) -> Result<CreatedAt<NewKeyView>, Refused<Creating>> {
        let desk = self.desk(calling);
        desk.in_person()?;
        let mut fields = body.fields;
        let named = fields.has("user_id");
        let owner = CreateKeyForm::read_owner(&mut fields);
        let owner = if named { owner } else { desk.caller.user() };
        if !named && owner.is_none() {
            fields.miss("user_id");
        }
        let read = KeyFields::read(&mut fields, self.0.settings.clock.now(), true);
        fields.finish()?;
        let Some(owner) = owner else {
            return Err(Problem::internal("a required member was neither read nor refused").into());
        };
        Ok(desk.create(owner, read, origin.0).await?)
    }

    /// The API key that calls
    ///
    /// For programs that want to know what they may do, and until when.
    #[oai(path = "/api-keys/current", method = "get", operation_id = "currentApiKey")]
    async fn current(&self, calling: Calling<KeyOnly>) -> Result<Versioned<KeyView>, Refused<ReadingOwn>> {
        match self.0.app.access.calling_key(&calling.caller).await {
            Ok(found) => Ok(versioned(found)),
            // It went with its owner while it was still known.
            Err(ApiKeyError::NotFound) => Err(Problem::key_refused().into()),
            Err(error) => Err(Problem::from(error).into()),
        }
    }

    /// An API key
    #[oai(path = "/api-keys/:id", method = "get", operation_id = "getApiKey")]
    async fn get(
        &self,
        calling: Calling,
        /// Which key.
        id: PathWord<ApiKeyId>,
    ) -> Result<Versioned<KeyView>, Refused<Reading>> {
        Ok(self.desk(calling).one(id.0).await?)
    }

    /// Change an API key
    ///
    /// A merge patch (RFC 7396): what is absent stays as it is. A key that is revoked or has expired is not changed.
    #[oai(path = "/api-keys/:id", method = "patch", operation_id = "updateApiKey")]
    async fn update(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which key.
        id: PathWord<ApiKeyId>,
        /// The `ETag` of the version that is to be changed, or `*` for whichever there is.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<UpdateKeyForm>,
    ) -> Result<Versioned<KeyView>, Refused<Updating>> {
        let updated = self.desk(calling).update(id.0, if_match.version(), body.fields, origin.0).await;
        Ok(updated.map_err(|problem| if_match.explain(problem))?)
    }

    /// Revoke an API key
    ///
    /// It is refused from now on, everywhere.
    #[oai(path = "/api-keys/:id", method = "delete", operation_id = "revokeApiKey")]
    async fn revoke(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which key.
        id: PathWord<ApiKeyId>,
        _body: NoBody,
    ) -> Result<Done, Refused<Ending>> {
        self.desk(calling).revoke(id.0, &origin.0).await?;
        Ok(Done)
    }

    /// Give an API key a new secret
    ///
    /// The answer has the key; it is never told again. The present secret ends at once, or after the overlap.
    #[oai(path = "/api-keys/:id/rotate", method = "post", operation_id = "rotateApiKey")]
    async fn rotate(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which key.
        id: PathWord<ApiKeyId>,
        body: Body<RotateForm>,
    ) -> Result<Versioned<NewKeyView>, Refused<Rotating>> {
        Ok(self.desk(calling).rotate(id.0, body.fields, origin.0).await?)
    }
}

impl KeyApi {
    fn desk(&self, calling: Calling) -> Desk<'_> {
        Desk { state: &self.0, caller: calling.caller, scope: ApiKeyScope::All }
    }
}
