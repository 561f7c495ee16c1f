//! Settings that cannot work are refused at the start.

use std::time::Duration;

use portcullis_redis::{RedisAdapter, RedisConfigError, RedisSettings};

fn refused(change: impl FnOnce(&mut RedisSettings)) -> RedisConfigError {
    let mut settings = RedisSettings::at("redis://user:Pa55-canary@127.0.0.1:1/0".to_owned());
    change(&mut settings);
    let error = RedisAdapter::start(settings).expect_err("refused");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn the_usual_settings_are_the_documented_ones() {
    let settings = RedisSettings::at("redis://localhost".to_owned());
    assert_eq!((settings.prefix.as_str(), settings.timeout), ("portcullis", Duration::from_millis(200)));
}

#[tokio::test]
async fn a_prefix_with_strange_characters_is_refused() {
    let long = "p".repeat(65);
    for prefix in ["", &long, "a b", "a*", "{a}", "a\nb", "ä"] {
        assert!(
            matches!(refused(|settings| settings.prefix = prefix.to_owned()), RedisConfigError::Prefix),
            "{prefix:?}"
        );
    }
}

#[tokio::test]
async fn a_timeout_that_is_no_use_is_refused() {
    for timeout in [Duration::ZERO, Duration::from_micros(999), Duration::from_millis(5_001)] {
        assert!(matches!(refused(|settings| settings.timeout = timeout), RedisConfigError::Timeout));
    }
}

#[tokio::test]
async fn a_url_that_is_not_redis_is_refused() {
    for url in ["http://user:Pa55-canary@host/", "not a url Pa55-canary", "redis://user:Pa55-canary@host/?verify=none"]
    {
        let error = refused(|settings| settings.url = url.to_owned().into());
        assert!(matches!(error, RedisConfigError::Url(_) | RedisConfigError::UnknownParameter(_)), "{error}");
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_refused() {
    for url in ["rediss://host/?cacertfile=/nowhere.pem", "rediss://host/?certfile=/nowhere.pem&keyfile=/nowhere.pem"] {
        assert!(matches!(refused(|settings| settings.url = url.to_owned().into()), RedisConfigError::Tls(_)), "{url}");
    }
    let lonely = "rediss://host/?certfile=/nowhere.pem";
    assert!(matches!(refused(|settings| settings.url = lonely.to_owned().into()), RedisConfigError::Url(_)));
}

#[test]
fn without_a_runtime_the_start_is_refused() {
    assert!(matches!(refused(|_| ()), RedisConfigError::Runtime));
}
