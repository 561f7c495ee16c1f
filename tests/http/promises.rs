//! Whether data of a new schema still is what readers of an old one were promised.

use serde_json::Value;

/// In which ways `new` breaks a promise of `old`, of what is said at `place`. More fields, more values of an open
/// choice, and fields that are there more often are no break; descriptions are no promise.
pub(crate) fn breaks(old: &Value, new: &Value, place: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for word in ["const", "format", "pattern", "enum"] {
        if !old[word].is_null() && old[word] != new[word] {
            broken.push(format!("{place}: {word} was {} and is {}", old[word], new[word]));
        }
    }
    let types = list(&new["type"]);
    if !old["type"].is_null() && (types.is_empty() || types.iter().any(|kind| !list(&old["type"]).contains(kind))) {
        broken.push(format!("{place} was {} and is {}", old["type"], new["type"]));
    }
    for word in ["additionalProperties", "unevaluatedProperties"] {
        if new[word] == false {
            broken.push(format!("{place}: an old copy of the schema would refuse the fields of tomorrow"));
        }
    }
    for name in list(&old["required"]).into_iter().filter(|name| !list(&new["required"]).contains(name)) {
        broken.push(format!("{place}: {name} was always there"));
    }
    for (name, property) in old["properties"].as_object().into_iter().flatten() {
        match new["properties"].get(name) {
            Some(now) => broken.extend(breaks(property, now, &format!("{place}.{name}"))),
            None => broken.push(format!("{place}.{name} is gone")),
        }
    }
    if !old["items"].is_null() {
        broken.extend(breaks(&old["items"], &new["items"], &format!("{place}[]")));
    }
    broken.extend(choice_breaks(&list(&old["anyOf"]), &list(&new["anyOf"]), place));
    broken
}

/// Named values stay, and only a choice that is open to other values may get more.
fn choice_breaks(old: &[Value], new: &[Value], place: &str) -> Vec<String> {
    let named = |one: &&Value| !one["const"].is_null();
    let is_open = old.iter().any(|one| one["const"].is_null() && one["type"] == "string" && one["format"].is_null());
    let gone = old.iter().filter(named).filter(|one| !new.contains(one));
    let gone = gone.map(|one| format!("{place}: the value {} is gone", one["const"]));
    let closed = (!old.is_empty() && new.is_empty()).then(|| format!("{place} is no choice any more"));
    let added = new.iter().filter(|one| !(old.is_empty() || old.contains(one) || is_open && named(one)));
    let added = added.map(|one| format!("{place} may now be {one}"));
    gone.chain(closed).chain(added).collect()
}

/// The items of a list; a value that is none is a list of itself.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["id", "name", "reason"],
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "name": { "type": ["string", "null"] },
                "reason": { "anyOf": [{ "const": "a", "type": "string" }, { "type": "string" }] },
                "ip": { "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "null" }] },
                "changed": { "type": "array", "items": { "type": "string" } },
            },
        })
    }

    /// The schema with something else at a pointer; null removes.
    fn with(pointer: &str, value: &Value) -> Value {
        let mut schema = schema();
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        let members = schema.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            members.remove(last);
        } else {
            members.insert(last.to_owned(), value.clone());
        }
        schema
    }

    #[test]
    fn growing_breaks_nobody() {
        let open =
            json!([{ "const": "a", "type": "string" }, { "const": "b", "type": "string" }, { "type": "string" }]);
        for (pointer, value) in [
            ("/description", json!("Other words.")),
            ("/properties/new", json!({ "type": "object" })),
            ("/required", json!(["id", "name", "reason", "ip"])),
            ("/properties/name/type", json!("string")),
            ("/properties/reason/anyOf", open),
            ("/properties/changed/minItems", json!(1)),
        ] {
            assert_eq!(breaks(&schema(), &with(pointer, &value), "it"), Vec::<String>::new(), "{pointer}");
        }
    }

    #[test]
    fn removing_renaming_retyping_and_closing_are_seen() {
        let more = json!([{ "type": "string", "format": "ipv4" }, { "type": "null" }, { "type": "integer" }]);
        for (pointer, value) in [
            ("/properties/id", Value::Null),
            ("/properties/changed", Value::Null),
            ("/properties/id/type", json!("integer")),
            ("/properties/id/type", json!(["string", "null"])),
            ("/properties/id/type", Value::Null),
            ("/properties/id/format", json!("date-time")),
            ("/properties/id/format", Value::Null),
            ("/required", json!(["id", "reason"])),
            ("/required", Value::Null),
            ("/properties/reason/anyOf", json!([{ "type": "string" }])),
            ("/properties/reason/anyOf", json!([{ "const": "b", "type": "string" }, { "type": "string" }])),
            ("/properties/reason/anyOf", Value::Null),
            ("/properties/ip/anyOf", more),
            ("/properties/changed/items/type", json!("object")),
            ("/properties/changed/items", Value::Null),
            ("/additionalProperties", json!(false)),
            ("/properties", Value::Null),
            ("/type", json!("array")),
        ] {
            assert_ne!(breaks(&schema(), &with(pointer, &value), "it"), Vec::<String>::new(), "{pointer} {value}");
        }
        assert_ne!(breaks(&schema(), &Value::Null, "it"), Vec::<String>::new(), "the whole event is gone");
    }
}
