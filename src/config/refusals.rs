//! What is refused, and how it is told.

use super::*;

fn set(pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

#[track_caller]
fn refused(pairs: &[(&str, &str)]) -> ConfigError {
    Config::load(&set(pairs)).expect_err("the configuration was accepted")
}

const KEY: &str = "4kf93jf0sk20fjw0g9wk30fk49gj5hg9";

#[test]
fn a_mistyped_log_level_is_refused_with_its_origin_and_with_what_is_allowed() {
    for wrong in
        ["warning", "inof", "", "foo=bar=baz", "=debug", "portcullis_http=loud", "warn,", "portcullis_http", "3"]
    {
        let mut sources = Sources::default();
        sources.flags.push(("log.level", wrong.to_owned(), "--log-level"));
        let error = Config::load(&sources).expect_err(wrong);
        assert_eq!((error.key.as_str(), error.origin.as_str()), ("log.level", "--log-level"));
        assert!(error.problem.contains("error, warn, info, debug, trace"), "{error}");
    }
    assert_eq!(refused(&[("PORTCULLIS__LOG__LEVEL", "inof")]).origin, "PORTCULLIS__LOG__LEVEL");
}

#[test]
fn levels_in_any_case_and_lists_of_targets_are_understood() {
    use tracing::Level;
    let enabled = |level: &str, target: &str, asked: Level| {
        let config = Config::load(&set(&[("PORTCULLIS__LOG__LEVEL", level)])).expect(level);
        config.log.level.would_enable(target, &asked)
    };
    for level in ["debug", "DEBUG", "Debug"] {
        assert!(enabled(level, "portcullis_http", Level::DEBUG) && !enabled(level, "hyper", Level::INFO), "{level}");
    }
    assert!(enabled("trace", "hyper", Level::TRACE));
    assert!(!enabled("off", "portcullis", Level::ERROR));
    let list = "error, portcullis_http=DEBUG,hyper=off";
    assert!(enabled(list, "portcullis_http", Level::DEBUG) && enabled(list, "portcullis", Level::ERROR));
    assert!(!enabled(list, "portcullis", Level::WARN) && !enabled(list, "hyper", Level::ERROR));
    assert!(enabled("portcullis_htpp=debug", "portcullis", Level::WARN), "a wrong target does not silence the rest");
}

#[test]
fn what_the_service_would_refuse_later_is_refused_with_the_configuration() {
    for (name, value, key, told) in [
        ("AMQP_URL", "amqp://u:Pa55-canary@:x", "events.amqp_url", "amqp://user:password@host"),
        ("AMQP_URL", "amqp://u:Pa55-canary@h:99999/", "events.amqp_url", "port"),
        ("REDIS_URL", "redis://h:Pa55-canary", "redis.url", "redis://user:password@host"),
        ("DATABASE_URL", "postgres://u:Pa55-canary@127.0.0.1:99999/x", "database.url", "port"),
        ("DATABASE_URL", "sqlite://x.db?mode=ro", "database.url", "takes no parameters"),
        ("PORTCULLIS__PASSWORDS__MEMORY_KIB", "64", "passwords.memory_kib", "passwords.allow_weak"),
        ("PORTCULLIS__PASSWORDS__ITERATIONS", "1", "passwords.iterations", "passwords.allow_weak"),
        ("PORTCULLIS__PASSWORDS__PARALLELISM", "17", "passwords.parallelism", "16"),
        ("PORTCULLIS__EVENTS__EXCHANGE", "amq.topic", "events.exchange", "amq."),
        ("PORTCULLIS__EVENTS__QUEUE", "amq.gen", "events.queue", "amq."),
        ("PORTCULLIS__SERVER__DRAIN_TIMEOUT", "21s", "server.drain_timeout", "within 30 s of SIGTERM"),
    ] {
        let error = refused(&[(name, value), ("SECRET_KEY", KEY)]);
        assert_eq!((error.key.as_str(), error.origin.as_str()), (key, name), "{error}");
        assert!(error.problem.contains(told), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error}");
    }
    let prefix = refused(&[("REDIS_URL", "redis://h"), ("PORTCULLIS__REDIS__PREFIX", "a/b")]);
    assert_eq!(prefix.key, "redis.prefix");
    let weak = [("PORTCULLIS__PASSWORDS__MEMORY_KIB", "64"), ("PORTCULLIS__PASSWORDS__ALLOW_WEAK", "true")];
    assert!(Config::load(&set(&weak)).is_ok());
    assert!(Config::load(&set(&[("PORTCULLIS__SERVER__DRAIN_TIMEOUT", "20s")])).is_ok());
}

#[test]
fn a_port_of_rabbitmq_is_a_number_and_belongs_to_a_host() {
    let error = refused(&[("RABBITMQ_HOST", "x"), ("RABBITMQ_PORT", "abc")]);
    assert_eq!((error.key.as_str(), error.origin.as_str()), ("events.amqp_url", "RABBITMQ_PORT"));
    assert!(error.problem.contains("1 to 65535"), "{error}");
    let alone = refused(&[("RABBITMQ_PORT", "5672")]);
    assert_eq!(alone.origin, "RABBITMQ_PORT");
    assert!(alone.problem.contains("RABBITMQ_HOST is not set"), "{alone}");
    assert_eq!(refused(&[("RABBITMQ_HOST", "a b")]).origin, "RABBITMQ_HOST");
}

#[test]
fn a_name_in_other_letters_or_with_single_underscores_is_refused_with_the_right_one() {
    for (name, right) in [
        ("PORTCULLIS__tokens__issuer", "PORTCULLIS__TOKENS__ISSUER"),
        ("portcullis__server__host", "PORTCULLIS__SERVER__HOST"),
        ("PORTCULLIS_SERVER_HOST", "PORTCULLIS__SERVER__HOST"),
        ("Portcullis_Server_Host", "PORTCULLIS__SERVER__HOST"),
        ("PORTCULLIS__SERVER_HOST", "PORTCULLIS__SERVER__HOST"),
        ("PORTCULLIS_DATABASE_URL_FILE", "PORTCULLIS__DATABASE__URL_FILE"),
        ("PORTCULLIS_SECRET_KEY", "PORTCULLIS__SECRET_KEY"),
        ("PORTCULLIS_PORT", "PORTCULLIS__SERVER__PORT"),
        ("PORTCULLIS_SERVER_HOSST", "PORTCULLIS__SERVER__HOST"),
        ("portcullis__server__hosst", "PORTCULLIS__SERVER__HOST"),
    ] {
        let error = refused(&[(name, "canary")]);
        assert_eq!(error.origin, name);
        assert!(error.problem.contains(&format!("did you mean {right}?")), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn variables_of_others_are_left_alone() {
    for (name, value) in [
        ("PORTCULLIS_CONFIG", "portcullis.toml"),
        ("PORTCULLIS_BIN", "target/debug/portcullis"),
        ("PORTCULLIS_TEST_POSTGRES", "postgres://postgres@127.0.0.1/test"),
        ("PORTCULLIS_BENCH_SECONDS", "5"),
        ("PORTCULLIS_LAYOUT", "off"),
        ("PORTCULLIS_VECTORS", "vectors"),
        ("PORTCULLIS_SERVICES_WAIT", "2"),
        // Of Kubernetes services that are called portcullis and portcullis-server.
        ("PORTCULLIS_PORT", "tcp://10.0.0.7:8080"),
        ("PORTCULLIS_SERVICE_HOST", "10.0.0.7"),
        ("PORTCULLIS_SERVER_PORT", "tcp://10.0.0.7:8080"),
        ("PORTCULLIS_SERVER_PORT_8080_TCP_PROTO", "tcp"),
        ("PORTCULLIS_SERVER_SERVICE_PORT_HTTP", "8080"),
    ] {
        let loaded = Config::load(&set(&[(name, value)]));
        assert!(loaded.is_ok(), "{name}: {:?}", loaded.err());
    }
}

#[test]
fn two_names_of_one_setting_must_agree() {
    for [(one, value), (other, another)] in [
        [("PORTCULLIS__DATABASE__URL", "sqlite://canary-a.db"), ("DATABASE_URL", "sqlite://canary-b.db")],
        [("PORTCULLIS__SERVER__PORT", "1"), ("PORT", "2")],
        [("RABBITMQ_HOST", "old"), ("AMQP_URL", "amqp://canary/%2f")],
        [("RABBITMQ_QUEUE", "a"), ("PORTCULLIS__EVENTS__QUEUE", "b")],
    ] {
        let error = refused(&[(one, value), (other, another)]);
        assert_eq!(error.origin, other);
        assert!(
            error.problem.contains(&format!("{one} is set too")) && error.problem.contains("remove one"),
            "{error}"
        );
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    let agree = Config::load(&set(&[("PORTCULLIS__SERVER__PORT", "8081"), ("PORT", "8081")]));
    assert_eq!(agree.expect("they agree").server.port, 8081);
    let empty = Config::load(&set(&[("PORTCULLIS__SERVER__PORT", "8081"), ("PORT", "")]));
    assert_eq!(empty.expect("one of them is empty").server.port, 8081);
}

#[test]
fn an_unknown_key_is_compared_with_last_words_and_names_in_the_environment_too() {
    for (text, meant) in [
        ("port = 1\n", "server.port"),
        ("DATABASE_URL = \"memory:\"\n", "database.url"),
        ("issuer = \"https://a.example\"\n", "tokens.issuer"),
        ("[sessions]\nreuse_graze = \"1s\"\n", "sessions.reuse_grace"),
    ] {
        let path = std::env::temp_dir().join(format!("portcullis-unknown-{}-{meant}.toml", std::process::id()));
        std::fs::write(&path, text).expect("the temporary folder can be written");
        let error = Config::load(&Sources { file: Some(path.clone()), ..Sources::default() }).expect_err(text);
        assert!(error.problem.contains(&format!("did you mean {meant}?")), "{error}");
        std::fs::remove_file(path).expect("the file is there");
    }
}

#[test]
fn what_is_not_set_has_no_origin() {
    let error = refused(&[("DATABASE_URL", "postgres://localhost/x")]).to_string();
    assert!(error.starts_with("secret_key (not set): PostgreSQL needs"), "{error}");
}

#[test]
fn the_template_says_how_short_an_access_token_may_live() {
    let allowed = |ttl: &str| Config::load(&set(&[("PORTCULLIS__TOKENS__ACCESS_TTL", ttl)])).is_ok();
    assert!(template().contains("How long an access token lives, 1s to 24h."));
    assert_eq!((allowed("999ms"), allowed("1s"), allowed("24h"), allowed("25h")), (false, true, true, false));
}
