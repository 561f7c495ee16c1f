//! Names against other people's vectors.

use std::path::PathBuf;

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Email, LoginName, Password, Username};
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::origin::Origin;
use portcullis_domain::tokens::Scope;
use serde_json::Value;

use crate::world::{World, login};

/// A file of the shared vectors; without them the test says so and passes, except in CI.
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to see what was not run")]
fn vectors(file: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("PORTCULLIS_VECTORS").map_or_else(beside, PathBuf::from);
    match std::fs::read_to_string(folder.join(file)) {
        Ok(text) => Some(serde_json::from_str(&text).expect("a vector file is JSON")),
        Err(error) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => {
            panic!("CI needs the test vectors: {file} in PORTCULLIS_VECTORS or ../shared/vectors: {error}")
        }
        Err(_) => {
            println!("not run: there are no test vectors ({file}); set PORTCULLIS_VECTORS");
            None
        }
    }
}

/// Where we differ, and why.
const OURS: [(&str, &str); 1] =
    [("test@xn--example.com", "an ASCII label that decodes to nothing (RFC 5890 §2.3.2.1) is no domain (B22)")];

#[test]
#[expect(clippy::print_stdout, reason = "rows that are left out are counted aloud")]
fn isemail_agrees_about_what_is_an_address() {
    let (mut refused, mut accepted, mut free) = (0, 0, 0);
    let mut wrong = Vec::new();
    for file in ["isemail/tests.json", "isemail/tests-original.json"] {
        let Some(document) = vectors(file) else { return };
        for row in document["tests"].as_array().expect("rows") {
            let (address, category) = (row["address"].as_str().expect("text"), row["category"].as_str().expect("text"));
            let parsed = Email::parse(address);
            if let Ok(email) = &parsed {
                let clean = !email.as_str().chars().any(|c| c.is_control() || c.is_whitespace());
                assert!(clean, "{address:?} would carry a control character or a space into a message");
            }
            let by_login = matches!(LoginName::parse(address), Some(LoginName::Email(_)));
            assert_eq!(parsed.is_ok(), by_login, "{address:?}: register and login give the same answer");
            match category {
                _ if OURS.iter().any(|(ours, _)| *ours == address) => assert!(parsed.is_err(), "{address:?}"),
                "ISEMAIL_ERR" if parsed.is_ok() => wrong.push(format!("accepted {address:?} ({})", row["diagnosis"])),
                "ISEMAIL_ERR" => refused += 1,
                "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN" if parsed.is_err() => {
                    wrong.push(format!("refused {address:?} ({category}, {})", row["diagnosis"]));
                }
                "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN" => accepted += 1,
                _ => free += 1,
            }
        }
    }
    println!("isemail: {refused} refused, {accepted} accepted, {free} left to us");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(refused >= 140 && accepted >= 50, "only {refused} and {accepted} rows were judged");
}

#[tokio::test]
async fn hostile_strings_break_nothing_b48() {
    let Some(document) = vectors("blns/blns.json") else { return };
    let strings = document.as_array().expect("rows");
    assert!(strings.len() >= 500, "only {} strings", strings.len());
    let world = World::new().await;
    for text in strings {
        let text = text.as_str().expect("text");
        for text in [text.to_owned(), format!("{text}@example.com"), format!("ann@{text}"), format!("ann{text}")] {
            if let Ok(email) = Email::parse(&text) {
                assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email), "{text:?}");
            }
            if let Ok(name) = Username::parse(&text) {
                assert!(name.as_str().is_ascii(), "{text:?}");
            }
            if let Ok(scope) = Scope::parse(&text) {
                assert!(scope.to_string().is_ascii(), "{text:?}");
            }
            if let Some(agent) = Origin::keep_user_agent(&text) {
                assert!(!agent.contains(['\n', '\r', '\0']), "{text:?}");
            }
            let id = (text.parse::<UserId>(), text.parse::<SessionId>());
            assert!(id.0.is_err() && id.1.is_err(), "{text:?}");
            assert_eq!(Timestamp::parse_rfc3339(&text), None, "{text:?}");
            assert!(world.app.tokens.authenticate(&text).is_err(), "{text:?}");
            assert_eq!(world.app.tokens.introspect(&text, None).await.expect("an answer"), None, "{text:?}");
            if Password::present(text.clone()).is_ok() {
                let refused = world.app.sessions.log_in(login(&text, &text)).await;
                assert!(refused.is_err(), "{text:?}");
            }
        }
    }
    world.events().await;
}
