//! The export of a Keycloak realm (`kc.sh export --realm NAME --users realm_file`): names, addresses and passwords of
//! its users. Second factors, roles, groups and attributes are not taken over. Who has a UUID there keeps it.

use portcullis::hash_forms::{self, Argon2, Digest};
use portcullis_domain::accounts::Import;
use serde_json::Value;

use super::draft::{Draft, Field};
use super::members::{Object, object, text, truth, whole};
use super::{base64, printable};

/// A user of the list `users`.
pub(super) fn account(user: &Object) -> Result<Import, String> {
    if text(user, "serviceAccountClientId")?.is_some() {
        return Err("is the service account of a client, not a person".to_owned());
    }
    let mut draft = Draft::default();
    let email = text(user, "email")?;
    if let Some(email) = email {
        draft.set(Field::Email, email);
    }
    // Realms that log in by address repeat it as the username.
    let is_email = |name: &str| email.is_some_and(|email| email.eq_ignore_ascii_case(name));
    if let Some(name) = text(user, "username")?.filter(|name| !is_email(name)) {
        draft.set(Field::Username, name);
    }
    if let Some(id) = text(user, "id")? {
        draft.keep_id(id);
    }
    draft.verified(truth(user, "emailVerified")?.unwrap_or(false));
    draft.enabled(truth(user, "enabled")?.unwrap_or(true));
    if let Some(millis) = whole(user, "createdTimestamp")? {
        draft.opened(millis);
    }
    match password(user) {
        Ok(None) => {}
        Ok(Some(hash)) => draft.set(Field::PasswordHash, &hash),
        Err(why) => draft.refuse(Field::PasswordHash, why),
    }
    draft.finish()
}

/// The first credential of the type `password` as one line.
fn password(user: &Object) -> Result<Option<String>, String> {
    let credentials = match user.get("credentials") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(credentials)) => credentials,
        Some(_) => return Err("credentials: must be a list".to_owned()),
    };
    let is_password = |one: &&Object| one.get("type").and_then(Value::as_str) == Some("password");
    match credentials.iter().filter_map(Value::as_object).find(is_password) {
        Some(credential) => hash(credential).map(Some),
        None => Ok(None),
    }
}

fn hash(credential: &Object) -> Result<String, String> {
    let secret = inner(credential, "secretData")?;
    let data = inner(credential, "credentialData")?;
    let missing = |name: &str| format!("{name} is missing");
    let value = text(&secret, "value")?.ok_or_else(|| missing("secretData.value"))?;
    let algorithm = text(&data, "algorithm")?.ok_or_else(|| missing("credentialData.algorithm"))?;
    let iterations = whole(&data, "hashIterations")?.ok_or_else(|| missing("credentialData.hashIterations"));
    if algorithm == "bcrypt" {
        // What the extension writes is one line already.
        return Ok(value.to_owned());
    }
    let bytes = |name: &str, text: &str| base64::decode(text).ok_or_else(|| format!("secretData.{name} is not base64"));
    let hash = bytes("value", value)?;
    let salt = bytes("salt", text(&secret, "salt")?.ok_or_else(|| missing("secretData.salt"))?)?;
    match algorithm {
        "pbkdf2" => Ok(hash_forms::pbkdf2(Digest::Sha1, iterations?, &salt, &hash)),
        "pbkdf2-sha256" => Ok(hash_forms::pbkdf2(Digest::Sha256, iterations?, &salt, &hash)),
        "pbkdf2-sha512" => Ok(hash_forms::pbkdf2(Digest::Sha512, iterations?, &salt, &hash)),
        "argon2" => argon2(&data, iterations?, &salt, &hash),
        other => Err(format!("there is no hash algorithm {} here", printable(other, 40))),
    }
}

fn argon2(data: &Object, iterations: u64, salt: &[u8], hash: &[u8]) -> Result<String, String> {
    let parameters = object(data, "additionalParameters")?;
    // Each parameter is a list of one text.
    let parameter = |name: &str| {
        let value = parameters.and_then(|parameters| parameters.get(name));
        let value = value.and_then(|value| value.get(0).or(Some(value))).and_then(Value::as_str);
        value.ok_or_else(|| format!("credentialData.additionalParameters.{name} is missing"))
    };
    let number = |name: &str| {
        let text = parameter(name)?;
        text.parse::<u64>().map_err(|_| format!("additionalParameters.{name} must be a whole number"))
    };
    let variant = match parameter("type")? {
        variant @ ("id" | "i" | "d") => variant,
        _ => return Err("additionalParameters.type must be id, i or d".to_owned()),
    };
    let version = match parameter("version")? {
        "1.3" => 19,
        "1.0" => 16,
        _ => return Err("additionalParameters.version must be 1.3 or 1.0".to_owned()),
    };
    let (memory_kib, lanes) = (number("memory")?, number("parallelism")?);
    Ok(hash_forms::argon2(Argon2 { variant, version, memory_kib, iterations, lanes }, salt, hash))
}

/// JSON within a text, or the object itself.
fn inner(credential: &Object, name: &str) -> Result<Object, String> {
    match credential.get(name) {
        Some(Value::Object(inner)) => Ok(inner.clone()),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| format!("{name} is not a JSON object")),
        _ => Err(format!("{name} is missing: only exports of Keycloak 8 and later have it")),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;
    use portcullis_domain::accounts::{UserStatus, Username};
    use serde_json::{Value, json};

    use crate::exchange::Format;
    use crate::exchange::tests::{only, rows};

    const VALUE: &str = "MyTfeiKzXqIOHlCVWE5ajmErtOCxqjhS84U8mFXD8Js0GXfnqh3DODyAVdn/HuCCsdqL6QIpI77YbMIEgtUrWQ==";

    fn user(algorithm: &str, parameters: &Value) -> serde_json::Value {
        let secret = json!({ "value": VALUE, "salt": "AAECAwQFBgcICQoLDA0ODw==", "additionalParameters": {} });
        let data = json!({ "hashIterations": 27500, "algorithm": algorithm, "additionalParameters": parameters });
        json!({
            "id": "7b8d1c0e-3c1f-4f7e-9d0a-1f2e3d4c5b6a", "createdTimestamp": 1_700_000_000_123_i64, "username": "ada",
            "enabled": false, "totp": true, "emailVerified": true, "email": "ada@example.com", "realmRoles": ["x"],
            "credentials": [
                { "type": "otp", "secretData": "{}", "credentialData": "{}" },
                { "type": "password", "secretData": secret.to_string(), "credentialData": data.to_string() },
            ],
        })
    }

    fn one_line(algorithm: &str, parameters: &Value) -> Result<Option<String>, String> {
        let realm = json!({ "realm": "shop", "users": [user(algorithm, parameters)] });
        only(realm.to_string().as_bytes(), Format::Keycloak).map(|account| account.password_hash)
    }

    #[test]
    fn a_keycloak_user_keeps_id_name_address_state_and_password() {
        let realm = json!({ "realm": "shop", "users": [user("pbkdf2-sha256", &json!({}))] });
        let account = only(realm.to_string().as_bytes(), Format::Keycloak).unwrap();
        assert_eq!(account.id.map(|id| id.to_string()).as_deref(), Some("7b8d1c0e-3c1f-4f7e-9d0a-1f2e3d4c5b6a"));
        assert_eq!(account.username.as_ref().map(Username::as_str), Some("ada"));
        assert_eq!((account.email.as_str(), account.email_verified), ("ada@example.com", true));
        assert_eq!(account.status, UserStatus::Disabled);
        assert_eq!(account.created_at.map(Timestamp::as_unix_micros), Some(1_700_000_000_123_000));
        let value = VALUE.trim_end_matches('=');
        let expected = format!("$pbkdf2-sha256$i=27500,l=64$AAECAwQFBgcICQoLDA0ODw${value}");
        assert_eq!(account.password_hash, Some(expected));
    }

    #[test]
    fn every_algorithm_of_keycloak_becomes_one_line_and_others_are_refused() {
        for (algorithm, head) in
            [("pbkdf2", "$pbkdf2-sha1$i=27500,l=64$"), ("pbkdf2-sha512", "$pbkdf2-sha512$i=27500,l=64$")]
        {
            let hash = one_line(algorithm, &json!({})).unwrap().unwrap();
            assert!(hash.starts_with(head), "{hash}");
        }
        let argon2 = json!({
            "hashLength": ["64"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"],
        });
        let hash = one_line("argon2", &argon2).unwrap().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=27500,p=1$AAECAwQFBgcICQoLDA0ODw$"), "{hash}");
        let missing = one_line("argon2", &json!({ "type": ["id"] })).err().unwrap();
        assert_eq!(missing, "password_hash: credentialData.additionalParameters.version is missing");
        let unknown = one_line("md5\n", &json!({})).err().unwrap();
        assert_eq!(unknown, "password_hash: there is no hash algorithm \"md5\\n\" here");
    }

    #[test]
    fn keycloak_users_that_are_no_people_or_have_no_address_are_refused_and_an_address_as_name_is_no_name() {
        let realm = json!({ "users": [
            { "username": "service-account-x", "serviceAccountClientId": "x" },
            { "username": "ada" },
            { "username": "Ada@Example.com", "email": "ada@example.com", "id": "legacy-7" },
            { "username": "a b", "email": "b@example.com" },
            { "email": "c@example.com", "credentials": [{ "type": "password", "hashedSaltedValue": "x" }] },
        ] });
        let found = rows(realm.to_string().as_bytes(), Format::Keycloak);
        let told = |at: usize| found[at].account.as_ref().err().cloned().unwrap_or_default();
        assert_eq!(told(0), "is the service account of a client, not a person");
        assert_eq!(told(1), "email: is missing: an account has an address");
        assert!(found[2].account.as_ref().is_ok_and(|account| account.username.is_none() && account.id.is_none()));
        assert!(told(3).starts_with("username: "));
        assert_eq!(told(4), "password_hash: secretData is missing: only exports of Keycloak 8 and later have it");
    }
}
