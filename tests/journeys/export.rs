//! Writing accounts out: what was brought in comes out again, and hashes only for who asks.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::api::{Api, Person};
use crate::operator::{argument, call, call_with_input, file, migrated};
use crate::place::Place;

const HASH: &str = "$2b$04$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6";

/// Accounts with every field in every state.
fn people() -> String {
    let mut lines = String::new();
    for number in 0..1_200 {
        let mut line = json!({
            "id": format!("0199a5f2-7c00-7000-8000-{number:012x}"),
            "email": format!("=p{number}+x'@example.com"),
            "email_verified": number % 2 == 0,
            "status": if number % 3 == 0 { "disabled" } else { "active" },
            "created_at": format!("2026-11-21T10:00:00.{number:06}Z"),
        });
        if number % 5 != 0 {
            line["username"] = json!(format!("p-{number}"));
        }
        if number % 7 != 0 {
            line["password_hash"] = json!(HASH);
        }
        lines.push_str(&format!("{line}\n"));
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_brought_in_comes_out_again_and_into_another_database_and_out_the_same() {
    let (here, there) = (Place::sqlite(), Place::postgres().await);
    let (first, second) = (migrated(&here), migrated(&there));
    let from = file(&here, "people.jsonl", people());
    call(&first, &["users", "import", argument(&from)]).expect(0);
    for format in ["jsonl", "csv"] {
        let exported = call(&first, &["users", "export", "--with-hashes", "--format", format]).expect(0).out;
        let flags = ["users", "import", "-", "--format", format, "--json"];
        let summary = call_with_input(&second, &flags, exported.as_bytes()).expect(0).json();
        assert_eq!(summary["rows"], 1_200);
        let again = call(&second, &["users", "export", "--with-hashes", "--format", format]).expect(0).out;
        assert!(again == exported, "the {format} export of the second database is that of the first");
        if format == "jsonl" {
            let parse = |text: &str| -> Vec<serde_json::Value> {
                text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
            };
            let trimmed = people().replace("00.000000Z", "00Z");
            let (brought, out) = (parse(&trimmed), parse(&exported));
            assert_eq!(out.len(), brought.len());
            for (brought, out) in brought.iter().zip(&out) {
                for (name, value) in
                    brought.as_object().expect("an object").iter().filter(|(name, _)| *name != "created_at")
                {
                    assert_eq!(&out[name.as_str()], value, "{out}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b51_no_cell_of_an_export_is_a_formula() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let from = file(&place, "people.jsonl", people());
    call(&settings, &["users", "import", argument(&from)]).expect(0);
    let text = call(&settings, &["users", "export", "--format", "csv"]).expect(0).out;
    assert!(text.starts_with("\"id\",\"username\",\"email\",\"email_verified\",\"status\",\"created_at\"\n"), "{text}");
    assert!(text.contains("\"'=p7+x'@example.com\""));
    for cell in text.split(['\n', ',']) {
        let bare = cell.trim_matches('"');
        assert!(!bare.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_leave_only_when_asked_for_into_a_file_of_its_owner_and_the_trail_tells() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let settings = migrated(&place);
        let service = settings.start().await;
        Api::at(&service.url).register(&Person::new()).await.expect(201);
        service.stop().await;
        let told =
            |settings| call(settings, &["audit", "tail", "--json", "--action", "account.export_hashes"]).expect(0);

        let plain = place.dir().join("plain.csv");
        let said = call(&settings, &["users", "export", argument(&plain)]).expect(0);
        assert!(said.out.starts_with("1 accounts are in "), "{said:?}");
        let text = std::fs::read_to_string(&plain).expect("the export");
        assert!(
            text.contains("@example.com") && !text.contains("$argon2") && !text.contains("password_hash"),
            "{text}"
        );
        assert!(told(&settings).lines().is_empty());

        let secret = place.dir().join("secret.jsonl");
        call(&settings, &["users", "export", "--with-hashes", argument(&secret)]).expect(0);
        assert!(std::fs::read_to_string(&secret).expect("the export").contains("$argon2id$"));
        for path in [&plain, &secret] {
            let mode = std::fs::metadata(path).expect("the file").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        let entries = told(&settings).lines();
        assert_eq!(entries.len(), 1);
        assert_eq!((&entries[0]["actor"], &entries[0]["outcome"]), (&json!("operator"), &json!("success")));

        let again = call(&settings, &["users", "export", "--with-hashes", argument(&secret)]).expect(1);
        assert!(again.err.contains("exists already"), "{again:?}");
        assert_eq!(told(&settings).lines().len(), 1, "nothing left, nothing to tell");
        let folder = std::fs::read_dir(place.dir()).expect("the folder");
        let names: Vec<_> = folder.map(|entry| entry.expect("an entry").file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().contains(".part")), "no draft is left: {names:?}");
        let full = call(&settings, &["users", "export", "/dev/full"]).expect(1);
        assert!(full.err.contains("/dev/full") || full.err.contains("not complete"), "{full:?}");
    }
}
