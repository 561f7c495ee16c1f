//! What every event that leaves the service must look like.

use std::collections::HashMap;

use uuid::Uuid;

use crate::broker::Received;
use crate::service::ISSUER;

/// Checks envelope and message of every event: CloudEvents 1.0 in structured mode, ids that consumers can deduplicate
/// by, per-subject order, and nothing secret (A117).
#[track_caller]
pub(crate) fn check_all(events: &[Received], secrets: &[&str]) {
    let mut last: HashMap<String, String> = HashMap::new();
    let mut bodies: HashMap<&str, &[u8]> = HashMap::new();
    for event in events {
        check_envelope(event);
        let text = String::from_utf8_lossy(&event.body);
        for secret in secrets {
            assert!(!text.contains(secret), "A117: an event carries a secret: {text}");
        }
        if let Some(before) = bodies.insert(&event.message_id, &event.body) {
            assert_eq!(before, event.body, "a duplicate has other bytes");
            continue;
        }
        let subject = event.json["subject"].as_str().expect("a subject").to_owned();
        let sequence = event.json["sequence"].as_str().expect("a sequence").to_owned();
        if let Some(before) = last.insert(subject.clone(), sequence.clone()) {
            assert!(before < sequence, "{subject}: {sequence} came after {before}");
        }
    }
}

#[track_caller]
fn check_envelope(event: &Received) {
    let text = |key: &str| {
        let value = event.json[key].as_str();
        value.unwrap_or_else(|| panic!("{key} is missing: {}", event.json)).to_owned()
    };
    assert_eq!(event.content_type, "application/cloudevents+json");
    assert!(event.persistent, "{} is not persistent", event.json);
    assert_eq!(text("specversion"), "1.0");
    assert_eq!(text("source"), ISSUER);
    assert_eq!(text("datacontenttype"), "application/json");
    assert_eq!(text("type"), format!("portcullis.{}.v1", event.routing_key));
    assert_eq!(text("dataschema"), format!("{ISSUER}/schemas/{}.json", text("type")));
    assert_eq!(text("sequence").len(), 20);
    let id = Uuid::parse_str(&text("id")).expect("the id is a UUID");
    assert_eq!(id.get_version_num(), 7, "the id is a UUIDv7");
    assert_eq!(text("id"), event.message_id);
    let time = text("time");
    let parsed = time::OffsetDateTime::parse(&time, &time::format_description::well_known::Rfc3339);
    assert!(parsed.is_ok() && time.ends_with('Z'), "{time} is not RFC 3339 in UTC");
    let subject = text("subject");
    match event.name() {
        // Refused logins keep no order: each is a subject of its own.
        "login.failed" => assert_eq!(subject, format!("logins/{id}")),
        _ => assert_eq!(subject, format!("users/{}", event.data("user_id"))),
    }
}
