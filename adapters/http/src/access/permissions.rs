//! Which permissions each operation asks for.
//!
//! Whoever lacks one is refused before anything else of the request is read; the use case asks again, and for whatever
//! else the body makes necessary. The OpenAPI document says it in `x-permission`.

use portcullis_domain::access::Asked;
use serde_json::{Value, json};

/// Operations by their ids, and what they ask for.
pub(crate) const ASKED: &[(&str, &[Asked])] = &[
    ("listUsers", &[Asked::UsersRead]),
    ("createUser", &[Asked::UsersWrite]),
    ("getUser", &[Asked::UsersRead]),
    ("updateUser", &[Asked::UsersWrite]),
    ("deleteUser", &[Asked::UsersDelete]),
    ("disableUser", &[Asked::UsersWrite]),
    ("enableUser", &[Asked::UsersWrite]),
    ("expireUserPassword", &[Asked::UsersWrite]),
    ("createPasswordLink", &[Asked::UsersWrite]),
    ("impersonateUser", &[Asked::Impersonate]),
    ("listUserSessions", &[Asked::UsersRead]),
    ("revokeUserSessions", &[Asked::UsersWrite]),
    ("revokeUserSession", &[Asked::UsersWrite]),
    ("listUserRoles", &[Asked::UsersRead]),
    ("grantRole", &[Asked::RolesGrant]),
    ("withdrawRole", &[Asked::RolesGrant]),
    ("exportUser", &[Asked::UsersExport]),
    ("exportUsers", &[Asked::UsersRead]),
    ("actOnUsers", &[Asked::UsersWrite]),
    ("listRoles", &[Asked::RolesRead]),
    ("createRole", &[Asked::RolesWrite]),
    ("getRole", &[Asked::RolesRead]),
    ("updateRole", &[Asked::RolesWrite]),
    ("deleteRole", &[Asked::RolesWrite]),
    ("listPermissions", &[Asked::RolesRead]),
    ("listApiKeys", &[Asked::ApiKeysRead]),
    ("createApiKey", &[Asked::ApiKeysWrite]),
    ("getApiKey", &[Asked::ApiKeysRead]),
    ("updateApiKey", &[Asked::ApiKeysWrite]),
    ("revokeApiKey", &[Asked::ApiKeysWrite]),
    ("rotateApiKey", &[Asked::ApiKeysWrite]),
    ("listAudit", &[Asked::AuditRead]),
    ("exportAudit", &[Asked::AuditRead]),
    ("getStatistics", &[Asked::StatsRead]),
    ("listClients", &[Asked::ClientsRead]),
    ("createClient", &[Asked::ClientsWrite]),
    ("getClient", &[Asked::ClientsRead]),
    ("deleteClient", &[Asked::ClientsWrite]),
    ("rotateClientSecret", &[Asked::ClientsWrite]),
];

/// What the operation of this id asks for.
pub(crate) fn asked(operation: &str) -> &'static [Asked] {
    ASKED.iter().find(|(id, _)| *id == operation).map_or(&[], |(_, asked)| asked)
}

/// Adds to an operation of the OpenAPI document what it asks for: a list in `x-permission`, and a sentence.
pub(crate) fn describe(operation: &mut Value) {
    let asked = operation.get("operationId").and_then(Value::as_str).map_or(&[][..], asked);
    if asked.is_empty() {
        return;
    }
    let names: Vec<String> = asked.iter().map(|asked| format!("`{asked}`")).collect();
    let sentence = format!("Needs the permission {}.", names.join(" and "));
    let told = operation.get("description").and_then(Value::as_str).unwrap_or_default();
    let told = if told.is_empty() { sentence } else { format!("{told}\n\n{sentence}") };
    operation["description"] = told.into();
    operation["x-permission"] = asked.iter().map(|asked| json!(asked.as_str())).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_is_there_twice() {
        for (id, asked) in ASKED {
            assert!(!asked.is_empty(), "{id}");
            assert_eq!(ASKED.iter().filter(|(other, _)| other == id).count(), 1, "{id}");
        }
    }
}
