//! What is done with API keys, one's own or everybody's.

use portcullis_domain::access::{
    ApiKey, ApiKeyError, ApiKeyScope, CreateApiKey, KeyQuery, KeyUsage, RoleName, RotateApiKey, UpdateApiKey,
};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::origin::Origin;

use crate::answer::{CreatedAt, Found, Versioned};
use crate::body::Fields;
use crate::caller::in_person;
use crate::page::{Cursor, Limit, List};
use crate::problem::{Code, Place, Problem, Reason};
use crate::state::State;

use super::key_form::{KeyFields, RotateForm};
use super::key_view::{KeyPage, KeyView, NewKeyView};

/// Somebody who works on keys.
pub(super) struct Desk<'a> {
    pub(super) state: &'a State,
    pub(super) caller: Caller,
    pub(super) scope: ApiKeyScope,
}

impl Desk<'_> {
    /// A page of the keys of `owner`, or of everybody; `live` ones or all.
    pub(super) async fn page(
        self,
        owner: Option<UserId>,
        live: bool,
        limit: &Limit,
        cursor: &Cursor,
    ) -> Result<Found<KeyPage>, Problem> {
        let settings = &self.state.settings;
        let list = List::new("api keys", &*settings.mac)
            .of(if self.scope == ApiKeyScope::Own { "own" } else { "all" })
            .of_maybe(owner.map(|owner| owner.to_string()))
            .of(if live { "live" } else { "any" });
        let query =
            KeyQuery { owner, live_at: live.then(|| settings.clock.now()), after: cursor.read(&list)?, limit: limit.0 };
        let (keys, more) = self.state.app.access.keys(&self.caller, self.scope, query).await?;
        let last: Option<ApiKeyId> = keys.last().filter(|_| more).map(|(key, _)| key.id);
        let next_cursor = last.map(|last| list.cursor(&last)).transpose()?;
        Ok(Found(KeyPage { items: keys.into_iter().map(KeyView::from).collect(), next_cursor }))
    }

    /// One key.
    pub(super) async fn one(self, id: ApiKeyId) -> Result<Versioned<KeyView>, Problem> {
        let found = self.state.app.access.key(&self.caller, self.scope, id).await?;
        Ok(versioned(found))
    }

    /// A new key of `owner`.
    pub(super) async fn create(
        self,
        owner: UserId,
        read: KeyFields,
        origin: Origin,
    ) -> Result<CreatedAt<NewKeyView>, Problem> {
        let roles = read.roles.unwrap_or_default();
        let cmd = CreateApiKey {
            caller: self.caller,
            owner,
            name: read.name.unwrap_or_default(),
            permissions: read.permissions.unwrap_or_default(),
            roles: roles.clone(),
            networks: read.networks.unwrap_or_default(),
            quota: read.quota.flatten(),
            expires_at: read.expires_at.flatten(),
            origin,
        };
        let new = self.state.app.access.create_key(cmd).await.map_err(|error| match (error, self.scope) {
            (ApiKeyError::NotFound, ApiKeyScope::All) => no_such_owner(),
            (error, _) => refused(error, &roles),
        })?;
        let place = match self.scope {
            ApiKeyScope::Own => "/api/v1/me/api-keys",
            ApiKeyScope::All => "/api/v1/api-keys",
        };
        let (location, version) = (format!("{place}/{}", new.key.id), Some(new.key.version));
        Ok(CreatedAt { body: new.into(), location, version })
    }

    /// A change of a key, of this version if one is named.
    pub(super) async fn update(
        self,
        id: ApiKeyId,
        version: Option<u32>,
        mut fields: Fields,
        origin: Origin,
    ) -> Result<Versioned<KeyView>, Problem> {
        self.in_person()?;
        let read = KeyFields::read(&mut fields, self.state.settings.clock.now(), false);
        fields.finish()?;
        let KeyFields { name, permissions, roles, networks, quota, expires_at } = read;
        let named = roles.clone().unwrap_or_default();
        let (caller, scope) = (self.caller, self.scope);
        let cmd =
            UpdateApiKey { caller, scope, id, name, permissions, roles, networks, quota, expires_at, version, origin };
        let updated = self.state.app.access.update_key(cmd).await;
        Ok(versioned(updated.map_err(|error| refused(error, &named))?))
    }

    /// A new secret for a key.
    pub(super) async fn rotate(
        self,
        id: ApiKeyId,
        mut fields: Fields,
        origin: Origin,
    ) -> Result<Versioned<NewKeyView>, Problem> {
        self.in_person()?;
        let overlap = RotateForm::read(&mut fields);
        fields.finish()?;
        let (caller, scope) = (self.caller, self.scope);
        let rotated = self.state.app.access.rotate_key(RotateApiKey { caller, scope, id, overlap, origin }).await?;
        let version = rotated.key.version;
        Ok(Versioned(rotated.into(), version))
    }

    /// The end of a key.
    pub(super) async fn revoke(self, id: ApiKeyId, origin: &Origin) -> Result<(), Problem> {
        self.in_person()?;
        Ok(self.state.app.access.revoke_key(&self.caller, self.scope, id, origin).await?)
    }

    /// Whoever acts as somebody else leaves the keys as they are.
    pub(super) fn in_person(&self) -> Result<(), Problem> {
        self.caller.session().map_or(Ok(()), in_person)
    }
}

/// A key that was looked at or changed.
pub(super) fn versioned(found: (ApiKey, KeyUsage)) -> Versioned<KeyView> {
    let version = found.0.version;
    Versioned(found.into(), version)
}

fn no_such_owner() -> Problem {
    let reason = Reason::new("unknown", "there is no such account");
    Problem::violations(Code::ValidationFailed, vec![reason.at(Place::member("user_id"))])
}

/// A refusal, at its place in the list of roles if it is about one of them.
fn refused(error: ApiKeyError, roles: &[RoleName]) -> Problem {
    let ApiKeyError::UnknownRole(unknown) = &error else { return error.into() };
    Problem::about_role(roles, unknown, Reason::new("unknown", error.to_string()))
}
