//! Auth0: the export of users with their passwords that support makes (JSON lines, `passwordHash`), and files for the
//! bulk import (a JSON list, `password_hash` or `custom_password_hash`). Metadata and social identities are not taken
//! over.

use std::io::BufRead;

use portcullis::hash_forms;
use portcullis_domain::accounts::Import;
use serde_json::Value;

use super::draft::{Draft, Field};
use super::members::{Object, object, text, truth, whole};
use super::{Broken, Taker, base64, document, json_lines, printable};

/// Reads lines, or a list.
pub(super) fn read(mut input: impl BufRead, take: Taker<'_>) -> Result<(), Broken> {
    let first = input.fill_buf()?.trim_ascii_start().first().copied();
    match first {
        Some(b'[') => document::read(input, "users", &account, take),
        _ => json_lines::read(input, &|user: Object| account(&user), take),
    }
}

fn account(user: &Object) -> Result<Import, String> {
    let mut draft = Draft::default();
    if let Some(email) = text(user, "email")? {
        draft.set(Field::Email, email);
    }
    if let Some(name) = text(user, "username")? {
        draft.set(Field::Username, name);
    }
    draft.verified(truth(user, "email_verified")?.unwrap_or(false));
    draft.enabled(!truth(user, "blocked")?.unwrap_or(false));
    match user.get("created_at") {
        None | Some(Value::Null) => {}
        Some(Value::String(instant)) => draft.set(Field::CreatedAt, instant),
        // As the database behind it writes instants.
        Some(instant) => match instant.get("$date").and_then(Value::as_str) {
            Some(instant) => draft.set(Field::CreatedAt, instant),
            None => draft.refuse(Field::CreatedAt, "must be an RFC 3339 instant"),
        },
    }
    match password(user) {
        Ok(None) => {}
        Ok(Some(hash)) => draft.set(Field::PasswordHash, &hash),
        Err(why) => draft.refuse(Field::PasswordHash, why),
    }
    draft.finish()
}

fn password(user: &Object) -> Result<Option<String>, String> {
    if let Some(hash) = text(user, "passwordHash")? {
        return Ok(Some(hash.to_owned()));
    }
    match user.get("password_hash") {
        None | Some(Value::Null) => object(user, "custom_password_hash")?.map(custom).transpose(),
        Some(Value::String(hash)) => Ok(Some(hash.clone())),
        Some(Value::Object(hash)) => custom(hash).map(Some),
        Some(_) => Err("must be a text or an object".to_owned()),
    }
}

/// The hash with its algorithm beside it.
fn custom(described: &Object) -> Result<String, String> {
    let missing = |name: &str| format!("{name} is missing");
    let algorithm = text(described, "algorithm")?.ok_or_else(|| missing("algorithm"))?;
    let hash = object(described, "hash")?.ok_or_else(|| missing("hash"))?;
    match algorithm {
        // One line already.
        "argon2" | "bcrypt" | "pbkdf2" | "ldap" => {
            text(hash, "value")?.map(str::to_owned).ok_or_else(|| missing("hash.value"))
        }
        "scrypt" => {
            let number = |name: &str| whole(described, name)?.ok_or_else(|| missing(name));
            let salt = object(described, "salt")?.ok_or_else(|| missing("salt"))?;
            let (n, r, p) = (number("cost")?, number("blockSize")?, number("parallelization")?);
            let written = hash_forms::scrypt(n, r, p, &bytes(salt, "salt")?, &bytes(hash, "hash")?);
            written.ok_or_else(|| "cost must be a power of two".to_owned())
        }
        other => Err(format!("there is no hash algorithm {} here", printable(other, 40))),
    }
}

fn bytes(value: &Object, name: &str) -> Result<Vec<u8>, String> {
    let encoded = text(value, "value")?.ok_or_else(|| format!("{name}.value is missing"))?;
    match text(value, "encoding")?.unwrap_or("base64") {
        "base64" => base64::decode(encoded).ok_or_else(|| format!("{name}.value is not base64")),
        "hex" => unhex(encoded).ok_or_else(|| format!("{name}.value is not hexadecimal")),
        "utf8" => Ok(encoded.as_bytes().to_vec()),
        _ => Err(format!("{name}.encoding must be base64, hex or utf8")),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;
    use portcullis_domain::accounts::UserStatus;
    use serde_json::json;

    use crate::exchange::Format;
    use crate::exchange::tests::{only, rows};

    #[test]
    fn auth0_gives_lines_with_bcrypt_or_a_list_with_described_hashes() {
        let line = json!({
            "_id": { "$oid": "60425dc43519d90068f82973" }, "email_verified": true, "email": "ada@example.com",
            "passwordHash": "$2b$10$abc", "tenant": "shop", "connection": "Users", "_tmp_is_unique": true,
            "created_at": { "$date": "2021-03-05T16:35:16.775Z" },
        });
        let account = only(line.to_string().as_bytes(), Format::Auth0).unwrap();
        assert_eq!(account.password_hash.as_deref(), Some("$2b$10$abc"));
        assert_eq!(account.created_at.map(Timestamp::to_rfc3339).as_deref(), Some("2021-03-05T16:35:16.775Z"));
        assert!(account.email_verified && account.id.is_none());

        let scrypt = |cost: u64, salt: serde_json::Value| {
            json!({
                "algorithm": "scrypt", "hash": { "value": "aGFzaGhhc2hoYXNo", "encoding": "base64" }, "salt": salt,
                "keylen": 12, "cost": cost, "blockSize": 8, "parallelization": 1,
            })
        };
        let plain = |algorithm: &str, value: &str| json!({ "algorithm": algorithm, "hash": { "value": value } });
        let salts =
            [json!({ "value": "c2FsdA==", "encoding": "base64" }), json!({ "value": "73616c74", "encoding": "hex" })];
        let list = json!([
            { "email": "a@example.com", "password_hash": "$2a$10$abc", "blocked": true },
            { "email": "b@example.com", "custom_password_hash": scrypt(16_384, salts[0].clone()) },
            { "email": "c@example.com", "password_hash": scrypt(16_384, salts[1].clone()) },
            { "email": "d@example.com", "custom_password_hash": plain("argon2", "$argon2id$v=19$x") },
            { "email": "e@example.com", "custom_password_hash": plain("md5", "x") },
            { "email": "f@example.com", "custom_password_hash": scrypt(16_385, salts[0].clone()) },
            { "email": "g@example.com" },
        ]);
        let found = rows(list.to_string().as_bytes(), Format::Auth0);
        let hash = |at: usize| found[at].account.as_ref().map(|account| account.password_hash.as_deref());
        assert_eq!(hash(0), Ok(Some("$2a$10$abc")));
        assert!(found[0].account.as_ref().is_ok_and(|account| account.status == UserStatus::Disabled));
        assert_eq!(hash(1), Ok(Some("$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaGhhc2hoYXNo")));
        assert_eq!(hash(2), hash(1));
        assert_eq!(hash(3), Ok(Some("$argon2id$v=19$x")));
        assert_eq!(hash(4), Err(&"password_hash: there is no hash algorithm \"md5\" here".to_owned()));
        assert_eq!(hash(5), Err(&"password_hash: cost must be a power of two".to_owned()));
        assert_eq!(hash(6), Ok(None));
    }
}
