//! `portcullis access`: roles as a file says they are to be.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use portcullis::Config;
use portcullis::config::read_roles;
use portcullis_domain::access::{Change, Permission, ReconcileError, Reconciled, Role, RoleDraft};
use portcullis_domain::caller::Caller;
use serde_json::{Value, json};

use super::operate::{on_app, origin, tell};
use super::{Json, Outcome, misused};
use crate::exchange::printable;

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 the roles are as the file says, or would be; 1 it could not be done, and nothing \
    has changed; 2 the command or the file was not understood; 3, with --detailed-exitcode only, something was changed, \
    or with --dry-run would be.";
/// With --detailed-exitcode: something differs. Not 2, which is every mistake in the use of this program.
const DIFFERS: u8 = 3;

#[derive(Subcommand)]
pub(super) enum AccessCommand {
    /// Make the roles what a file says, all at once, and print the difference.
    ///
    /// FILE is TOML: [roles.NAME] with permissions = ["users:read", …] and perhaps a description. Doing it again changes
    /// nothing. In the difference, + is created, ~ changed, - deleted; roles that FILE does not name stay as they are
    /// unless --prune is given, and the built-in roles are always there. Running services know the changes at once.
    #[command(after_help = EXIT_CODES)]
    Apply(Apply),
}

#[derive(Args)]
pub(super) struct Apply {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only print the difference.
    #[arg(long)]
    dry_run: bool,
    /// Delete roles that FILE does not name.
    #[arg(long)]
    prune: bool,
    /// Exit with 3 when something differed.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    json: Json,
}

/// Reconciles the roles with a file.
pub(super) fn access(config: &Config, AccessCommand::Apply(command): &AccessCommand) -> Outcome {
    let drafts = match read_roles(&command.file) {
        Ok(drafts) => drafts,
        Err(why) => return Ok(misused(&why)),
    };
    on_app(config, async |app| {
        let (caller, origin) = (Caller::operator(), origin());
        let done = app.access.reconcile(&caller, &drafts, command.prune, command.dry_run, &origin).await;
        let done = match done {
            Err(ReconcileError::Draft(why)) => {
                return Ok(misused(&format!("the file {}: {why}", command.file.display())));
            }
            done => done?,
        };
        tell(command.json.json, &described(&done), &shown(&done, command.dry_run))?;
        let differs = command.detailed_exitcode && is_different(&done);
        Ok(if differs { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
    })
}

fn is_different(done: &Reconciled) -> bool {
    done.changes.iter().any(|change| !matches!(change, Change::Keep(_)))
}

/// For programs.
fn described(done: &Reconciled) -> Value {
    let role = |role: &RoleDraft| json!({ "description": role.description, "permissions": listed(role) });
    let changes = done.changes.iter().map(|change| match change {
        Change::Create(to) => json!({ "change": "create", "role": to.name, "from": null, "to": role(to) }),
        Change::Update { from, to } => {
            json!({ "change": "update", "role": to.name, "from": role(from), "to": role(to) })
        }
        Change::Delete(from) => json!({ "change": "delete", "role": from.name, "from": role(from), "to": null }),
        Change::Keep(name) => json!({ "change": "keep", "role": name, "from": null, "to": null }),
    });
    json!({ "changes": changes.collect::<Vec<_>>(), "applied": done.applied })
}

/// For people: a line a role that differs, and below it what differs.
fn shown(done: &Reconciled, dry_run: bool) -> String {
    let mut text = String::new();
    for change in &done.changes {
        match change {
            Change::Create(to) => text.push_str(&format!("+ {}\n{}", to.name, differences(None, Some(to)))),
            Change::Update { from, to } => {
                text.push_str(&format!("~ {}\n{}", to.name, differences(Some(from), Some(to))));
            }
            Change::Delete(from) => text.push_str(&format!("- {}\n{}", from.name, differences(Some(from), None))),
            Change::Keep(name) => text.push_str(&format!("  {name}: not in the file, stays (--prune deletes it)\n")),
        }
    }
    text.push_str(match (is_different(done), dry_run) {
        (false, _) => "the roles are as the file says\n",
        (true, true) => "nothing was changed: this is a dry run\n",
        (true, false) => "done\n",
    });
    text
}

fn differences(from: Option<&RoleDraft>, to: Option<&RoleDraft>) -> String {
    let description = |role: Option<&RoleDraft>| {
        let text = role.map(|role| role.description.as_str()).filter(|text| !text.is_empty());
        text.map(|text| format!("description {}", printable(text, Role::DESCRIPTION_MAX)))
    };
    let mut lines = String::new();
    let (old, new) = (description(from), description(to));
    if old != new {
        lines.extend(old.map(|text| format!("    - {text}\n")));
        lines.extend(new.map(|text| format!("    + {text}\n")));
    }
    let permissions = |role: Option<&RoleDraft>| -> BTreeSet<Permission> {
        role.into_iter().flat_map(|role| role.permissions.iter().cloned()).collect()
    };
    let (old, new) = (permissions(from), permissions(to));
    for permission in old.union(&new) {
        match (old.contains(permission), new.contains(permission)) {
            (true, false) => lines.push_str(&format!("    - {permission}\n")),
            (false, true) => lines.push_str(&format!("    + {permission}\n")),
            _ => {}
        }
    }
    lines
}

fn listed(role: &RoleDraft) -> Vec<&Permission> {
    role.permissions.iter().collect()
}

#[cfg(test)]
mod tests {
    use portcullis_domain::access::RoleName;

    use super::*;

    fn role(description: &str, permissions: &[&str]) -> RoleDraft {
        RoleDraft {
            name: RoleName::parse("support").unwrap(),
            description: description.to_owned(),
            permissions: permissions.iter().map(|text| text.parse::<Permission>().unwrap()).collect(),
        }
    }

    #[test]
    fn a_difference_shows_what_comes_and_what_goes() {
        let (from, to) = (role("", &["a:x", "b:x"]), role("Helps\u{1b}", &["b:x", "c:x"]));
        let keep = Change::Keep(RoleName::parse("other").unwrap());
        let done = Reconciled { changes: vec![Change::Update { from, to }, keep], applied: false };
        assert_eq!(
            shown(&done, true),
            "~ support\n    + description \"Helps\\u{1b}\"\n    - a:x\n    + c:x\n  other: not in the file, stays \
             (--prune deletes it)\nnothing was changed: this is a dry run\n"
        );
        assert_eq!(described(&done)["changes"][0]["to"]["permissions"], json!(["b:x", "c:x"]));
        assert_eq!(shown(&Reconciled::default(), false), "the roles are as the file says\n");
        let gone = Reconciled { changes: vec![Change::Delete(role("", &["a:x"]))], applied: true };
        assert_eq!(shown(&gone, false), "- support\n    - a:x\ndone\n");
    }
}
