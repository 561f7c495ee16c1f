//! URLs of servers: what is wrong with one, told without repeating it, for it may hold a password.

use url::{Url, form_urlencoded};

/// What may follow the `?` of both kinds, for TLS.
const FILES: [&str; 3] = ["cacertfile", "certfile", "keyfile"];

/// Checks the URL of RabbitMQ.
pub(super) fn amqp(text: &str) -> Result<(), String> {
    let url = read(text, ["amqp", "amqps"])?;
    if url.path().strip_prefix('/').is_some_and(|vhost| vhost.contains('/')) {
        return Err("its virtual host holds a slash that is not written %2F".to_owned());
    }
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "heartbeat" if value.parse().is_ok_and(|seconds: u16| (2..=600).contains(&seconds)) => {}
            "heartbeat" => return Err("its heartbeat is not a number of seconds from 2 to 600".to_owned()),
            other if FILES.contains(&other) => {}
            _ => return Err("only heartbeat, cacertfile, certfile and keyfile may follow its ?".to_owned()),
        }
    }
    Ok(())
}

/// Checks the URL of Redis.
pub(super) fn redis(text: &str) -> Result<(), String> {
    let url = read(text, ["redis", "rediss"])?;
    if !url.username().is_empty() && url.password().is_none() {
        return Err("it has a user name and no password; a password alone is written :password@".to_owned());
    }
    let database = url.path().strip_prefix('/').unwrap_or_default();
    let is_number = database.bytes().all(|byte| byte.is_ascii_digit()) && database.parse::<u16>().is_ok();
    if !database.is_empty() && !is_number {
        return Err("its path is not the number of a database, 0 to 65535".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it has a fragment (#…)".to_owned());
    }
    if url.query_pairs().any(|(name, _)| !FILES.contains(&name.as_ref())) {
        return Err("only cacertfile, certfile and keyfile may follow its ?".to_owned());
    }
    if url.scheme() == "redis" && url.query_pairs().next().is_some() {
        return Err("it names certificates, but TLS needs rediss://".to_owned());
    }
    Ok(())
}

fn read(text: &str, schemes: [&str; 2]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("it begins with neither {}:// nor {}://", schemes[0], schemes[1]));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    if url.port() == Some(0) {
        return Err("its port is 0".to_owned());
    }
    for (what, part, is_right) in [
        ("host", host, is_name as fn(&str) -> bool),
        ("path", url.path(), is_name),
        ("user name", url.username(), is_text),
        ("password", url.password().unwrap_or_default(), is_text),
    ] {
        if !form_urlencoded::parse(part.as_bytes()).all(|(name, value)| is_right(&name) && is_right(&value)) {
            return Err(format!("its {what} is not text"));
        }
    }
    Ok(url)
}

fn is_name(text: &str) -> bool {
    is_text(text) && !text.chars().any(char::is_control)
}

/// Whether it was UTF-8 before it was decoded, and holds no NUL.
fn is_text(text: &str) -> bool {
    !text.contains([char::REPLACEMENT_CHARACTER, '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_as_they_are_written_everywhere_are_accepted() {
        for text in [
            "amqp://localhost",
            "amqp://us%40er:p%2Fw%3A@broker.example:5673/my%2Fhost?heartbeat=30",
            "amqps://a:b@[::1]/%2f?cacertfile=/ca.pem",
        ] {
            assert_eq!(amqp(text), Ok(()), "{text}");
        }
        for text in [
            "redis://localhost",
            "redis://us%40er:p%2Fw%3A@cache.example:6380/12",
            "rediss://:secret@[::1]/?cacertfile=/ca.pem",
        ] {
            assert_eq!(redis(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_no_server_can_be_reached_by_is_refused_without_being_repeated() {
        for rest in
            ["u:Pa55-canary@:x", "u:Pa55-canary@/v", "u:Pa55-canary@h:99999/", "h:Pa55-canary", "u:Pa55-canary%ff@h/"]
        {
            for (scheme, check) in [("amqp", amqp as fn(&str) -> Result<(), String>), ("redis", redis)] {
                let why = check(&format!("{scheme}://{rest}")).expect_err(rest);
                assert!(!why.contains("canary"), "{why}");
            }
        }
        for text in ["amqp://h/a/b", "amqp://h/?heartbeat=1", "amqp://h/?verify=none", "amqp://h/a%0ab", "http://h"] {
            assert!(amqp(text).is_err(), "{text}");
        }
        for text in [
            "redis://u@h/",
            "redis://h/main",
            "redis://h/+1",
            "redis://h/65536",
            "redis://h/?timeout=5",
            "redis://h/?cacertfile=/ca.pem",
            "redis://h/0#x",
        ] {
            assert!(redis(text).is_err(), "{text}");
        }
    }
}
