//! `/api/v1/roles` and `/api/v1/permissions`.

use std::sync::Arc;

use poem_openapi::OpenApi;
use portcullis_domain::access::{DefineRole, PermissionView, Role, RoleName};

use crate::answer::{CreatedAt, Done, Found, Refused, Versioned};
use crate::body::{Body, NoBody};
use crate::caller::Calling;
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List, Paged, cut};
use crate::path::PathWord;
use crate::precondition::IfMatch;
use crate::state::State;

use super::Tag;
use super::refusals::{CreatingRole, DeletingRole, Listing, Reading, UpdatingRole};
use super::role_view::{CreateRoleForm, PermissionItem, PermissionList, RoleList, RoleView, UpdateRoleForm};
use super::user_forms::read_role;
use super::users::unread;

/// Roles and permissions.
pub(crate) struct RoleApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Roles")]
impl RoleApi {
    /// All roles
    ///
    /// By name, a page at a time.
    #[oai(path = "/roles", method = "get", operation_id = "listRoles")]
    async fn list(
        &self,
        calling: Calling,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<Paged<RoleList>>, Refused<Listing>> {
        let roles = self.0.app.access.roles(&calling.caller).await?;
        let list = List::new("roles", &*self.0.settings.mac);
        let page = cut(roles, |role| role.name.clone(), &list, &limit, &cursor)?;
        Ok(Found(page.map(|roles| RoleList { items: roles.into_iter().map(RoleView::from).collect() })))
    }

    /// Create a role
    ///
    /// It needs whatever the role holds: nobody makes a role that may do more than they.
    #[oai(path = "/roles", method = "post", operation_id = "createRole")]
    async fn create(
        &self,
        calling: Calling,
        origin: Origin,
        body: Body<CreateRoleForm>,
    ) -> Result<CreatedAt<RoleView>, Refused<CreatingRole>> {
        let mut fields = body.fields;
        let name = fields.required("name", |text| read_role(&text));
        let (description, permissions) = CreateRoleForm::read(&mut fields);
        fields.finish()?;
        let Some(name) = name else { return Err(unread().into()) };
        let location = format!("/api/v1/roles/{name}");
        let (caller, origin) = (calling.caller, origin.0);
        let cmd = DefineRole { caller, name, description, permissions, version: None, origin };
        let role = self.0.app.access.create_role(cmd).await?;
        let version = Some(role.version);
        Ok(CreatedAt { body: role.into(), location, version })
    }

    /// A role
    #[oai(path = "/roles/:name", method = "get", operation_id = "getRole")]
    async fn get(
        &self,
        calling: Calling,
        /// Which role.
        name: PathWord<RoleName>,
    ) -> Result<Versioned<RoleView>, Refused<Reading>> {
        Ok(versioned(self.0.app.access.role(&calling.caller, &name.0).await?))
    }

    /// Change a role
    ///
    /// A merge patch (RFC 7396): what is absent stays as it is, permissions are replaced as a whole. It needs whatever the
    /// role holds before and after, and counts for its holders from the next request on. `admin` cannot be changed.
    #[oai(path = "/roles/:name", method = "patch", operation_id = "updateRole")]
    async fn update(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which role.
        name: PathWord<RoleName>,
        /// The `ETag` of the role as it was read.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<UpdateRoleForm>,
    ) -> Result<Versioned<RoleView>, Refused<UpdatingRole>> {
        let mut fields = body.fields;
        let (description, permissions) = UpdateRoleForm::read(&mut fields);
        fields.finish()?;
        let (caller, origin, version) = (calling.caller, origin.0, if_match.version());
        let cmd = DefineRole { caller, name: name.0, description, permissions, version, origin };
        let updated = self.0.app.access.update_role(cmd).await;
        Ok(versioned(updated.map_err(|error| if_match.explain(error))?))
    }

    /// Delete a role
    ///
    /// Everybody who has it loses it at once. It needs whatever the role holds.
    #[oai(path = "/roles/:name", method = "delete", operation_id = "deleteRole")]
    async fn delete(
        &self,
        calling: Calling,
        origin: Origin,
        /// Which role.
        name: PathWord<RoleName>,
        _body: NoBody,
    ) -> Result<Done, Refused<DeletingRole>> {
        self.0.app.access.delete_role(&calling.caller, &name.0, &origin.0).await?;
        Ok(Done)
    }

    /// All permissions
    ///
    /// Those that this service asks for, and those that roles hold for others to ask about; in alphabetical order, a page
    /// at a time.
    #[oai(path = "/permissions", method = "get", operation_id = "listPermissions")]
    async fn permissions(
        &self,
        calling: Calling,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before.
        cursor: Cursor,
    ) -> Result<Found<Paged<PermissionList>>, Refused<Listing>> {
        let permissions = self.0.app.access.permissions(&calling.caller).await?;
        let list = List::new("permissions", &*self.0.settings.mac);
        let page = cut(permissions, |view| view.permission.clone(), &list, &limit, &cursor)?;
        let told = |all: Vec<PermissionView>| all.into_iter().map(PermissionItem::from).collect();
        Ok(Found(page.map(|permissions| PermissionList { items: told(permissions) })))
    }
}

fn versioned(role: Role) -> Versioned<RoleView> {
    let version = role.version;
    Versioned(role.into(), version)
}
