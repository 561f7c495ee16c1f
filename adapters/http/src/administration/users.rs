//! `/api/v1/users`: searching accounts, opening, reading, changing and deleting them.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{Email, Password, PasswordContext, Username};
use portcullis_domain::administration::{
    CreateUser, CreateUserError, Manage, UpdateUser, UserPage, UserPlace, UserQuery,
};
use portcullis_domain::audit::Action;
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::security::PolicyError;

use crate::answer::{CreatedAt, Done, Found, Refused, Versioned};
use crate::body::{Body, Fields, NoBody};
use crate::caller::{Calling, Staying};
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List};
use crate::path::PathWord;
use crate::precondition::IfMatch;
use crate::problem::{Code, Problem, Reason};
use crate::setup::SET_PASSWORD;
use crate::state::State;

use super::Tag;
use super::filter::{EmailBeginning, Filter, Instant, Role, Status, UsernameBeginning};
use super::refusals::{Creating, Deleting, Listing, Reading, Updating};
use super::stream::{Lines, pages};
use super::user_forms::{CreateUserForm, ROLES_MAX, UpdateUserForm, read_role};
use super::user_query::{Place, Sort, Wanted, fingerprint};
use super::user_view::{CreatedUserView, LinkView, ManagedUser, ManagedUserPage};

/// How many accounts one look at the store reads for an export.
const EXPORT_PAGE: u32 = 500;

/// Accounts, as those in charge have them.
pub(crate) struct UserApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Users")]
impl UserApi {
    /// Search accounts
    ///
    /// `email` and `username` ask how a name begins, upper and lower case being the same, and sort by it; only one of them
    /// is given. Pages hold while accounts come and go: nothing is told twice, and nothing left out that was there all
    /// the time.
    #[oai(path = "/users", method = "get", operation_id = "listUsers")]
    #[expect(clippy::too_many_arguments, reason = "one argument a parameter")]
    async fn list(
        &self,
        calling: Calling,
        /// How the e-mail address begins.
        email: Filter<EmailBeginning>,
        /// How the username begins.
        username: Filter<UsernameBeginning>,
        /// Whether the account may be used.
        status: Filter<Status>,
        /// Which role it was given. Every account has `user`, which nobody is given.
        role: Filter<Role>,
        /// Opened at this instant or later.
        created_from: Filter<Instant>,
        /// Opened before this instant.
        created_until: Filter<Instant>,
        /// In which order; a `-` turns it round. Without it the newest come first, or those that a search finds by the
        /// alphabet. Accounts without a username are left out where it is sorted by.
        sort: Filter<Sort>,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before; it is good for the same search only.
        cursor: Cursor,
    ) -> Result<Found<ManagedUserPage>, Refused<Listing>> {
        let wanted = Wanted { email, username, status, role, created_from, created_until, sort };
        let mut query = wanted.query(limit.0)?;
        let list = self.users_list(&query);
        query.after = cursor.read::<Place>(&list)?.map(UserPlace::from);
        let UserPage { users, next } = self.0.app.administration.search(&calling.caller, &query).await?;
        let next_cursor = next.map(|place| list.cursor(&Place::from(place))).transpose()?;
        Ok(Found(ManagedUserPage { items: users.into_iter().map(ManagedUser::from).collect(), next_cursor }))
    }

    /// Write accounts out
    ///
    /// All that match, one JSON document a line, as long as it takes: the next are looked up when the reader has taken those
    /// before. An answer that breaks off without its proper end is not whole.
    #[oai(path = "/users/export", method = "get", operation_id = "exportUsers")]
    #[expect(clippy::too_many_arguments, reason = "one argument a parameter")]
    async fn export(
        &self,
        calling: Calling,
        origin: Origin,
        request: &Request,
        /// How the e-mail address begins.
        email: Filter<EmailBeginning>,
        /// How the username begins.
        username: Filter<UsernameBeginning>,
        /// Whether the account may be used.
        status: Filter<Status>,
        /// Which role it was given.
        role: Filter<Role>,
        /// Opened at this instant or later.
        created_from: Filter<Instant>,
        /// Opened before this instant.
        created_until: Filter<Instant>,
        /// In which order, as in a search.
        sort: Filter<Sort>,
    ) -> Result<Lines<ManagedUser>, Refused<Listing>> {
        let wanted = Wanted { email, username, status, role, created_from, created_until, sort };
        let query = wanted.query(EXPORT_PAGE)?;
        let (state, caller) = (self.0.clone(), calling.caller.clone());
        let staying = Staying::new(calling, request)?;
        let first = exported(&state, &caller, &query).await?;
        state.app.audit.record(caller.actor(), Action::Export, "users", &origin.0).await?;
        let next = move |caller: Caller, place: UserPlace| {
            let state = state.clone();
            let query = UserQuery { after: Some(place), ..query.clone() };
            async move { exported(&state, &caller, &query).await }
        };
        Ok(Lines::of(staying.id(), pages(staying, first, next)).saved_as("users.jsonl"))
    }

    /// Open an account for somebody else
    ///
    /// Without a password the answer has a link, once, by which the owner chooses one. A password that is given has to be
    /// changed at the first login.
    #[oai(path = "/users", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        calling: Calling,
        origin: Origin,
        body: Body<CreateUserForm>,
    ) -> Result<CreatedAt<CreatedUserView>, Refused<Creating>> {
        let mut fields = body.fields;
        let email = fields.required("email", |text| Email::parse(&text));
        let username = fields.nullable("username", |text| Username::parse(&text)).flatten();
        let min = self.0.app.accounts.password_min_chars();
        let password = fields.optional("password", |text| Password::choose(text, min));
        let email_verified = fields.flag("email_verified").unwrap_or(false);
        let roles = fields.list("roles", 0..=ROLES_MAX, |text| read_role(&text)).unwrap_or_default();
        if fields.is_flawed()
            && let Some(password) = &password
        {
            let owner = PasswordContext { email: email.as_ref(), username: username.as_ref() };
            self.screen(&mut fields, password, owner).await?;
        }
        fields.finish()?;
        let Some(email) = email else { return Err(unread().into()) };
        let (caller, origin) = (calling.caller, origin.0);
        let named = roles.clone();
        let cmd = CreateUser { caller, username, email, email_verified, password, roles, origin };
        let created = self.0.app.administration.create_user(cmd).await;
        let created = created.map_err(|error| refused(error, &named))?;
        let (id, version) = (created.view.user.id, created.view.user.version);
        let issuer = &self.0.settings.issuer;
        let body = CreatedUserView::new(created, |link| LinkView::new(issuer, SET_PASSWORD, link));
        Ok(CreatedAt { body, location: format!("/api/v1/users/{id}"), version: Some(version) })
    }

    /// An account
    #[oai(path = "/users/:id", method = "get", operation_id = "getUser")]
    async fn get(
        &self,
        calling: Calling,
        /// Which account.
        id: PathWord<UserId>,
    ) -> Result<Versioned<ManagedUser>, Refused<Reading>> {
        let view = self.0.app.administration.user(&calling.caller, id.0).await?;
        Ok(versioned(view.into()))
    }

    /// Change an account
    ///
    /// A merge patch (RFC 7396): what is absent stays as it is. A new e-mail address counts as not verified unless the body
    /// says otherwise.
    #[oai(path = "/users/:id", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        /// The `ETag` of the account as it was read.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<UpdateUserForm>,
    ) -> Result<Versioned<ManagedUser>, Refused<Updating>> {
        let mut fields = body.fields;
        let username = fields.nullable("username", |text| Username::parse(&text));
        let email = fields.optional("email", |text| Email::parse(&text));
        let email_verified = fields.flag("email_verified");
        fields.finish()?;
        let (caller, origin, version) = (calling.caller, origin.0, if_match.version());
        let cmd = UpdateUser { caller, user: id.0, version, username, email, email_verified, origin };
        let updated = self.0.app.administration.update_user(cmd).await;
        let view = updated.map_err(|error| if_match.explain(error))?;
        Ok(versioned(view.into()))
    }

    /// Delete an account
    ///
    /// With all that belongs to it, for good. The last administrator stays.
    #[oai(path = "/users/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which account.
        id: PathWord<UserId>,
        _body: NoBody,
    ) -> Result<Done, Refused<Deleting>> {
        let cmd = Manage { caller: calling.caller, user: id.0, origin: origin.0 };
        self.0.app.administration.delete(cmd).await?;
        Ok(Done)
    }
}

impl UserApi {
    /// The list that a query makes, which its cursors belong to.
    fn users_list(&self, query: &UserQuery) -> List<'_> {
        List::new("users", &*self.0.settings.mac).of(fingerprint(query))
    }

    /// Adds what is wrong with a password to what is wrong already; the use case does it when nothing else is.
    async fn screen(
        &self,
        fields: &mut Fields,
        password: &Password,
        owner: PasswordContext<'_>,
    ) -> Result<(), Problem> {
        match self.0.app.accounts.screen_password(password, owner).await {
            Ok(()) => {}
            Err(PolicyError::Weak(why)) => fields.refuse("password", Reason::new("weak-password", why)),
            Err(PolicyError::Overloaded) => return Err(Problem::new(Code::Overloaded)),
        }
        Ok(())
    }
}

/// A refusal, at its place in the list of roles if it is about one of them.
fn refused(error: CreateUserError, roles: &[RoleName]) -> Problem {
    let why = error.to_string();
    match &error {
        CreateUserError::UnknownRole(unknown) => Problem::about_role(roles, unknown, Reason::new("unknown", why)),
        CreateUserError::Implicit => Problem::about_role(roles, &RoleName::user(), Reason::new("unsupported", why)),
        _ => error.into(),
    }
}

/// A page of an export.
async fn exported(
    state: &State,
    caller: &Caller,
    query: &UserQuery,
) -> Result<(Vec<ManagedUser>, Option<UserPlace>), Problem> {
    let UserPage { users, next } = state.app.administration.search(caller, query).await?;
    Ok((users.into_iter().map(ManagedUser::from).collect(), next))
}

/// An account with its `ETag`.
pub(super) const fn versioned(user: ManagedUser) -> Versioned<ManagedUser> {
    let version = user.version;
    Versioned(user, version)
}

/// A member that is neither read nor refused cannot be.
pub(super) fn unread() -> Problem {
    Problem::internal("a required member was neither read nor refused")
}
