//! The roles of an account.

use std::sync::Arc;

use poem_openapi::OpenApi;
use portcullis_domain::access::{GrantRole, RoleName};
use portcullis_domain::ids::UserId;
use serde::Serialize;
use serde_json::Value;

use crate::answer::{Done, Found, Refused};
use crate::body::NoBody;
use crate::caller::Calling;
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List, MAX_LIMIT, Paged, cut};
use crate::path::PathWord;
use crate::problem::{Code, Problem};
use crate::schema::Documented;
use crate::state::State;

use super::Tag;
use super::refusals::{Granting, ReadingPages};
use super::role_view::page;
use super::user_forms::role_name;

/// The roles of accounts.
pub(crate) struct UserRoleApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Users")]
impl UserRoleApi {
    /// The roles of an account
    ///
    /// By name, a page at a time.
    #[oai(path = "/users/:id/roles", method = "get", operation_id = "listUserRoles")]
    async fn list(
        &self,
        calling: Calling,
        /// Which account.
        id: PathWord<UserId>,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<Paged<RoleNames>>, Refused<ReadingPages>> {
        let view = self.0.app.administration.user(&calling.caller, id.0).await?;
        let list = List::new("roles of an account", &*self.0.settings.mac).of(id.0.to_string());
        let page = cut(view.roles, RoleName::clone, &list, &limit, &cursor)?;
        Ok(Found(page.map(|roles| RoleNames { items: roles.into_iter().map(String::from).collect() })))
    }

    /// Give a role
    ///
    /// It counts from the next request on. Giving one that is there already changes nothing. It needs whatever the role
    /// holds: nobody gives what they lack.
    #[oai(path = "/users/:id/roles/:role", method = "put", operation_id = "grantRole")]
    async fn grant(
        &self,
        calling: Calling,
        origin: Origin,
        /// To which account.
        id: PathWord<UserId>,
        /// Which role.
        role: PathWord<RoleName>,
        _body: NoBody,
    ) -> Result<Done, Refused<Granting>> {
        let cmd = GrantRole { caller: calling.caller, user: id.0, role: role.0, origin: origin.0 };
        self.0.app.access.grant(cmd).await?;
        Ok(Done)
    }

    /// Take a role away
    ///
    /// It counts from the next request on. It needs whatever the account may do. The last active administrator stays one.
    #[oai(path = "/users/:id/roles/:role", method = "delete", operation_id = "withdrawRole")]
    async fn withdraw(
        &self,
        calling: Calling,
        origin: Origin,
        /// From which account.
        id: PathWord<UserId>,
        /// Which role.
        role: PathWord<RoleName>,
        _body: NoBody,
    ) -> Result<Done, Refused<Granting>> {
        let cmd = GrantRole { caller: calling.caller, user: id.0, role: role.0, origin: origin.0 };
        if !self.0.app.access.withdraw(cmd).await? {
            return Err(Problem::detailed(Code::NotFound, "the account has not got this role").into());
        }
        Ok(Done)
    }
}

/// Roles by name.
#[derive(Serialize)]
pub(crate) struct RoleNames {
    items: Vec<String>,
}

impl Documented for RoleNames {
    const NAME: &'static str = "RoleNames";

    fn schema() -> Value {
        page("A page of the roles of an account, `user` among them, by name.", &role_name(), MAX_LIMIT)
    }
}
