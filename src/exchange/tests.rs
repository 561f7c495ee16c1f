//! Each format as it comes from its producer, and our own there and back.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Email, Import, PasswordHash, User, UserStatus, Username};
use portcullis_domain::ids::UserId;
use serde_json::json;

use super::{Broken, FirebaseParameters, Format, Record, Row, Writer, WrittenFormat, read};

pub(super) fn rows(bytes: &[u8], format: Format) -> Vec<Row> {
    rows_with(bytes, format, None)
}

pub(super) fn rows_with(bytes: &[u8], format: Format, firebase: Option<&FirebaseParameters>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut take = |row| {
        rows.push(row);
        true
    };
    read(bytes, format, firebase, &mut take).unwrap();
    rows
}

pub(super) fn only(bytes: &[u8], format: Format) -> Result<Import, String> {
    let mut rows = rows(bytes, format);
    assert_eq!(rows.len(), 1);
    rows.remove(0).account
}

fn refusal(value: &serde_json::Value) -> String {
    only(value.to_string().as_bytes(), Format::Jsonl).err().unwrap_or_else(|| panic!("{value} was taken"))
}

#[test]
fn a_line_of_json_has_every_field_of_an_account() {
    let line = json!({
        "id": "0199a5f2-7c00-7000-8000-000000000001", "username": "ada", "email": "ada@example.com",
        "email_verified": true, "status": "disabled", "password_hash": "$2b$04$x",
        "created_at": "2020-02-29T12:00:00+01:00",
    });
    let account = only(line.to_string().as_bytes(), Format::Jsonl).unwrap();
    assert_eq!(account.id.map(|id| id.to_string()).as_deref(), Some("0199a5f2-7c00-7000-8000-000000000001"));
    assert_eq!(account.username.as_ref().map(Username::as_str), Some("ada"));
    assert_eq!((account.email.as_str(), account.email_verified), ("ada@example.com", true));
    assert_eq!((account.status, account.password_hash.as_deref()), (UserStatus::Disabled, Some("$2b$04$x")));
    assert_eq!(account.created_at.map(Timestamp::to_rfc3339).as_deref(), Some("2020-02-29T11:00:00Z"));
    let least = only(br#"{"email": "ada@example.com", "username": null}"#, Format::Jsonl).unwrap();
    assert!(least.id.is_none() && least.username.is_none() && least.password_hash.is_none());
    assert_eq!((least.email_verified, least.status, least.created_at), (false, UserStatus::Active, None));
}

#[test]
fn all_that_is_wrong_with_a_row_is_told_by_field_with_the_nearest_known_name() {
    let wrong = json!({ "emial": 1, "username": "a", "email_verified": "yes", "status": "gone", "created_at": 5 });
    let told = refusal(&wrong);
    for part in [
        "there is no field \"emial\"; did you mean email?",
        "username: a username has at least 3 characters",
        "email_verified: must be true or false",
        "status: must be active or disabled",
        "created_at: must be a text",
        "email: is missing",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(refusal(&json!({ "email": "a@example.com", "id": "7" })).starts_with("id: must be a UUID"));
    let nil = json!({ "email": "a@example.com", "id": "00000000-0000-0000-0000-000000000000" });
    assert!(refusal(&nil).starts_with("id: must be a UUID"));
    assert_eq!(refusal(&json!({ "email": 7 })), "email: must be a text");
    let twice = only(br#"{"email": "a@example.com", "email": "b@example.com"}"#, Format::Jsonl);
    assert_eq!(twice.err().as_deref(), Some("email: is there twice"));
    let long = json!({ "email": "a@example.com", "password_hash": "x".repeat(5_000) });
    assert_eq!(refusal(&long), "password_hash: is longer than 4096 bytes");
}

#[test]
fn a_refusal_is_one_short_line_and_repeats_no_value() {
    let canary = "hunter2-canary";
    for line in [
        format!(r#"{{"email": "{canary}", "password_hash": ["{canary}"], "status": "{canary}", "id": "{canary}"}}"#),
        format!(r#"{{"email": "a@example.com", "password_hash": "{canary}"#),
        format!(r#"{{"email": "a@example.com"}} {canary}"#),
        format!(r#""{canary}""#),
        canary.to_owned(),
    ] {
        let told = only(line.as_bytes(), Format::Jsonl).err().unwrap();
        assert!(!told.contains(canary) && !told.contains('\n'), "{told}");
    }
    let many: String = (0..5_000).map(|number| format!("\"x{number}\\u001b\\n\": 1,")).collect();
    let told = only(format!("{{{many}\"email\": \"a@example.com\"}}").as_bytes(), Format::Jsonl).err().unwrap();
    assert!(told.len() < 2_000 && !told.contains(['\n', '\u{1b}']), "{told}");
}

#[test]
fn reading_ends_when_nobody_takes_any_more() {
    for (bytes, format) in [
        (&b"{\"email\":\"a@example.com\"}\n{\"email\":\"b@example.com\"}\n"[..], Format::Jsonl),
        (b"email\na@example.com\nb@example.com\n", Format::Csv),
        (br#"{"users": [{"email": "a@example.com"}, {"email": "b@example.com"}]}"#, Format::Keycloak),
    ] {
        let mut taken = 0;
        let ended = read(bytes, format, None, &mut |_| {
            taken += 1;
            false
        });
        assert!(matches!(ended, Err(Broken::Stopped)), "{ended:?}");
        assert_eq!(taken, 1);
    }
}

/// Pieces of the formats in any order.
const TOKENS: &str = concat!(
    r#"[\[{]?(("(email|users|id|status|credentials|passwordHash|password_hash)"|"x"|true|null|7|email"#,
    r#"|\{|\}|\[|\]|:|,|"|\\|\r|\n| ){1,3}){0,40}"#,
);

proptest::proptest! {
    #[test]
    fn no_file_whatever_is_in_it_makes_a_reader_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        text in TOKENS,
    ) {
        let formats = [Format::Jsonl, Format::Csv, Format::Keycloak, Format::Auth0, Format::Firebase];
        for bytes in [&bytes[..], text.as_bytes()] {
            for format in formats {
                let mut rows = 0_usize;
                // Whatever comes of it: an account, a refusal, a broken file.
                let _outcome = read(bytes, format, None, &mut |_| {
                    rows += 1;
                    true
                });
                assert!(rows <= bytes.len());
            }
        }
    }
}

fn user(email: &str, username: Option<&str>) -> User {
    let id: UserId = "0199a5f2-7c00-7000-8000-000000000002".parse().unwrap();
    let username = username.map(|name| Username::parse(name).unwrap());
    let opened = Timestamp::parse_rfc3339("2026-11-21T10:00:00.123456Z").unwrap();
    User { email_verified: true, ..User::new(id, username, Email::parse(email).unwrap(), opened) }
}

#[test]
fn what_is_written_reads_back_the_same_in_both_formats() {
    let hash = PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".to_owned());
    for user in [
        user("ada@example.com", Some("ada")),
        user("=1+1@example.com", None),
        user("'=x@example.com", None),
        user("o'brien{\u{4e2d}}@example.com", None),
    ] {
        for (written, format) in [(WrittenFormat::Jsonl, Format::Jsonl), (WrittenFormat::Csv, Format::Csv)] {
            for hash in [None, Some(&hash)] {
                let mut writer = Writer::new(Vec::new(), written, hash.is_some()).unwrap();
                writer.write(&Record::new(&user, hash)).unwrap();
                let bytes = writer.finish().unwrap();
                let account = only(&bytes, format).unwrap_or_else(|why| panic!("{why}"));
                assert_eq!(
                    (account.id, account.username, account.email),
                    (Some(user.id), user.username.clone(), user.email.clone())
                );
                assert_eq!((account.email_verified, account.status), (user.email_verified, user.status));
                assert_eq!(account.created_at, Some(user.created_at));
                assert_eq!(account.password_hash.as_deref(), hash.map(PasswordHash::as_str));
            }
        }
    }
}

#[test]
fn b51_a_written_address_is_no_formula() {
    let mut writer = Writer::new(Vec::new(), WrittenFormat::Csv, false).unwrap();
    writer.write(&Record::new(&user("=cmd|x!a0@example.com", None), None)).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert!(text.contains("\"'=cmd|x!a0@example.com\"") && !text.contains("\"="), "{text}");
}
