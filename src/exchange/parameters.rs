//! The hash parameters of a Firebase project, which its export does not hold.

use std::fmt;

use portcullis::hash_forms::FirebaseProject;
use serde_json::Value;

use super::base64;

/// What the console shows under Authentication, Users, Password hash parameters.
pub(crate) struct FirebaseParameters {
    signer_key: Vec<u8>,
    salt_separator: Vec<u8>,
    rounds: u32,
    mem_cost: u32,
}

impl fmt::Debug for FirebaseParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirebaseParameters([redacted])")
    }
}

impl FirebaseParameters {
    /// Reads the text of the console (`hash_config { … }`) or the same as a JSON object. The complaint names the
    /// parameter and never its value.
    pub(crate) fn parse(file: &str) -> Result<Self, String> {
        let pairs = pairs(file);
        let find = |name: &str| {
            let found = pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            found.filter(|value| !value.is_empty()).ok_or_else(|| format!("{name} is missing"))
        };
        if find("algorithm").is_ok_and(|name| name != "SCRYPT") {
            return Err("algorithm must be SCRYPT, the one of Firebase".to_owned());
        }
        let number = |name: &str| {
            let value = find(name)?;
            value.parse::<u32>().map_err(|_| format!("{name} must be a whole number"))
        };
        let bytes = |name: &str| base64::decode(find(name)?).ok_or_else(|| format!("{name} is not base64"));
        Ok(Self {
            signer_key: bytes("base64_signer_key")?,
            salt_separator: bytes("base64_salt_separator")?,
            rounds: number("rounds")?,
            mem_cost: number("mem_cost")?,
        })
    }

    /// What is part of each hash of the project.
    pub(super) fn project(&self) -> FirebaseProject<'_> {
        FirebaseProject {
            signer_key: &self.signer_key,
            salt_separator: &self.salt_separator,
            rounds: u64::from(self.rounds),
            mem_cost: u64::from(self.mem_cost),
        }
    }
}

fn pairs(file: &str) -> Vec<(String, String)> {
    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(file) {
        let object = match object.get("hash_config") {
            Some(Value::Object(inner)) => inner.clone(),
            _ => object,
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return object.into_iter().map(|(name, value)| (name, text(value))).collect();
    }
    let unquoted = |text: &str| text.trim().trim_matches('"').to_owned();
    file.lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(':'))
        .map(|(name, value)| (unquoted(name), unquoted(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";

    #[test]
    fn the_text_of_the_console_and_json_say_the_same() {
        let console = format!(
            "hash_config {{\n  algorithm: SCRYPT,\n  base64_signer_key: {KEY},\n  base64_salt_separator: Bw==,\n  \
             rounds: 8,\n  mem_cost: 14,\n}}\n"
        );
        let json = format!(
            r#"{{"base64_signer_key": "{KEY}", "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}}"#
        );
        for file in [console, format!(r#"{{"hash_config": {json}}}"#), json] {
            let read = FirebaseParameters::parse(&file).unwrap();
            assert_eq!(read.signer_key, base64::decode(KEY).unwrap());
            assert_eq!((read.salt_separator.as_slice(), read.rounds, read.mem_cost), (&[7][..], 8, 14));
            assert!(!format!("{read:?}").contains("jxspr"), "the key is never shown");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_without_its_value() {
        let broken = "algorithm: SCRYPT\nbase64_signer_key: hunter2!hunter2\nbase64_salt_separator: Bw==\n";
        assert_eq!(FirebaseParameters::parse(broken).err().as_deref(), Some("base64_signer_key is not base64"));
        assert_eq!(FirebaseParameters::parse("").err().as_deref(), Some("base64_signer_key is missing"));
        let foreign = FirebaseParameters::parse("algorithm: BCRYPT").err();
        assert_eq!(foreign.as_deref(), Some("algorithm must be SCRYPT, the one of Firebase"));
    }
}
