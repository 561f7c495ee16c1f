//! Typed access to the values found, with the checks of each kind.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::secret::SecretString;

use super::layers::Value;
use super::{Access, Config, ConfigError, NOT_SET, addresses, knobs, read_roles};

/// The values found, with typed access; what nobody set has its default.
pub(super) struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Over what the sources say.
    pub(super) fn new(found: BTreeMap<&'static str, Value>) -> Self {
        Self(found)
    }

    fn find(&self, key: &'static str) -> Option<Value> {
        let default = knobs::find(key).and_then(|knob| knob.default);
        let default = || default.map(|text| Value { text: text.to_owned(), origin: "the default".to_owned() });
        self.0.get(key).cloned().or_else(default)
    }

    pub(super) fn text(&self, key: &'static str) -> String {
        self.find(key).map(|value| value.text).unwrap_or_default()
    }

    fn error(&self, key: &'static str, problem: String) -> ConfigError {
        let origin = self.find(key).map_or_else(|| NOT_SET.to_owned(), |value| value.origin);
        ConfigError::new(key, &origin, problem)
    }

    /// Where each value stands that somebody set.
    pub(super) fn origins(&self) -> BTreeMap<&'static str, String> {
        self.0.iter().map(|(key, value)| (*key, value.origin.clone())).collect()
    }

    pub(super) fn parse<T>(
        &self,
        key: &'static str,
        want: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = self.text(key);
        let shown =
            if knobs::find(key).is_some_and(|knob| knob.secret) { "this".to_owned() } else { format!("'{text}'") };
        read(text.trim()).ok_or_else(|| self.error(key, format!("{shown} is not valid: it must be {want}")))
    }

    pub(super) fn number<T: TryFrom<u64>>(&self, key: &'static str, min: u64, max: u64) -> Result<T, ConfigError> {
        self.parse(key, &format!("a whole number from {min} to {max}"), |text| {
            text.parse::<u64>().ok().filter(|n| (min..=max).contains(n)).and_then(|n| T::try_from(n).ok())
        })
    }

    pub(super) fn optional_number<T: TryFrom<u64>>(
        &self,
        key: &'static str,
        min: u64,
        max: u64,
    ) -> Result<Option<T>, ConfigError> {
        if self.0.contains_key(key) { self.number(key, min, max).map(Some) } else { Ok(None) }
    }

    pub(super) fn truth(&self, key: &'static str) -> Result<bool, ConfigError> {
        self.parse(key, "true or false", |text| match text {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    pub(super) fn duration(
        &self,
        key: &'static str,
        min_seconds: u64,
        max_seconds: u64,
    ) -> Result<Duration, ConfigError> {
        let want = format!("a duration like 500ms, 10s, 15m, 12h or 30d, from {min_seconds}s to {max_seconds}s");
        self.parse(key, &want, |text| {
            let duration = read_duration(text)?;
            let range = Duration::from_secs(min_seconds)..=Duration::from_secs(max_seconds);
            range.contains(&duration).then_some(duration)
        })
    }

    pub(super) fn duration_or_off(
        &self,
        key: &'static str,
        min_seconds: u64,
        max_seconds: u64,
    ) -> Result<Option<Duration>, ConfigError> {
        if self.text(key).trim() == "off" { Ok(None) } else { self.duration(key, min_seconds, max_seconds).map(Some) }
    }

    pub(super) fn name(&self, key: &'static str) -> Result<String, ConfigError> {
        self.parse(key, "1 to 255 printable characters without spaces", |text| {
            let fine = !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_graphic());
            fine.then(|| text.to_owned())
        })
    }

    pub(super) fn secret_key(&self) -> Result<Option<SecretString>, ConfigError> {
        if !self.0.contains_key("secret_key") {
            return Ok(None);
        }
        let want = "at least 32 characters of high entropy, for instance from `openssl rand -base64 32`";
        self.parse("secret_key", want, |text| is_strong(text).then(|| Some(SecretString::new(text.to_owned()))))
    }

    pub(super) fn database_url(&self) -> Result<SecretString, ConfigError> {
        let want = "a URL that begins with sqlite:, postgres://, postgresql:// or memory:";
        self.parse("database.url", want, |text| {
            let known = ["sqlite:", "postgres://", "postgresql://", "memory:"];
            known.iter().any(|scheme| text.starts_with(scheme)).then(|| SecretString::new(text.to_owned()))
        })
    }

    pub(super) fn amqp_url(&self) -> Result<Option<SecretString>, ConfigError> {
        let form = "amqp://user:password@host:5672/vhost or amqps://…";
        self.url("events.amqp_url", form, addresses::amqp)
    }

    pub(super) fn redis_url(&self) -> Result<Option<SecretString>, ConfigError> {
        self.url("redis.url", "redis://user:password@host:6379/0 or rediss://…", addresses::redis)
    }

    fn url(
        &self,
        key: &'static str,
        form: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Option<SecretString>, ConfigError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let text = value.text.trim();
        check(text).map_err(|why| {
            let form = format!("it has the form {form}, with special characters of names and passwords as %XX");
            self.error(key, format!("this is not valid: {why}; {form}"))
        })?;
        Ok(Some(SecretString::new(text.to_owned())))
    }

    /// The name of an exchange or a queue that is to be declared.
    pub(super) fn declarable(&self, key: &'static str) -> Result<String, ConfigError> {
        self.parse(key, "1 to 255 bytes without control characters, and not begin with amq.", |text| {
            let fine = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
            (fine && !text.starts_with("amq.")).then(|| text.to_owned())
        })
    }

    pub(super) fn queue(&self) -> Result<Option<String>, ConfigError> {
        if self.text("events.queue").is_empty() { Ok(None) } else { self.declarable("events.queue").map(Some) }
    }

    pub(super) fn redis_prefix(&self) -> Result<String, ConfigError> {
        self.parse("redis.prefix", "1 to 64 letters, digits, dots, underscores, hyphens or colons", |text| {
            let fine = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':'));
            (fine && (1..=64).contains(&text.len())).then(|| text.to_owned())
        })
    }

    /// How long requests may take after the signal to stop: what follows them has to be done within 30 s, too.
    pub(super) fn drain_timeout(&self) -> Result<Duration, ConfigError> {
        let want = "a duration like 500ms or 10s, from 0s to 20s: the process ends within 30 s of SIGTERM, as those who \
                    stop it expect, and the outbox is emptied in what is left";
        self.parse("server.drain_timeout", want, |text| {
            read_duration(text).filter(|duration| *duration <= Duration::from_secs(20))
        })
    }

    pub(super) fn quota(&self, key: &'static str) -> Result<Option<Quota>, ConfigError> {
        let want = "off, or requests/duration like 300/150s: up to 1000000 requests, 1s to 1d";
        self.parse(key, want, |text| {
            if text == "off" {
                return Some(None);
            }
            read_quota(text).map(Some)
        })
    }

    /// The roles of the file that is named, if one is.
    pub(super) fn access(&self) -> Result<Access, ConfigError> {
        let Some(file) = self.0.get("access.file") else {
            return Ok(Access { roles: Vec::new(), origin: "the default".to_owned() });
        };
        let roles = read_roles(Path::new(&file.text)).map_err(|why| self.error("access.file", why))?;
        Ok(Access { roles, origin: format!("{} ({})", file.origin, file.text) })
    }

    pub(super) fn networks(&self, key: &'static str) -> Result<Vec<IpNet>, ConfigError> {
        self.parse(key, "networks like 10.0.0.0/8 or addresses, separated by commas", |text| {
            let network = |text: &str| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
            listed(text).map(network).collect()
        })
    }

    pub(super) fn allowed_origins(&self, key: &'static str) -> Result<Vec<String>, ConfigError> {
        let want = "origins like https://app.example.com, without path or wildcard, separated by commas";
        self.parse(key, want, |text| {
            listed(text)
                .map(|text| {
                    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
                    (url.origin().ascii_serialization() == text).then(|| text.to_owned())
                })
                .collect()
        })
    }

    pub(super) fn issuer(&self) -> Result<Option<String>, ConfigError> {
        if !self.0.contains_key("tokens.issuer") {
            return Ok(None);
        }
        let want = "an http:// or https:// URL without query, fragment, user or trailing slash";
        self.parse("tokens.issuer", want, |text| {
            let url = url::Url::parse(text).ok()?;
            let fine = matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
                && !text.ends_with('/');
            fine.then(|| Some(text.to_owned()))
        })
    }

    pub(super) fn clients(&self) -> Result<Vec<(String, SecretString)>, ConfigError> {
        if !self.0.contains_key("oauth.clients") {
            return Ok(Vec::new());
        }
        let want = "id:secret pairs separated by commas, each secret of at least 32 characters, each id once";
        self.parse("oauth.clients", want, |text| {
            let mut clients: Vec<(String, SecretString)> = Vec::new();
            for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
                let (id, secret) = pair.split_once(':')?;
                let printable = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
                let fine = !id.is_empty() && printable(id) && printable(secret) && is_strong(secret);
                if !fine || clients.iter().any(|(known, _)| known == id) {
                    return None;
                }
                clients.push((id.to_owned(), SecretString::new(secret.to_owned())));
            }
            Some(clients)
        })
    }

    pub(super) fn check_together(&self, config: &Config) -> Result<(), ConfigError> {
        if config.sessions.idle_ttl > config.sessions.absolute_ttl {
            return Err(self.error("sessions.idle_ttl", "must not be longer than sessions.absolute_ttl".to_owned()));
        }
        if config.tokens.access_ttl > config.sessions.idle_ttl {
            return Err(self.error("tokens.access_ttl", "must not be longer than sessions.idle_ttl".to_owned()));
        }
        if config.attempts.forgotten_after < config.attempts.longest_wait {
            let problem = "must not be shorter than attempts.longest_wait: guessing would never wait for so long";
            return Err(self.error("attempts.forgotten_after", problem.to_owned()));
        }
        if config.keys.every.is_some_and(|every| every <= config.keys.ahead + config.tokens.access_ttl) {
            let problem = "must be longer than keys.publish_ahead and tokens.access_ttl together";
            return Err(self.error("keys.rotate_every", problem.to_owned()));
        }
        if config.keys.ahead < config.sessions.revocation_staleness {
            let problem = "must not be shorter than sessions.revocation_staleness: a replica that has not heard of the next \
                           key refuses its tokens";
            return Err(self.error("keys.publish_ahead", problem.to_owned()));
        }
        let embedded = !config.database.url.expose().starts_with("postgres");
        if config.secret_key.is_none() && !embedded {
            let remedy = "PostgreSQL needs a master key that all replicas share: set SECRET_KEY, or SECRET_KEY_FILE, \
                          for instance to the output of `openssl rand -base64 32`";
            return Err(self.error("secret_key", remedy.to_owned()));
        }
        Ok(())
    }
}

/// The parts of a list.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// At least 32 characters, of at least 10 different ones: no placeholder, no repeated word.
fn is_strong(text: &str) -> bool {
    let mut seen: Vec<char> = text.chars().collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    count >= 32 && seen.len() >= 10
}

/// `requests/duration`.
pub(super) fn read_quota(text: &str) -> Option<Quota> {
    let (burst, period) = text.split_once('/')?;
    let burst = burst.trim().parse().ok().filter(|burst| (1..=1_000_000).contains(burst))?;
    let period = read_duration(period.trim())?;
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    range.contains(&period).then_some(Quota { burst, period })
}

/// A whole number with a unit: ms, s, m, h or d.
pub(super) fn read_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}
