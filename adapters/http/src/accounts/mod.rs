//! Accounts: opening one, and what its owner does with it.

mod forms;
mod user;

use std::sync::Arc;

use poem::Request;
use poem_openapi::{OpenApi, Tags};
use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{
    ChangePassword, DeleteAccount, Email, Password, PasswordContext, Register, UpdateProfile, User, Username,
};
use portcullis_domain::ports::security::PolicyError;

use crate::administration::export::{AccountDocument, write_out};
use crate::answer::{
    ALWAYS, BODY, CHANGING, CSRF, Created, Done, Ended, Found, HASHING, IN_PERSON, PERSONAL, Refusals, Refused, SIGNED,
};
use crate::body::{Body, Fields};
use crate::caller::{Calling, InPerson, Personal, Signed, Staying, in_person};
use crate::cookies::Cookies;
use crate::openapi::named;
use crate::origin::From as Origin;
use crate::problem::{Code, Problem, Reason};
use crate::state::State;

use forms::{ChangePasswordForm, CloseForm, RegisterForm, UpdateForm};
pub(crate) use forms::{new_password, password};
pub(crate) use user::UserView;

/// `/api/v1/auth/register` and `/api/v1/me`.
pub(crate) struct AccountApi(pub(crate) Arc<State>);

#[derive(Tags)]
enum Tag {
    /// Opening an account, and what its owner does with it.
    Accounts,
}

pub(crate) struct Registering;
impl Refusals for Registering {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, HASHING, BODY, &[Code::EmailTaken, Code::UsernameTaken]];
}

pub(crate) struct Reading;
impl Refusals for Reading {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED];
}

pub(crate) struct Closing;
impl Refusals for Closing {
    const CODES: &'static [&'static [Code]] = &[
        ALWAYS,
        PERSONAL,
        CSRF,
        HASHING,
        BODY,
        &[Code::WrongPassword, Code::TooManyAttempts, Code::LastAdministrator, Code::EditConflict],
    ];
}

pub(crate) struct Exporting;
impl Refusals for Exporting {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IN_PERSON, &[Code::NotFound]];
}

pub(crate) struct Updating;
impl Refusals for Updating {
    const CODES: &'static [&'static [Code]] = &[
        ALWAYS,
        SIGNED,
        CHANGING,
        HASHING,
        BODY,
        &[Code::Impersonated, Code::WrongPassword, Code::TooManyAttempts],
        &[Code::EmailTaken, Code::UsernameTaken, Code::EditConflict],
    ];
}

pub(crate) struct Changing;
impl Refusals for Changing {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, PERSONAL, CSRF, HASHING, BODY, &[Code::WrongPassword, Code::TooManyAttempts]];
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Accounts")]
impl AccountApi {
    /// Open an account
    ///
    /// The new account may log in at once. Everything that is wrong with the body is said at once.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        origin: Origin,
        body: Body<RegisterForm>,
    ) -> Result<Created<UserView>, Refused<Registering>> {
        let mut fields = body.fields;
        let username = fields.nullable("username", |text| Username::parse(&text)).flatten();
        let email = fields.required("email", |text| Email::parse(&text));
        let password = self.new_password(&mut fields, "password");
        if fields.is_flawed()
            && let Some(password) = &password
        {
            let owner = PasswordContext { email: email.as_ref(), username: username.as_ref() };
            self.screen(&mut fields, "password", password, owner).await?;
        }
        fields.finish()?;
        let (Some(email), Some(password)) = (email, password) else { return Err(unread().into()) };
        let user = self.0.app.accounts.register(Register { username, email, password, origin: origin.0 }).await?;
        Ok(Created { body: UserView::new(&user, vec![RoleName::user()]), location: "/api/v1/me" })
    }

    /// Your account
    #[oai(path = "/me", method = "get", operation_id = "getMe")]
    async fn profile(&self, signed: Signed) -> Result<Found<UserView>, Refused<Reading>> {
        let user = self.0.app.accounts.profile(signed.caller.user).await?;
        // The account went while its token was still good.
        let user = user.ok_or_else(|| Problem::unauthenticated(true))?;
        self.view(&user).await
    }

    /// Change your username or e-mail address
    ///
    /// A merge patch (RFC 7396): what is absent stays as it is. A new e-mail address needs the current password in
    /// the same body, and counts as not verified; somebody who acts as the user cannot change it.
    #[oai(path = "/me", method = "patch", operation_id = "updateMe")]
    async fn update(
        &self,
        signed: Signed,
        origin: Origin,
        body: Body<UpdateForm>,
    ) -> Result<Found<UserView>, Refused<Updating>> {
        let mut fields = body.fields;
        let username = fields.nullable("username", |text| Username::parse(&text));
        let email = fields.optional("email", |text| Email::parse(&text));
        let current_password = fields.optional("current_password", Password::present);
        let caller = signed.caller;
        if email.is_some() {
            in_person(&caller)?;
        }
        fields.finish()?;
        let (user, session, origin) = (caller.user, caller.session, origin.0);
        let change = UpdateProfile { user, session, username, email, current_password, origin };
        let user = self.0.app.accounts.update_profile(change).await?;
        self.view(&user).await
    }

    /// Close your account
    ///
    /// All its sessions end, and everything that belongs to it is removed; other services learn of it by the event
    /// `user.deleted`. What the audit trail keeps names the account by its id alone. The password is needed again.
    #[oai(path = "/me", method = "delete", operation_id = "deleteMe")]
    async fn delete(
        &self,
        personal: Personal,
        origin: Origin,
        body: Body<CloseForm>,
    ) -> Result<Ended, Refused<Closing>> {
        let mut fields = body.fields;
        let current_password = fields.required("current_password", Password::present);
        fields.finish()?;
        let Some(current_password) = current_password else { return Err(unread().into()) };
        let Signed { caller, transport } = personal.0;
        let (user, session, origin) = (caller.user, caller.session, origin.0);
        self.0.app.accounts.delete(DeleteAccount { user, session, current_password, origin }).await?;
        Ok(Ended::of(transport, Cookies::of(&self.0.settings)))
    }

    /// Everything that is kept of your account
    ///
    /// One JSON document, without secrets and their digests. That it was read is recorded. An answer that breaks off
    /// without its proper end is not whole.
    #[oai(path = "/me/export", method = "get", operation_id = "exportMe")]
    async fn export(
        &self,
        calling: Calling<InPerson>,
        origin: Origin,
        request: &Request,
    ) -> Result<AccountDocument, Refused<Exporting>> {
        let session = calling.caller.session().ok_or_else(|| Problem::new(Code::UserRequired))?;
        if session.client_id != self.0.settings.first_party_client {
            let detail = "only a user who signed in here gets everything, and no other client of theirs";
            return Err(Problem::detailed(Code::NotPermitted, detail).into());
        }
        let user = session.user;
        Ok(write_out(&self.0, Staying::new(calling, request)?, user, origin.0).await?)
    }

    /// Change your password
    ///
    /// This session stays, all others end.
    #[oai(path = "/me/password", method = "put", operation_id = "changePassword")]
    async fn change_password(
        &self,
        personal: Personal,
        origin: Origin,
        body: Body<ChangePasswordForm>,
    ) -> Result<Done, Refused<Changing>> {
        let mut fields = body.fields;
        let current = fields.required("current_password", Password::present);
        let new = self.new_password(&mut fields, "new_password");
        if fields.is_flawed()
            && let Some(password) = &new
        {
            self.screen(&mut fields, "new_password", password, PasswordContext::default()).await?;
        }
        fields.finish()?;
        let (Some(current), Some(new)) = (current, new) else { return Err(unread().into()) };
        let (user, session) = (personal.0.caller.user, personal.0.caller.session);
        let change = ChangePassword { user, session, current, new, origin: origin.0 };
        self.0.app.accounts.change_password(change).await?;
        Ok(Done)
    }
}

impl AccountApi {
    /// An account with its roles.
    async fn view<R>(&self, user: &User) -> Result<Found<UserView>, Refused<R>> {
        let standing = self.0.app.access.standing(user.id).await?;
        Ok(Found(UserView::new(user, standing.map(|standing| standing.roles).unwrap_or_default())))
    }

    fn new_password(&self, fields: &mut Fields, name: &'static str) -> Option<Password> {
        let min = self.0.app.accounts.password_min_chars();
        fields.required(name, |text| Password::choose(text, min))
    }

    /// Adds what is wrong with a password to what is wrong already; the use case does it when nothing else is.
    async fn screen(
        &self,
        fields: &mut Fields,
        name: &'static str,
        password: &Password,
        owner: PasswordContext<'_>,
    ) -> Result<(), Problem> {
        match self.0.app.accounts.screen_password(password, owner).await {
            Ok(()) => Ok(()),
            Err(PolicyError::Weak(why)) => {
                fields.refuse(name, Reason::new("weak-password", why));
                Ok(())
            }
            Err(PolicyError::Overloaded) => Err(Problem::new(Code::Overloaded)),
        }
    }
}

/// A member that is neither read nor refused cannot be.
fn unread() -> Problem {
    Problem::internal("a required member was neither read nor refused")
}

/// The schemas of these operations.
pub(crate) fn schemas() -> serde_json::Value {
    [
        named::<UserView>(),
        named::<RegisterForm>(),
        named::<UpdateForm>(),
        named::<CloseForm>(),
        named::<ChangePasswordForm>(),
    ]
    .into_iter()
    .collect()
}
