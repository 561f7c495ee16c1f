use std::collections::BTreeMap;

use super::*;

const KEY: &str = "4kf93jf0sk20fjw0g9wk30fk49gj5hg9";

fn environment(pairs: &[(&str, &str)]) -> Sources {
    let environment: BTreeMap<_, _> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

fn file(text: &str) -> (Sources, std::path::PathBuf) {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("portcullis-config-{}-{count}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    (Sources { file: Some(path.clone()), ..Sources::default() }, path)
}

fn complaint(sources: &Sources) -> ConfigError {
    Config::load(sources).expect_err("the configuration was accepted")
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.database.url.expose(), "sqlite://data/portcullis.db");
    assert_eq!(config.tokens.signing, Algorithm::Es256);
    assert_eq!(config.tokens.access_ttl, Duration::from_secs(15 * 60));
    assert_eq!(config.sessions.idle_ttl, Duration::from_secs(30 * 86_400));
    assert_eq!(config.sessions.absolute_ttl, Duration::from_secs(90 * 86_400));
    assert_eq!(config.sessions.reuse_grace, Duration::from_secs(10));
    assert_eq!(config.events.queue.as_deref(), Some("auth-events"));
    assert_eq!(
        (config.passwords.memory_kib, config.passwords.iterations, config.passwords.parallelism),
        (19_456, 2, 1)
    );
    assert_eq!(config.management.map(|(_, port)| port), Some(9090));
}

#[test]
fn each_limit_has_its_default_and_can_be_turned_off() {
    let limits = |pairs: &[(&str, &str)]| Config::load(&environment(pairs)).unwrap().limits;
    let quota = |burst, seconds| Some(Quota { burst, period: Duration::from_secs(seconds) });
    let defaults = limits(&[]);
    assert_eq!(defaults.login, quota(300, 150));
    assert_eq!(defaults.register, quota(300, 600));
    assert_eq!(defaults.refresh, quota(3_000, 300));
    assert_eq!(defaults.introspect, None);
    assert_eq!(defaults.change, quota(3_000, 600));
    assert_eq!(defaults.manage, quota(3_000, 600));
    assert_eq!(defaults.export, quota(30, 3_600));
    assert_eq!(defaults.other, quota(6_000, 60));
    let off = limits(&[("PORTCULLIS__LIMITS__CHANGE", "off")]);
    assert_eq!((off.change, off.other), (None, defaults.other));
    assert_eq!(limits(&[("PORTCULLIS__LIMITS__EXPORT", "off")]).export, None);
    assert_eq!(limits(&[("PORTCULLIS__LIMITS__EXPORT", "5/1d")]).export, quota(5, 86_400));
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let (mut sources, path) = file("[server]\nport = 1\nhost = \"127.0.0.2\"\n[tokens]\naudience = \"file\"\n");
    sources.environment.insert("PORT".to_owned(), "2".to_owned());
    sources.environment.insert("PORTCULLIS__SERVER__HOST".to_owned(), "127.0.0.3".to_owned());
    sources.flags.push(("server.port", "3".to_owned(), "--port"));
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.server.port, 3);
    assert_eq!(config.server.host.to_string(), "127.0.0.3");
    assert_eq!(config.tokens.audience, "file");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_unknown_key_in_the_file_names_the_nearest_known_one() {
    let (sources, path) = file("[tokens]\nacess_ttl = \"5m\"\n");
    let error = complaint(&sources);
    assert_eq!(error.key, "tokens.acess_ttl");
    assert!(error.origin.contains("portcullis-config"), "{error}");
    assert!(error.problem.contains("tokens.access_ttl"), "{error}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_unknown_key_in_the_environment_names_the_nearest_known_one() {
    let error = complaint(&environment(&[("PORTCULLIS__TOKENS__ISSUR", "https://a.example")]));
    assert_eq!(error.origin, "PORTCULLIS__TOKENS__ISSUR");
    assert!(error.problem.contains("PORTCULLIS__TOKENS__ISSUER"), "{error}");
}

#[test]
fn a_bad_value_is_named_with_its_key_origin_and_remedy() {
    for (name, value, key, remedy) in [
        ("PORT", "eighty", "server.port", "0 to 65535"),
        ("PORTCULLIS__TOKENS__ACCESS_TTL", "15 minutes", "tokens.access_ttl", "15m"),
        ("PORTCULLIS__TOKENS__FORMAT", "saml", "tokens.format", "jwt or paseto"),
        ("PORTCULLIS__TOKENS__ALGORITHM", "HS256", "tokens.algorithm", "ES256"),
        ("PORTCULLIS__TOKENS__ISSUER", "auth.example.com", "tokens.issuer", "https://"),
        ("PORTCULLIS__SERVER__ACCESS_LOG", "perhaps", "server.access_log", "true or false"),
        ("DATABASE_URL", "mysql://x", "database.url", "postgres://"),
        ("AMQP_URL", "http://x", "events.amqp_url", "amqp://"),
    ] {
        let error = complaint(&environment(&[(name, value)]));
        assert_eq!((error.key.as_str(), error.origin.as_str()), (key, name));
        assert!(error.problem.contains(remedy), "{error}");
    }
}

#[test]
fn a_secret_is_never_repeated_in_a_complaint() {
    for (name, value) in [("SECRET_KEY", "hunter2hunter2"), ("PORTCULLIS__OAUTH__CLIENTS", "orders:hunter2")] {
        let error = complaint(&environment(&[(name, value)])).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a009_a_short_or_placeholder_master_key_is_refused() {
    for weak in ["short", "changemechangemechangemechangeme", "00000000000000000000000000000000"] {
        assert_eq!(complaint(&environment(&[("SECRET_KEY", weak)])).key, "secret_key");
    }
    assert!(Config::load(&environment(&[("SECRET_KEY", KEY)])).is_ok());
}

#[test]
fn b10_postgres_without_a_master_key_is_refused_with_the_remedy() {
    let error = complaint(&environment(&[("DATABASE_URL", "postgres://localhost/x")]));
    assert!(error.problem.contains("SECRET_KEY_FILE"), "{error}");
}

#[test]
fn a_secret_comes_from_a_file_without_its_line_end() {
    let (_, path) = file(&format!("{KEY}\n"));
    let config = Config::load(&environment(&[("SECRET_KEY_FILE", path.to_str().unwrap())])).unwrap();
    assert_eq!(config.secret_key.unwrap().expose(), KEY);
    let both = environment(&[("SECRET_KEY_FILE", path.to_str().unwrap()), ("SECRET_KEY", KEY)]);
    assert!(complaint(&both).problem.contains("SECRET_KEY is set too"));
    std::fs::remove_file(path).unwrap();
    let missing = complaint(&environment(&[("AMQP_URL_FILE", "/nonexistent/amqp")]));
    assert!(missing.problem.contains("/nonexistent/amqp"), "{missing}");
}

#[test]
fn the_names_of_the_flask_services_work() {
    let sources =
        environment(&[("RABBITMQ_HOST", "mq.internal"), ("RABBITMQ_PORT", "5673"), ("RABBITMQ_QUEUE", "users")]);
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.events.amqp_url.unwrap().expose(), "amqp://guest:guest@mq.internal:5673/%2f");
    assert_eq!(config.events.queue.as_deref(), Some("users"));
    // What Kubernetes tells of a service with the name rabbitmq is no port.
    let linked = environment(&[("RABBITMQ_HOST", "rabbitmq"), ("RABBITMQ_PORT", "tcp://10.0.0.7:5672")]);
    let url = Config::load(&linked).unwrap().events.amqp_url.unwrap();
    assert_eq!(url.expose(), "amqp://guest:guest@rabbitmq:5672/%2f");
    assert!(Config::load(&environment(&[("RABBITMQ_PORT", "tcp://10.0.0.7:5672")])).is_ok());
}

#[test]
fn an_empty_variable_is_as_good_as_none_except_for_the_queue_which_it_turns_off() {
    let config = Config::load(&environment(&[("SECRET_KEY", ""), ("PORTCULLIS__EVENTS__QUEUE", "")])).unwrap();
    assert!(config.secret_key.is_none());
    assert_eq!(config.events.queue, None);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let error = complaint(&environment(&[("PORTCULLIS__SESSIONS__IDLE_TTL", "91d")]));
    assert_eq!(error.key, "sessions.idle_ttl");
}

#[test]
fn the_template_uncommented_is_a_valid_file_with_every_setting() {
    let lines = template();
    let uncommented: String = lines
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.split(' ').nth(1) == Some("=") && !setting.ends_with("\"\"") => {
                format!("{setting}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let (sources, path) = file(&uncommented);
    assert!(Config::load(&sources).is_ok(), "{:?}", Config::load(&sources).err());
    for knob in knobs::KNOBS {
        assert!(lines.contains(&knob.shown_env()), "{} is missing", knob.key);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn printing_redacts_secrets_and_tells_origins() {
    let sources = environment(&[("SECRET_KEY", KEY), ("PORT", "8081")]);
    let printed = print(&sources, false).unwrap();
    assert!(!printed.contains(KEY));
    assert!(printed.contains("secret_key = \"[redacted]\"  # SECRET_KEY"), "{printed}");
    assert!(printed.contains("server.port = 8081  # PORT"), "{printed}");
    assert!(!format!("{:?}", Config::load(&sources).unwrap()).contains(KEY));
    let json: serde_json::Value = serde_json::from_str(&print(&sources, true).unwrap()).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(knobs::KNOBS.len()));
}

#[test]
fn tokens_say_nothing_of_roles_and_permissions_unless_they_are_told_to() {
    let told = |pairs: &[(&str, &str)]| {
        let tokens = Config::load(&environment(pairs)).unwrap().tokens;
        (tokens.roles, tokens.permissions)
    };
    assert_eq!(told(&[]), (false, false));
    assert_eq!(told(&[("PORTCULLIS__TOKENS__ROLES", "true")]), (true, false));
    assert_eq!(told(&[("PORTCULLIS__TOKENS__PERMISSIONS", "true")]), (false, true));
}

#[test]
fn the_roles_of_a_first_start_come_from_a_file_whose_mistakes_are_named_with_key_origin_and_line() {
    assert_eq!(Config::load(&Sources::default()).unwrap().access.roles, []);
    let (_, path) = file("[roles.support]\npermissions = [\"users:read\"]\n");
    let named = environment(&[("PORTCULLIS__ACCESS__FILE", path.to_str().unwrap())]);
    let access = Config::load(&named).unwrap().access;
    assert_eq!(access.roles.len(), 1);
    assert!(access.origin.contains("PORTCULLIS__ACCESS__FILE"), "{}", access.origin);

    std::fs::write(&path, "[roles.support]\npermissions = [\"users\"]\n").unwrap();
    let error = complaint(&named);
    assert_eq!((error.key.as_str(), error.origin.as_str()), ("access.file", "PORTCULLIS__ACCESS__FILE"));
    assert!(error.problem.contains("line 2") && error.problem.contains("`resource:action`"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(complaint(&named).problem.contains("cannot be read"));
}
