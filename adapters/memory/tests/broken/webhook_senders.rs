//! Broken senders of webhooks.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::ports::webhooks::{SendError, WebhookMessage, WebhookSender};
use portcullis_domain::webhooks::WebhookUrl;
use portcullis_memory::contract::webhook_sender::{self, Receiver, Webhooks};
use portcullis_memory::{Posted, RecordingWebhooks, Reply};

use crate::caught;

/// What is wrong.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    /// It signs with the first secret alone.
    OneSecret,
    /// It sends another body than it was given.
    OtherBody,
    /// It takes every answer for success.
    AnyAnswer,
    /// It takes 410 for a failure like others.
    GoneIsNothing,
    /// It goes where a redirect points.
    Follows,
    /// It says that it sends everywhere.
    AdmitsAll,
    /// It sends everything twice.
    Twice,
}

struct Broken {
    inner: Arc<RecordingWebhooks>,
    flaw: Flaw,
}

#[async_trait]
impl WebhookSender for Broken {
    async fn send(&self, message: &WebhookMessage<'_>) -> Result<(), SendError> {
        let mut message = *message;
        match self.flaw {
            Flaw::OneSecret => message.secrets = &message.secrets[..1],
            Flaw::OtherBody => message.body = b"{}",
            Flaw::Twice => self.inner.send(&message).await?,
            _ => {}
        }
        match (self.flaw, self.inner.send(&message).await) {
            (Flaw::AnyAnswer, _) => Ok(()),
            (Flaw::GoneIsNothing, Err(SendError::Gone)) => Err(SendError::Status(410)),
            (Flaw::Follows, Err(SendError::Unreachable(_))) => self.inner.send(&message).await,
            (_, answer) => answer,
        }
    }

    fn admits(&self, url: &WebhookUrl) -> Result<(), String> {
        if self.flaw == Flaw::AdmitsAll { Ok(()) } else { self.inner.admits(url) }
    }
}

struct Records(Arc<RecordingWebhooks>);

#[async_trait]
impl Receiver for Records {
    fn url(&self) -> WebhookUrl {
        WebhookUrl::parse("https://hooks.example.com/").expect("a URL")
    }

    fn answer(&self, reply: Reply) {
        self.0.answer(reply);
    }

    async fn received(&self) -> Vec<Posted> {
        self.0.posted()
    }
}

fn with(flaw: Flaw) -> Webhooks {
    let inner = Arc::new(RecordingWebhooks::new());
    Webhooks {
        receiver: Arc::new(Records(inner.clone())),
        sender: Arc::new(Broken { inner, flaw }),
        guard: Box::new(()),
    }
}

#[test]
fn a_sender_that_signs_with_one_secret_of_two_is_caught() {
    caught(|| async { webhook_sender::each_of_several_secrets_signs(&with(Flaw::OneSecret)).await });
}

#[test]
fn a_sender_that_changes_the_body_is_caught() {
    let flaw = Flaw::OtherBody;
    caught(move || async move {
        webhook_sender::ok_means_that_the_receiver_has_the_body_as_it_was_given(&with(flaw)).await;
    });
}

#[test]
fn a_sender_that_takes_every_answer_for_success_is_caught() {
    caught(|| async { webhook_sender::ok_is_an_answer_of_2xx_and_nothing_else(&with(Flaw::AnyAnswer)).await });
    let silence = webhook_sender::no_answer_in_time_is_an_error_within_thirty_seconds;
    caught(move || async move { silence(&with(Flaw::AnyAnswer)).await });
}

#[test]
fn a_sender_that_overhears_that_a_receiver_is_gone_is_caught() {
    caught(|| async { webhook_sender::a_receiver_that_is_gone_says_so_with_410(&with(Flaw::GoneIsNothing)).await });
}

#[test]
fn a_sender_that_follows_a_redirect_is_caught() {
    caught(|| async { webhook_sender::b45_a_redirect_is_not_followed(&with(Flaw::Follows)).await });
}

#[test]
fn a_sender_that_admits_every_address_is_caught() {
    let private = webhook_sender::b45_an_address_that_is_not_public_is_refused_however_it_is_written;
    caught(move || async move { private(&with(Flaw::AdmitsAll)).await });
}

#[test]
fn a_sender_that_sends_twice_is_caught() {
    caught(|| async { webhook_sender::thirty_two_at_once_all_arrive(&with(Flaw::Twice)).await });
}
