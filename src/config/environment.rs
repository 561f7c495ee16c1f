//! Settings from the environment: each has one name or two, a secret also the path of a file.

use std::collections::BTreeMap;

use super::ConfigError;
use super::knobs::{KNOBS, Knob};
use super::layers::{Value, unknown};

/// What is set, by its name.
type Environment = BTreeMap<String, String>;

/// Reads all settings; two names of one setting must agree.
pub(super) fn read(environment: &Environment, values: &mut BTreeMap<&'static str, Value>) -> Result<(), ConfigError> {
    for (name, text) in environment {
        refuse_mistyped(name, text)?;
    }
    for knob in KNOBS {
        let mut found: Vec<Value> = from_flask(knob, environment)?.into_iter().collect();
        for name in [Some(knob.env()), knob.short.map(str::to_owned)].into_iter().flatten() {
            found.extend(by_name(knob, &name, environment)?);
        }
        let differ = found.windows(2).find(|pair| pair[0].text.trim() != pair[1].text.trim());
        if let Some([one, other]) = differ {
            let problem = format!("{} is set too, to something else: remove one", one.origin);
            return Err(ConfigError::new(knob.key, &other.origin, problem));
        }
        values.extend(found.pop().map(|value| (knob.key, value)));
    }
    Ok(())
}

/// The value under this name, or in the file that `NAME_FILE` names.
fn by_name(knob: &Knob, name: &str, environment: &Environment) -> Result<Option<Value>, ConfigError> {
    let plain = environment.get(name).filter(|text| !text.is_empty() || knob.may_be_empty());
    let file_name = format!("{name}_FILE");
    let Some(path) = environment.get(&file_name).filter(|path| knob.secret && !path.is_empty()) else {
        return Ok(plain.map(|text| Value { text: text.clone(), origin: name.to_owned() }));
    };
    if plain.is_some() {
        return Err(ConfigError::new(knob.key, &file_name, format!("{name} is set too: remove one")));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(knob.key, &file_name, format!("the file {path} cannot be read: {error}")))?;
    Ok(Some(Value { text: text.trim().to_owned(), origin: format!("{file_name} ({path})") }))
}

/// The names that the Flask services used.
fn from_flask(knob: &Knob, environment: &Environment) -> Result<Option<Value>, ConfigError> {
    let set = |name: &str| environment.get(name).filter(|text| !text.is_empty());
    match knob.key {
        "events.amqp_url" => {
            let port = set("RABBITMQ_PORT").filter(|text| !is_link(text));
            let wrong = |problem: String| Err(ConfigError::new(knob.key, "RABBITMQ_PORT", problem));
            let port = match (set("RABBITMQ_HOST"), port) {
                (None, None) => return Ok(None),
                (None, Some(_)) => return wrong("RABBITMQ_HOST is not set: set it too, or remove this".to_owned()),
                (Some(_), None) => 5672,
                (Some(_), Some(text)) => match text.trim().parse::<u16>() {
                    Ok(port @ 1..) => port,
                    _ => return wrong(format!("'{text}' is not valid: it must be a whole number from 1 to 65535")),
                },
            };
            let host = set("RABBITMQ_HOST").map(|host| host.trim()).unwrap_or_default();
            let text = format!("amqp://guest:guest@{host}:{port}/%2f");
            Ok(Some(Value { text, origin: "RABBITMQ_HOST".to_owned() }))
        }
        "events.queue" => {
            let value = |text: &String| Value { text: text.clone(), origin: "RABBITMQ_QUEUE".to_owned() };
            Ok(set("RABBITMQ_QUEUE").map(value))
        }
        _ => Ok(None),
    }
}

/// A name that was meant to be one of ours and is not: in other letters, with single underscores, or of no setting.
fn refuse_mistyped(name: &str, text: &str) -> Result<(), ConfigError> {
    let plain = levelled(name);
    let Some(rest) = plain.strip_prefix("PORTCULLIS_") else { return Ok(()) };
    if KNOBS.iter().any(|knob| names(knob).any(|known| known == name)) || is_of_a_container(name, text) {
        return Ok(());
    }
    let alike = |knob: &Knob| {
        let short = knob.short.map(|short| format!("PORTCULLIS_{short}"));
        names(knob).map(|known| levelled(&known)).chain(short).any(|known| known == plain)
    };
    if let Some(knob) = KNOBS.iter().find(|knob| alike(knob)) {
        let ending = if knob.secret && plain.ends_with("_FILE") { "_FILE" } else { "" };
        let problem = format!("there is no variable of this name; did you mean {}{ending}?", knob.env());
        return Err(ConfigError::new(knob.key, name, problem));
    }
    let is_ours = name.to_uppercase().starts_with("PORTCULLIS__")
        || KNOBS
            .iter()
            .filter_map(|knob| knob.key.split_once('.'))
            .any(|(section, _)| rest.strip_prefix(&section.to_uppercase()).is_some_and(|rest| rest.starts_with('_')));
    if is_ours {
        let key = rest.to_lowercase().replacen('_', ".", 1);
        return Err(unknown(name, &key, Knob::env));
    }
    Ok(())
}

/// The names of a setting that begin with ours.
fn names(knob: &Knob) -> impl Iterator<Item = String> {
    let file = knob.secret.then(|| format!("{}_FILE", knob.env()));
    std::iter::once(knob.env()).chain(file)
}

/// In capitals, with single underscores.
fn levelled(name: &str) -> String {
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    words.join("_").to_uppercase()
}

/// What Kubernetes and Docker tell a container of a service that happens to be called like a setting of ours.
fn is_of_a_container(name: &str, text: &str) -> bool {
    let numbered = name.split("_PORT_").nth(1).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || is_link(text)
}

/// An address as Kubernetes and Docker write it under `NAME_PORT`.
fn is_link(text: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme))
}
