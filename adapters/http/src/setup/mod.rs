//! Links that work once: the first administrator, and a password that its owner chooses. Two pages for people, and the
//! operations that the pages call. Neither page knows a secret: it is in the fragment of the link, for the browser alone.

mod forms;
mod pages;

use std::sync::Arc;

use poem_openapi::registry::Registry;
use poem_openapi::{OpenApi, Tags};
use portcullis_domain::accounts::{Email, Password, PasswordContext, Username};
use portcullis_domain::administration::{SetPassword, SetUp};
use portcullis_domain::ports::security::PolicyError;
use serde_json::{Map, Value};

use crate::answer::{ALWAYS, BODY, Done, HASHING, Refusals, Refused};
use crate::body::{Body, Fields};
use crate::openapi::{describe, named};
use crate::origin::From as Origin;
use crate::problem::{Code, Problem, Reason};
use crate::routes::Routes;
use crate::state::State;

use forms::{SetPasswordForm, SetUpForm, read_token};
pub(crate) use pages::{SET_PASSWORD, paths};

/// `/api/v1/setup` and `/api/v1/auth/set-password`.
struct SetupApi(Arc<State>);

#[derive(Tags)]
enum Tag {
    /// Links that work once.
    Setup,
}

struct SettingUp;
impl Refusals for SettingUp {
    const CODES: &'static [&'static [Code]] =
        &[ALWAYS, HASHING, BODY, &[Code::SetupClosed, Code::InvalidLink, Code::EmailTaken, Code::UsernameTaken]];
}

struct Choosing;
impl Refusals for Choosing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, HASHING, BODY, &[Code::InvalidLink]];
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Setup")]
impl SetupApi {
    /// Open the account of the first administrator
    ///
    /// With the token of a link that `portcullis admin setup-link` makes. Once there is an administrator the door is closed
    /// for good.
    #[oai(path = "/setup", method = "post", operation_id = "setUp")]
    async fn set_up(&self, origin: Origin, body: Body<SetUpForm>) -> Result<Done, Refused<SettingUp>> {
        let mut fields = body.fields;
        let token = fields.required("token", read_token);
        let username = fields.nullable("username", |text| Username::parse(&text)).flatten();
        let email = fields.required("email", |text| Email::parse(&text));
        let password = self.new_password(&mut fields);
        let owner = PasswordContext { email: email.as_ref(), username: username.as_ref() };
        self.screen(&mut fields, password.as_ref(), owner).await?;
        fields.finish()?;
        let (Some(token), Some(email), Some(password)) = (token, email, password) else {
            return Err(unread().into());
        };
        let cmd = SetUp { token, username, email, password, origin: origin.0 };
        self.0.app.administration.set_up(cmd).await?;
        Ok(Done)
    }

    /// Choose a password by a link
    ///
    /// All sessions of the account end. Nobody is logged in by that.
    #[oai(path = "/auth/set-password", method = "post", operation_id = "setPassword")]
    async fn set_password(&self, origin: Origin, body: Body<SetPasswordForm>) -> Result<Done, Refused<Choosing>> {
        let mut fields = body.fields;
        let token = fields.required("token", read_token);
        let password = self.new_password(&mut fields);
        self.screen(&mut fields, password.as_ref(), PasswordContext::default()).await?;
        fields.finish()?;
        let (Some(token), Some(password)) = (token, password) else { return Err(unread().into()) };
        self.0.app.administration.set_password(SetPassword { token, password, origin: origin.0 }).await?;
        Ok(Done)
    }
}

impl SetupApi {
    fn new_password(&self, fields: &mut Fields) -> Option<Password> {
        let min = self.0.app.accounts.password_min_chars();
        fields.required("password", |text| Password::choose(text, min))
    }

    /// Adds what is wrong with a password to what is wrong already; the use case does it when nothing else is.
    async fn screen(
        &self,
        fields: &mut Fields,
        password: Option<&Password>,
        owner: PasswordContext<'_>,
    ) -> Result<(), Problem> {
        let Some(password) = password.filter(|_| fields.is_flawed()) else { return Ok(()) };
        match self.0.app.accounts.screen_password(password, owner).await {
            Ok(()) => {}
            Err(PolicyError::Weak(why)) => fields.refuse("password", Reason::new("weak-password", why)),
            Err(PolicyError::Overloaded) => return Err(Problem::new(Code::Overloaded)),
        }
        Ok(())
    }
}

/// A member that is neither read nor refused cannot be.
fn unread() -> Problem {
    Problem::internal("a required member was neither read nor refused")
}

/// Adds the operations and the pages.
pub(crate) fn add_routes(routes: &mut Routes, state: &Arc<State>) {
    routes.add_api(SetupApi(state.clone()));
    pages::add_routes(routes, state);
}

/// Adds the operations to the OpenAPI document.
pub(crate) fn describe_all(registry: &mut Registry, paths: &mut Map<String, Value>) {
    describe::<SetupApi>(registry, paths);
}

/// The schemas of these operations.
pub(crate) fn schemas() -> Value {
    [named::<SetUpForm>(), named::<SetPasswordForm>()].into_iter().collect()
}
