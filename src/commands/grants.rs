//! `portcullis users`: which roles an account has.

use clap::Args;
use portcullis::Config;
use portcullis_domain::access::{GrantRole, RoleName};
use portcullis_domain::administration::UserView;
use portcullis_domain::caller::Caller;
use serde_json::json;

use super::accounts::One;
use super::operate::{on_app, origin, tell};
use super::person::{self, find};
use super::{Json, Outcome};

#[derive(Args)]
pub(super) struct Grant {
    /// Id, e-mail address or username.
    #[arg(value_name = "USER")]
    who: String,
    /// Which role.
    #[arg(value_name = "ROLE")]
    role: RoleName,
    #[command(flatten)]
    json: Json,
}

/// Lists the roles of an account.
pub(super) fn roles(config: &Config, One { who, json }: &One) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, who).await?;
        let text: String = view.roles.iter().map(|role| format!("{role}\n")).collect();
        tell(json.json, &view.roles, &text)
    })
}

/// Gives an account a role.
pub(super) fn grant(config: &Config, command: &Grant) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, &command.who).await?;
        let changed = app.access.grant(granting(&view, command)).await?;
        let how = if changed { "has the role" } else { "had the role already:" };
        changed_role(&view, command, changed, how)
    })
}

/// Takes a role from an account.
pub(super) fn withdraw(config: &Config, command: &Grant) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, &command.who).await?;
        let changed = app.access.withdraw(granting(&view, command)).await?;
        let how = if changed { "has no more the role" } else { "did not have the role" };
        changed_role(&view, command, changed, how)
    })
}

fn granting(view: &UserView, command: &Grant) -> GrantRole {
    GrantRole { caller: Caller::operator(), user: view.user.id, role: command.role.clone(), origin: origin() }
}

fn changed_role(view: &UserView, command: &Grant, changed: bool, how: &str) -> Outcome {
    let (id, role) = (view.user.id, &command.role);
    let told = json!({ "id": id, "role": role, "changed": changed });
    tell(command.json.json, &told, &format!("{} {how} {role}\n", person::address(&view.user)))
}
