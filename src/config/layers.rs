//! Where values come from: TOML file < environment < flags, each value with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::knobs::{self, KNOBS, Knob};
use super::{ConfigError, environment};

/// A value and where it stands.
#[derive(Clone)]
pub struct Value {
    /// The text; TOML numbers, booleans and arrays of strings become text.
    pub text: String,
    /// For messages: `config.toml`, `DATABASE_URL`, `--port`.
    pub origin: String,
}

/// The places to look.
#[derive(Clone, Default)]
pub struct Sources {
    /// A TOML file; it must exist.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Flags as (key, value, flag).
    pub flags: Vec<(&'static str, String, &'static str)>,
}

impl Sources {
    /// The process's environment, and nothing else yet.
    pub fn from_process() -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { environment, ..Self::default() }
    }

    /// The values by key; unknown keys are errors that name the nearest known one.
    pub fn read(&self) -> Result<BTreeMap<&'static str, Value>, ConfigError> {
        let mut values = BTreeMap::new();
        if let Some(path) = &self.file {
            read_file(path, &mut values)?;
        }
        environment::read(&self.environment, &mut values)?;
        for (key, text, flag) in &self.flags {
            values.insert(*key, Value { text: text.clone(), origin: (*flag).to_owned() });
        }
        Ok(values)
    }
}

fn read_file(path: &Path, values: &mut BTreeMap<&'static str, Value>) -> Result<(), ConfigError> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new("config", &origin, format!("the file cannot be read: {error}")))?;
    // The parser's own text would repeat the line, and with it a secret.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::new("config", &origin, format!("line {line} is not TOML: {}", error.message()))
    })?;
    flatten("", &table, &origin, values)
}

fn flatten(
    prefix: &str,
    table: &toml::Table,
    origin: &str,
    values: &mut BTreeMap<&'static str, Value>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let toml::Value::Table(inner) = value {
            flatten(&key, inner, origin, values)?;
            continue;
        }
        let knob = knobs::find(&key).ok_or_else(|| unknown(origin, &key, |knob| knob.key.to_owned()))?;
        let text = scalar(value).ok_or_else(|| {
            ConfigError::new(knob.key, origin, "must be a text, a number or a truth value".to_owned())
        })?;
        values.insert(knob.key, Value { text, origin: origin.to_owned() });
    }
    Ok(())
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// There is no such setting; `shown` says how the nearest one is called where this one stands.
pub(super) fn unknown(origin: &str, key: &str, shown: impl Fn(&Knob) -> String) -> ConfigError {
    let wanted = key.to_lowercase();
    let near = |knob: &Knob| {
        let last = knob.key.rsplit('.').next().unwrap_or_default();
        let names = [knob.key, last, knob.short.unwrap_or_default(), &knob.env()].map(str::to_lowercase);
        names.iter().map(|name| strsim::jaro_winkler(name, &wanted)).fold(0.0, f64::max)
    };
    // Of several that are as near, the first in the table.
    let nearest = KNOBS.iter().rev().max_by(|a, b| near(a).total_cmp(&near(b)));
    let hint = nearest.map_or_else(String::new, |knob| format!("; did you mean {}?", shown(knob)));
    ConfigError::new(key, origin, format!("there is no such setting{hint}"))
}
