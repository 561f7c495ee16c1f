//! What those in charge do to one account: disabling, enabling, asking for a new password, and acting as its owner.

use std::sync::Arc;

use poem_openapi::OpenApi;
use portcullis_domain::administration::{Impersonate, Manage};
use portcullis_domain::ids::UserId;

use crate::answer::{Found, Refused, Versioned};
use crate::body::{Body, NoBody};
use crate::caller::{Calling, InPerson};
use crate::origin::From as Origin;
use crate::path::PathWord;
use crate::setup::SET_PASSWORD;
use crate::state::State;

use super::Tag;
use super::impersonating::ImpersonatingView;
use super::refusals::{Disabling, Impersonations, Managing};
use super::user_forms::{DisableForm, ImpersonateForm, read_reason};
use super::user_view::{LinkView, ManagedUser};
use super::users::{unread, versioned};

/// Acts on one account.
pub(crate) struct ActApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Users")]
impl ActApi {
    /// Disable an account
    ///
    /// Nobody can log in, its sessions end, its API keys stop working, at once. One that is disabled takes the new reason.
    #[oai(path = "/users/:id/disable", method = "post", operation_id = "disableUser")]
    async fn disable(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        body: Body<DisableForm>,
    ) -> Result<Versioned<ManagedUser>, Refused<Disabling>> {
        let mut fields = body.fields;
        let reason = fields.required("reason", read_reason);
        fields.finish()?;
        let Some(reason) = reason else { return Err(unread().into()) };
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        let view = self.0.app.administration.disable(cmd, reason).await?;
        Ok(versioned(view.into()))
    }

    /// Enable an account
    ///
    /// What ended when it was disabled does not come back. Enabling one that may be used changes nothing.
    #[oai(path = "/users/:id/enable", method = "post", operation_id = "enableUser")]
    async fn enable(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        _body: NoBody,
    ) -> Result<Versioned<ManagedUser>, Refused<Managing>> {
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        let view = self.0.app.administration.enable(cmd).await?;
        Ok(versioned(view.into()))
    }

    /// Ask for a new password
    ///
    /// All sessions of the account end, and nobody logs in before the password was changed: in the login itself, or by a
    /// link.
    #[oai(path = "/users/:id/expire-password", method = "post", operation_id = "expireUserPassword")]
    async fn expire_password(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        _body: NoBody,
    ) -> Result<Versioned<ManagedUser>, Refused<Managing>> {
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        let view = self.0.app.administration.expire_password(cmd).await?;
        Ok(versioned(view.into()))
    }

    /// Make a link to choose a password
    ///
    /// It works once, for 24 hours; older ones stop working. Whoever has it can choose the password: send it to the owner
    /// of the account and to nobody else.
    #[oai(path = "/users/:id/password-link", method = "post", operation_id = "createPasswordLink")]
    async fn password_link(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        _body: NoBody,
    ) -> Result<Found<LinkView>, Refused<Managing>> {
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        let link = self.0.app.administration.password_link(cmd).await?;
        Ok(Found(LinkView::new(&self.0.settings.issuer, SET_PASSWORD, &link)))
    }

    /// Act as another user
    ///
    /// For support: a session of that user, as long as one access token lives, in which nothing may be changed unless
    /// `write` asks for it. What is done in it is done with what both may do. The user sees it among their sessions, with
    /// who it is and why.
    #[oai(path = "/users/:id/impersonate", method = "post", operation_id = "impersonateUser")]
    async fn impersonate(
        &self,
        calling: Calling<InPerson>,
        origin: Origin,
        /// As whom.
        id: PathWord<UserId>,
        body: Body<ImpersonateForm>,
    ) -> Result<Found<ImpersonatingView>, Refused<Impersonations>> {
        let mut fields = body.fields;
        let reason = fields.required("reason", read_reason);
        let write = fields.flag("write").unwrap_or(false);
        fields.finish()?;
        let Some(reason) = reason else { return Err(unread().into()) };
        let cmd = Impersonate { caller: calling.caller, user: id.0, reason, write, origin: origin.0 };
        let impersonating = self.0.app.administration.impersonate(cmd).await?;
        Ok(Found(ImpersonatingView::new(&impersonating, !write)))
    }
}
