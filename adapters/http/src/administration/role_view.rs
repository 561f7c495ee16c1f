//! Roles and permissions, as they are shown and defined.

use portcullis_domain::Timestamp;
use portcullis_domain::access::{Permission, PermissionView, Permissions, Role};
use serde::Serialize;
use serde_json::{Value, json};

use crate::body::{Fields, Form, JSON, MERGE_PATCH};
use crate::page::MAX_LIMIT;
use crate::problem::Reason;
use crate::schema::{Documented, instant, pointer};

use super::user_forms::role_name;
use super::user_view::version;

/// A role.
#[derive(Serialize)]
pub(crate) struct RoleView {
    name: String,
    description: String,
    permissions: Permissions,
    built_in: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// By which it is changed: the number in its `ETag`.
    pub(crate) version: u32,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            built_in: role.name.is_built_in(),
            name: role.name.into(),
            description: role.description,
            permissions: role.permissions,
            created_at: role.created_at,
            updated_at: role.updated_at,
            version: role.version,
        }
    }
}

impl Documented for RoleView {
    const NAME: &'static str = "Role";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Permissions under a name.",
            "required": ["name", "description", "permissions", "built_in", "created_at", "updated_at", "version"],
            "properties": {
                "name": role_name(),
                "description": { "type": "string", "maxLength": Role::DESCRIPTION_MAX, "description": "What it is for." },
                "permissions": permissions("What its holders may do."),
                "built_in": { "type": "boolean", "description": "Whether it is always there: `admin` may do everything and never changes, `user` is what every account has." },
                "created_at": instant("When it was created."),
                "updated_at": instant("When it last changed."),
                "version": version("the role"),
            },
        })
    }
}

/// Roles.
#[derive(Serialize)]
pub(crate) struct RoleList {
    pub(crate) items: Vec<RoleView>,
}

impl Documented for RoleList {
    const NAME: &'static str = "RoleList";

    fn schema() -> Value {
        list("A page of all roles, by name.", RoleView::NAME, None)
    }
}

/// A permission, and who holds it.
#[derive(Serialize)]
pub(crate) struct PermissionItem {
    permission: Permission,
    about: Option<&'static str>,
    roles: Vec<String>,
}

impl From<PermissionView> for PermissionItem {
    fn from(view: PermissionView) -> Self {
        let roles = view.roles.into_iter().map(String::from).collect();
        Self { permission: view.permission, about: view.about, roles }
    }
}

impl Documented for PermissionItem {
    const NAME: &'static str = "PermissionItem";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A permission, and who holds it.",
            "required": ["permission", "about", "roles"],
            "properties": {
                "permission": permission(),
                "about": { "type": "string", "nullable": true, "description": "What it allows, when this service asks for it; null when only others do." },
                "roles": { "type": "array", "items": role_name(), "description": "The roles that hold it, literally." },
            },
        })
    }
}

/// Permissions.
#[derive(Serialize)]
pub(crate) struct PermissionList {
    pub(crate) items: Vec<PermissionItem>,
}

impl Documented for PermissionList {
    const NAME: &'static str = "PermissionList";

    fn schema() -> Value {
        list(
            "A page of every permission that this service asks for or a role holds, in alphabetical order.",
            PermissionItem::NAME,
            None,
        )
    }
}

/// A page of a list, of at most `max` items if there are never as many as a page may have.
pub(super) fn list(description: &str, item: &str, max: Option<u32>) -> Value {
    page(description, &pointer(item), max.unwrap_or(MAX_LIMIT))
}

/// A page of a list of things of this schema.
pub(super) fn page(description: &str, item: &Value, max: u32) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["items", "next_cursor"],
        "properties": {
            "items": { "type": "array", "maxItems": max, "items": item },
            "next_cursor": { "type": "string", "nullable": true, "description": "Where the next page begins; null on the last page." },
        },
    })
}

pub(crate) struct CreateRoleForm;

impl Documented for CreateRoleForm {
    const NAME: &'static str = "CreateRoleRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A new role.",
            "additionalProperties": false,
            "required": ["name"],
            "properties": { "name": role_name(), "description": description(), "permissions": permissions("What its holders may do.") },
            "example": { "name": "support", "description": "Helps people who are stuck", "permissions": ["users:read"] },
        })
    }
}

impl Form for CreateRoleForm {}

pub(crate) struct UpdateRoleForm;

impl Documented for UpdateRoleForm {
    const NAME: &'static str = "UpdateRoleRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What to change; what is absent stays. Permissions are replaced as a whole.",
            "additionalProperties": false,
            "properties": {
                "description": nullable_description(),
                "permissions": permissions("What its holders may do from now on."),
            },
            "example": { "permissions": ["users:read", "audit:read"] },
        })
    }
}

impl Form for UpdateRoleForm {
    const MEDIA_TYPES: &'static [&'static str] = &[MERGE_PATCH, JSON];
}

impl CreateRoleForm {
    /// The description and the permissions of a new role.
    pub(super) fn read(fields: &mut Fields) -> (Option<String>, Option<Permissions>) {
        (fields.optional("description", read_description), read_permissions(fields))
    }
}

impl UpdateRoleForm {
    /// What is to change; a description that is taken away (RFC 7396 §2) is what it is for a role that never had one.
    pub(super) fn read(fields: &mut Fields) -> (Option<String>, Option<Permissions>) {
        let description = fields.nullable("description", read_description);
        (description.map(Option::unwrap_or_default), read_permissions(fields))
    }
}

fn read_permissions(fields: &mut Fields) -> Option<Permissions> {
    let permission =
        |text: String| Permission::parse(&text).map_err(|error| Reason::new("malformed", error.to_string()));
    fields.list("permissions", 0..=Role::PERMISSIONS_MAX, permission).map(Permissions::from_iter)
}

fn read_description(text: String) -> Result<String, Reason> {
    if text.chars().count() > Role::DESCRIPTION_MAX {
        return Err(Reason::new("too-long", "a description has at most 200 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::new("malformed", "a description has no control characters"));
    }
    Ok(text)
}

fn description() -> Value {
    json!({
        "type": "string", "maxLength": Role::DESCRIPTION_MAX, "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*$",
        "description": "What it is for.", "example": "Helps people who are stuck",
    })
}

fn nullable_description() -> Value {
    let mut schema = description();
    schema["nullable"] = true.into();
    schema["description"] = "What it is for; null for nothing.".into();
    schema
}

fn permissions(description: &str) -> Value {
    json!({
        "type": "array", "items": permission(), "maxItems": Role::PERMISSIONS_MAX,
        "description": description, "example": ["users:read"],
    })
}

/// A permission, in the document.
pub(crate) fn permission() -> Value {
    json!({
        "type": "string", "maxLength": Permission::MAX,
        "pattern": "^(\\*|[a-z][a-z0-9_-]{0,31}):(\\*|[a-z][a-z0-9_-]{0,31})$",
        "description": "`resource:action`; `*` stands for all of them.", "example": "users:read",
    })
}
