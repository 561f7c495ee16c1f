//! Which permission each operation asks for.
//!
//! Whoever lacks one is refused before anything else of the request is read; the use case asks again, and for whatever
//! else the body makes necessary. The OpenAPI document says it in `x-permission`.

use portcullis_domain::access::Asked;
use serde_json::Value;

/// Operations by their ids, and what they ask for.
pub(crate) const ASKED: &[(&str, Asked)] = &[
    ("listUsers", Asked::UsersRead),
    ("createUser", Asked::UsersWrite),
    ("getUser", Asked::UsersRead),
    ("updateUser", Asked::UsersWrite),
    ("deleteUser", Asked::UsersDelete),
    ("disableUser", Asked::UsersWrite),
    ("enableUser", Asked::UsersWrite),
    ("expireUserPassword", Asked::UsersWrite),
    ("createPasswordLink", Asked::UsersWrite),
    ("impersonateUser", Asked::Impersonate),
    ("listUserSessions", Asked::UsersRead),
    ("revokeUserSessions", Asked::UsersWrite),
    ("revokeUserSession", Asked::UsersWrite),
    ("listUserRoles", Asked::UsersRead),
    ("grantRole", Asked::RolesGrant),
    ("withdrawRole", Asked::RolesGrant),
    ("exportUser", Asked::UsersExport),
    ("exportUsers", Asked::UsersRead),
    ("actOnUsers", Asked::UsersWrite),
    ("listRoles", Asked::RolesRead),
    ("createRole", Asked::RolesWrite),
    ("getRole", Asked::RolesRead),
    ("updateRole", Asked::RolesWrite),
    ("deleteRole", Asked::RolesWrite),
    ("listPermissions", Asked::RolesRead),
    ("listApiKeys", Asked::ApiKeysRead),
    ("createApiKey", Asked::ApiKeysWrite),
    ("getApiKey", Asked::ApiKeysRead),
    ("updateApiKey", Asked::ApiKeysWrite),
    ("revokeApiKey", Asked::ApiKeysWrite),
    ("rotateApiKey", Asked::ApiKeysWrite),
    ("listAudit", Asked::AuditRead),
    ("exportAudit", Asked::AuditRead),
    ("getStatistics", Asked::StatsRead),
    ("listClients", Asked::ClientsRead),
    ("createClient", Asked::ClientsWrite),
    ("getClient", Asked::ClientsRead),
    ("deleteClient", Asked::ClientsWrite),
    ("rotateClientSecret", Asked::ClientsWrite),
];

/// What the operation of this id asks for.
pub(crate) fn asked(operation: &str) -> Option<Asked> {
    ASKED.iter().find(|(id, _)| *id == operation).map(|(_, asked)| *asked)
}

/// Adds to an operation of the OpenAPI document what it asks for: in `x-permission`, and as a sentence.
pub(crate) fn describe(operation: &mut Value) {
    let Some(asked) = operation.get("operationId").and_then(Value::as_str).and_then(asked) else { return };
    let sentence = format!("Needs the permission `{asked}`.");
    let told = operation.get("description").and_then(Value::as_str).filter(|told| !told.is_empty());
    let told = told.map_or_else(|| sentence.clone(), |told| format!("{told}\n\n{sentence}"));
    operation["description"] = told.into();
    operation["x-permission"] = asked.as_str().into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_is_there_twice() {
        for (id, _) in ASKED {
            assert_eq!(ASKED.iter().filter(|(other, _)| other == id).count(), 1, "{id}");
        }
    }
}
