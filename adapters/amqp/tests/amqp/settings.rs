//! Settings that cannot work are refused at the start.

use std::time::Duration;

use portcullis_amqp::{AmqpConfigError, AmqpPublisher, AmqpSettings};

use crate::rabbit::settings_for;

fn refused(change: impl FnOnce(&mut AmqpSettings)) -> AmqpConfigError {
    let mut settings = settings_for("amqp://user:Pa55-canary@127.0.0.1:1/v", "events");
    change(&mut settings);
    let error = AmqpPublisher::start(settings).expect_err("refused");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    error
}

#[test]
fn a_name_that_amqp_cannot_carry_is_refused() {
    let long = "é".repeat(128);
    for name in ["", &long, "amq.topic", "line\nbreak"] {
        for change in
            [(|settings, name| settings.exchange = name) as fn(&mut AmqpSettings, String), |settings, name| {
                settings.queue = Some(name);
            }]
        {
            assert!(
                matches!(refused(|settings| change(settings, name.to_owned())), AmqpConfigError::Name { .. }),
                "{name:?}"
            );
        }
    }
    assert!(matches!(
        refused(|settings| settings.connection_name = long),
        AmqpConfigError::Name { what: "connection name", .. }
    ));
}

#[test]
fn a_name_of_255_bytes_is_accepted() {
    AmqpPublisher::start(settings_for("amqp://user:secret@127.0.0.1:1/v", &"n".repeat(255))).unwrap();
}

#[test]
fn a_url_that_is_not_amqp_is_refused() {
    for url in ["http://user:Pa55-canary@host/", "not a url Pa55-canary", "amqp://user:Pa55-canary@host/?verify=none"] {
        let error = refused(|settings| settings.url = url.to_owned().into());
        assert!(matches!(error, AmqpConfigError::Url(_) | AmqpConfigError::UnknownParameter(_)), "{error}");
    }
}

#[test]
fn a_confirm_timeout_beyond_the_ports_promise_is_refused() {
    for timeout in [Duration::ZERO, Duration::from_millis(10_001)] {
        assert!(matches!(refused(|settings| settings.confirm_timeout = timeout), AmqpConfigError::ConfirmTimeout));
    }
}

#[test]
fn a_source_that_is_not_a_url_is_refused() {
    assert!(matches!(refused(|settings| settings.source = "portcullis".to_owned()), AmqpConfigError::Source));
}

#[test]
fn certificates_that_cannot_be_read_are_refused() {
    for url in [
        "amqps://user:Pa55-canary@host/?cacertfile=/nowhere.pem",
        "amqps://user:Pa55-canary@host/?certfile=/nowhere.pem&keyfile=/nowhere.pem",
    ] {
        assert!(matches!(refused(|settings| settings.url = url.to_owned().into()), AmqpConfigError::Tls(_)), "{url}");
    }
    let lonely = "amqps://user:Pa55-canary@host/?certfile=/nowhere.pem";
    assert!(matches!(refused(|settings| settings.url = lonely.to_owned().into()), AmqpConfigError::Url(_)));
}
