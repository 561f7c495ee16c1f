//! The forms in which files hold accounts.

use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;

/// A form of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON lines: one object a line.
    Jsonl,
    /// CSV with a header.
    Csv,
    /// A realm of Keycloak, exported with its users.
    Keycloak,
    /// Users of Auth0: JSON lines or a list.
    Auth0,
    /// Users of Firebase, exported as JSON.
    Firebase,
}

impl Format {
    /// By the name of the file; `None` when that leaves it open.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::Jsonl),
            // Any of the others may be called .json: their content tells.
            _ => None,
        }
    }

    /// By the beginning of the file; `None` when that leaves it open.
    pub(crate) fn of_content(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start();
        let has = |member: &str| text.contains(&format!("\"{member}\""));
        if text.starts_with('[') {
            return Some(Self::Auth0);
        }
        if !text.starts_with('{') {
            let header = text.lines().next().unwrap_or_default();
            let is_email = |cell: &str| cell.trim().trim_matches('"') == "email";
            return header.split(',').any(is_email).then_some(Self::Csv);
        }
        // A line that is an object of its own belongs to lines, unless it is a whole document.
        if let Some(Value::Object(line)) = text.lines().next().and_then(|line| serde_json::from_str(line).ok())
            && !line.contains_key("users")
        {
            let is_auth0 = ["passwordHash", "_id", "user_id", "custom_password_hash", "connection", "tenant"];
            return Some(if is_auth0.iter().any(|name| line.contains_key(*name)) { Self::Auth0 } else { Self::Jsonl });
        }
        if has("localId") {
            Some(Self::Firebase)
        } else if has("realm") || has("credentials") {
            Some(Self::Keycloak)
        } else {
            None
        }
    }
}

/// A form that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WrittenFormat {
    /// JSON lines: one object a line.
    Jsonl,
    /// CSV with a header; no cell of it is a formula.
    Csv,
}

impl WrittenFormat {
    /// By the name of the file; JSON lines when that leaves it open.
    pub(crate) fn of_name(path: Option<&Path>) -> Self {
        match path.and_then(Format::of_name) {
            Some(Format::Csv) => Self::Csv,
            _ => Self::Jsonl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_beginning() {
        for (head, format) in [
            (r#"{"email":"a@example.com"}"#, Some(Format::Jsonl)),
            ("\n{\"email\":\"a@example.com\"}\n{\"email\":", Some(Format::Jsonl)),
            ("id,email\n", Some(Format::Csv)),
            ("\"email\",\"username\"\r\n", Some(Format::Csv)),
            (r#"{"_id":{"$oid":"1"},"email":"a@example.com","passwordHash":"x"}"#, Some(Format::Auth0)),
            (r#"[{"email":"a@example.com"}]"#, Some(Format::Auth0)),
            ("{\n  \"users\": [\n  {\"localId\": \"x\",", Some(Format::Firebase)),
            (r#"{"users": [{"localId": "x", "email": "a@example.com"}]}"#, Some(Format::Firebase)),
            ("{\n  \"id\": \"x\",\n  \"realm\": \"shop\",", Some(Format::Keycloak)),
            (r#"{"users": [{"username": "x", "credentials": []}]}"#, Some(Format::Keycloak)),
            ("a;b;c\n", None),
            ("{\n \"x\": 1", None),
            ("", None),
        ] {
            assert_eq!(Format::of_content(head.as_bytes()), format, "{head}");
        }
        assert_eq!(Format::of_name(Path::new("people.CSV")), Some(Format::Csv));
        assert_eq!(Format::of_name(Path::new("people.json")), None);
        assert_eq!(Format::of_name(Path::new("-")), None);
    }
}
