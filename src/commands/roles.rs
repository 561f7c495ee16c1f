//! `portcullis roles` and `portcullis permissions`.

use clap::{Args, Subcommand};
use portcullis::Config;
use portcullis_domain::App;
use portcullis_domain::access::{DefineRole, Permission, Role, RoleName};
use portcullis_domain::caller::Caller;
use serde_json::{Value, json};

use super::operate::{listed, may_go_on, on_app, origin, sheet, table, tell};
use super::{Json, Outcome, misused};
use crate::exchange::printable;

#[derive(Subcommand)]
pub(super) enum Roles {
    /// List the roles.
    List(Json),
    /// Show a role.
    Show(One),
    /// Create a role.
    Create(Define),
    /// Change a role. Running services know it at once.
    Update(Update),
    /// Delete a role, and take it from everybody who has it.
    Delete(Delete),
}

#[derive(Args)]
pub(super) struct One {
    /// Which role.
    #[arg(value_name = "ROLE")]
    name: RoleName,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct Define {
    #[command(flatten)]
    one: One,
    /// What it is for, up to 200 characters.
    #[arg(long)]
    description: Option<String>,
    /// What its holders may do, for instance users:read; may be repeated.
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
}

#[derive(Args)]
pub(super) struct Update {
    #[command(flatten)]
    define: Define,
    /// Its holders may do nothing from now on.
    #[arg(long, conflicts_with = "permissions")]
    no_permissions: bool,
}

#[derive(Args)]
pub(super) struct Delete {
    #[command(flatten)]
    one: One,
    /// Do not ask. Without a terminal nobody is asked anyway.
    #[arg(long)]
    yes: bool,
}

/// Lists, shows, creates, changes or deletes roles.
pub(super) fn roles(config: &Config, command: &Roles) -> Outcome {
    if let Roles::Update(Update { define, no_permissions: false }) = command
        && define.description.is_none()
        && define.permissions.is_empty()
    {
        return Ok(misused("nothing to change: give --description, --permission or --no-permissions"));
    }
    if let Roles::Delete(Delete { one, yes: false }) = command
        && !may_go_on(&format!("The role {} is taken from everybody who has it.", one.name))?
    {
        return Ok(misused("nothing was deleted"));
    }
    on_app(config, async |app| match command {
        Roles::List(Json { json }) => list(app, *json).await,
        Roles::Show(One { name, json }) => told(&app.access.role(&Caller::operator(), name).await?, json.json),
        Roles::Create(define) => told(&app.access.create_role(defined(define, false)).await?, define.one.json.json),
        Roles::Update(Update { define, no_permissions }) => {
            let role = app.access.update_role(defined(define, *no_permissions)).await?;
            told(&role, define.one.json.json)
        }
        Roles::Delete(Delete { one: One { name, json }, .. }) => {
            app.access.delete_role(&Caller::operator(), name, &origin()).await?;
            tell(json.json, &json!({ "name": name, "deleted": true }), &format!("deleted {name}\n"))
        }
    })
}

fn defined(define: &Define, no_permissions: bool) -> DefineRole {
    let given = no_permissions || !define.permissions.is_empty();
    DefineRole {
        caller: Caller::operator(),
        name: define.one.name.clone(),
        description: define.description.clone(),
        permissions: given.then(|| define.permissions.iter().cloned().collect()),
        version: None,
        origin: origin(),
    }
}

async fn list(app: &App, json: bool) -> Outcome {
    let roles = app.access.roles(&Caller::operator()).await?;
    let described: Vec<Value> = roles.iter().map(described).collect();
    let row = |role: &Role| [role.name.to_string(), listed(role.permissions.iter()), about(&role.description)];
    let rows: Vec<_> = roles.iter().map(row).collect();
    tell(json, &described, &table(["ROLE", "PERMISSIONS", "DESCRIPTION"], &rows))
}

fn told(role: &Role, json: bool) -> Outcome {
    let text = sheet(&[
        ("role", role.name.to_string()),
        ("description", about(&role.description)),
        ("permissions", listed(role.permissions.iter())),
        ("built in", role.name.is_built_in().to_string()),
        ("created", role.created_at.to_string()),
        ("updated", role.updated_at.to_string()),
    ]);
    tell(json, &described(role), &text)
}

/// For programs.
fn described(role: &Role) -> Value {
    json!({
        "name": role.name,
        "description": role.description,
        "permissions": role.permissions.iter().collect::<Vec<_>>(),
        "built_in": role.name.is_built_in(),
        "created_at": role.created_at,
        "updated_at": role.updated_at,
        "version": role.version,
    })
}

fn about(description: &str) -> String {
    if description.is_empty() { "-".to_owned() } else { printable(description, Role::DESCRIPTION_MAX) }
}

/// Lists every permission that the service asks for or a role holds.
pub(super) fn permissions(config: &Config, json: bool) -> Outcome {
    on_app(config, async |app| {
        let all = app.access.permissions(&Caller::operator()).await?;
        let described: Vec<Value> = all
            .iter()
            .map(|one| json!({ "permission": one.permission, "about": one.about, "roles": one.roles }))
            .collect();
        let rows: Vec<_> = all
            .iter()
            .map(|one| {
                let permission = one.permission.to_string();
                let other = if permission.contains('*') { "All that it covers." } else { "For other services." };
                [permission, listed(&one.roles), one.about.unwrap_or(other).to_owned()]
            })
            .collect();
        tell(json, &described, &table(["PERMISSION", "ROLES", "ALLOWS"], &rows))
    })
}
