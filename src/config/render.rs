//! The configuration as text: a template to start from, and what is in force.

use super::knobs::{KNOBS, Knob};
use super::{ConfigError, Sources};

/// A commented TOML file with every setting at its default.
pub fn template() -> String {
    let mut text = String::from(
        "# Portcullis. Each setting may also be given in the environment, by the name in brackets;\n\
         # secrets also as NAME_FILE, the path of a file that holds them.\n",
    );
    let mut section = "";
    for knob in sorted() {
        let (own, key) = knob.key.split_once('.').unwrap_or(("", knob.key));
        if own != section {
            text.push_str(&format!("\n[{own}]\n"));
            section = own;
        }
        text.push_str(&format!("\n# {} [{}]\n", knob.doc, knob.shown_env()));
        let value = knob.default.map_or_else(|| "\"\"".to_owned(), literal);
        text.push_str(&format!("# {key} = {value}\n"));
    }
    text
}

/// Each setting in force with its origin; secrets are redacted.
pub fn print(sources: &Sources, json: bool) -> Result<String, ConfigError> {
    let values = sources.read()?;
    let rows = sorted().into_iter().map(|knob| {
        let found = values.get(knob.key);
        let origin = found.map_or("default", |value| value.origin.as_str());
        let text = match (found, knob.secret) {
            (Some(_), true) => "[redacted]".to_owned(),
            (Some(value), false) => value.text.clone(),
            (None, _) => knob.default.unwrap_or("").to_owned(),
        };
        (knob.key, text, origin.to_owned())
    });
    if json {
        let rows: Vec<_> = rows
            .map(|(key, value, origin)| serde_json::json!({ "key": key, "value": value, "origin": origin }))
            .collect();
        return Ok(format!("{}\n", serde_json::Value::Array(rows)));
    }
    Ok(rows.map(|(key, value, origin)| format!("{key} = {}  # {origin}\n", literal(&value))).collect())
}

fn sorted() -> Vec<&'static Knob> {
    let mut knobs: Vec<&Knob> = KNOBS.iter().filter(|knob| !knob.key.contains('.')).collect();
    knobs.extend(KNOBS.iter().filter(|knob| knob.key.contains('.')));
    knobs
}

fn literal(text: &str) -> String {
    if text == "true" || text == "false" || (!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())) {
        text.to_owned()
    } else {
        toml::Value::String(text.to_owned()).to_string()
    }
}
