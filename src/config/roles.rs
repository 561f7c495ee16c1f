//! Files of roles: what a first start seeds, and what `portcullis access apply` reconciles with.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_domain::access::{Permission, Role, RoleDraft, RoleName};
use serde::Deserialize;

/// The most bytes of a file of roles: some times what the most roles of the most permissions take.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// `[roles.NAME]` with what each is for and what its holders may do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    roles: BTreeMap<RoleName, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    description: String,
    permissions: Vec<Permission>,
}

/// The roles of a TOML file, by name: `[roles.support]` with `permissions = ["users:read"]` and perhaps a `description`.
/// What is wrong is told with its line.
pub fn read_roles(path: &Path) -> Result<Vec<RoleDraft>, String> {
    let shown = path.display();
    let length = std::fs::metadata(path).map_err(|error| format!("the file {shown} cannot be read: {error}"))?.len();
    if length > MAX_BYTES {
        return Err(format!("the file {shown} is larger than {MAX_BYTES} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
    parse(&text).map_err(|why| format!("the file {shown}: {why}"))
}

fn parse(text: &str) -> Result<Vec<RoleDraft>, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message().replace('\n', " "))
    })?;
    let draft = |(name, entry): (RoleName, Entry)| {
        let fits = entry.description.chars().count() <= Role::DESCRIPTION_MAX;
        if !fits || entry.description.chars().any(char::is_control) {
            let most = Role::DESCRIPTION_MAX;
            return Err(format!("role {name}: a description is at most {most} characters without control characters"));
        }
        Ok(RoleDraft { name, description: entry.description, permissions: entry.permissions.into_iter().collect() })
    };
    file.roles.into_iter().map(draft).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lists_roles_with_what_they_are_for_and_what_they_may_do() {
        let drafts = parse(
            "[roles.support]\ndescription = \"Helps\"\npermissions = [\"users:read\", \"audit:read\"]\n\
             [roles.\"team.lead\"]\npermissions = []\n",
        );
        let drafts = drafts.unwrap();
        let [support, lead] = &drafts[..] else { panic!("{drafts:?}") };
        assert_eq!((support.name.as_str(), support.description.as_str()), ("support", "Helps"));
        let listed: Vec<String> = support.permissions.iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["audit:read", "users:read"]);
        assert_eq!((lead.name.as_str(), lead.permissions.is_empty()), ("team.lead", true));
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let long = format!("[roles.a]\ndescription = \"{}\"\npermissions = []", "x".repeat(201));
        for (text, told) in [
            ("[roles.support]\npermissions = [\"users\"]", "line 2: a permission is"),
            ("[roles.Support]\npermissions = []", "the name of a role"),
            ("[roles.a]\n", "permissions"),
            ("[roles.a]\npermissions = []\npermission = []", "line 3: unknown field"),
            ("[role.a]\npermissions = []", "line 1: unknown field"),
            ("[roles.a]\npermissions = []\n[roles.a]\npermissions = []", "line 3: duplicate"),
            ("[roles.a.b]\npermissions = []", "unknown field"),
            ("roles", "line 1"),
            (&long, "role a: a description"),
            ("[roles.a]\ndescription = \"a\\nb\"\npermissions = []", "control characters"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(told) && !why.contains('\n'), "{text}: {why}");
        }
    }
}
