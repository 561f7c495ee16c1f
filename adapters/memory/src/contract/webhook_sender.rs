//! The suite `webhook_sender`: [`WebhookSender`](portcullis_domain::ports::webhooks::WebhookSender).

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::tokens::PrivateKey;
use portcullis_domain::ports::webhooks::{SendError, WebhookMessage, WebhookSender};
use portcullis_domain::webhooks::WebhookUrl;
use sha2::Sha256;

use super::samples::{RANDOM, at, digest, kept, race};
use crate::webhook_sender::{Posted, Reply};

/// Runs the suite `webhook_sender` on what `async fn factory() -> contract::webhook_sender::Webhooks` gives.
#[macro_export]
macro_rules! webhook_sender_contract {
    ($factory:expr) => {
        $crate::promises!(
            webhook_sender,
            $factory,
            ok_means_that_the_receiver_has_the_body_as_it_was_given,
            a_message_is_signed_over_its_id_its_instant_and_its_body,
            each_of_several_secrets_signs,
            an_attempt_later_has_the_same_id_and_another_signature,
            ok_is_an_answer_of_2xx_and_nothing_else,
            a_receiver_that_is_gone_says_so_with_410,
            b45_a_redirect_is_not_followed,
            no_answer_in_time_is_an_error_within_thirty_seconds,
            b45_an_address_that_is_not_public_is_refused_however_it_is_written,
            a_receiver_that_was_silent_is_sent_to_again,
            thirty_two_at_once_all_arrive,
        );
    };
}

/// A sender and a receiver that it may send to. Addresses that are neither public nor the receiver's are forbidden.
pub struct Webhooks {
    /// The sender.
    pub sender: Arc<dyn WebhookSender>,
    /// The other end.
    pub receiver: Arc<dyn Receiver>,
    /// What must live as long as the test.
    pub guard: Box<dyn Any + Send>,
}

/// The other end of a webhook. It answers 204 until it is told otherwise.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Where it listens.
    fn url(&self) -> WebhookUrl;

    /// From here on it answers so.
    fn answer(&self, reply: Reply);

    /// All that it has got, whatever it answered, in order.
    async fn received(&self) -> Vec<Posted>;
}

/// Signed by `secrets`, sent at `at(seconds)`.
async fn send(
    subject: &Webhooks,
    id: EventId,
    seconds: i64,
    body: &[u8],
    secrets: &[PrivateKey],
) -> Result<(), SendError> {
    let url = subject.receiver.url();
    kept(subject.sender.admits(&url), "a URL that may be sent to is admitted");
    subject.sender.send(&WebhookMessage { url: &url, id, at: at(seconds), body, secrets }).await
}

async fn send_something(subject: &Webhooks) -> Result<(), SendError> {
    send(subject, id(), 0, b"{}", &[secret(32)]).await
}

fn id() -> EventId {
    EventId::new(at(0), &RANDOM)
}

fn secret(length: usize) -> PrivateKey {
    PrivateKey(digest().0.into_iter().cycle().take(length).collect())
}

/// HMAC-SHA256 (RFC 2104) over `id.timestamp.body`, as the specification says.
fn signature(secret: &PrivateKey, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = kept(Hmac::<Sha256>::new_from_slice(&secret.0), "any key makes a tag");
    mac.update(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Whatever bytes it has, however many.
pub async fn ok_means_that_the_receiver_has_the_body_as_it_was_given(subject: &Webhooks) {
    let large = "日".repeat(300_000);
    for (number, body) in ["{}", "", "{\"name\":\"Ünïcode \\u0000 🦀\"}\r\n\r\n", &large].into_iter().enumerate() {
        kept(send(subject, id(), 0, body.as_bytes(), &[secret(32)]).await, "a message is sent");
        let received = subject.receiver.received().await;
        assert_eq!(received.len(), number + 1, "Ok means that it has arrived, once");
        let last = &received[number];
        assert!(last.body == body.as_bytes(), "the body arrives byte for byte: {} bytes", body.len());
        assert_eq!(last.content_type, "application/cloudevents+json");
        assert_eq!(last.url, subject.receiver.url().as_str(), "path and query are those of the URL");
    }
}

/// Checked by a computation of the suite's own, for every length that the specification allows.
pub async fn a_message_is_signed_over_its_id_its_instant_and_its_body(subject: &Webhooks) {
    for length in [24, 32, 64] {
        let (id, secret) = (id(), secret(length));
        kept(send(subject, id, 5, b"{\"a\":1}", std::slice::from_ref(&secret)).await, "a message is sent");
        let received = subject.receiver.received().await;
        let last = received.last().unwrap_or_else(|| panic!("it arrives"));
        assert_eq!(last.id, id.to_string(), "webhook-id is the event's id");
        assert_eq!(last.timestamp, at(5).as_unix_seconds().to_string(), "webhook-timestamp is in unix seconds");
        assert_eq!(last.signature, signature(&secret, &last.id, &last.timestamp, &last.body));
        let other = signature(&secret, &last.id, &last.timestamp, b"{\"a\":2}");
        assert_ne!(last.signature, other, "another body has another signature");
    }
}

/// So that a secret can be rotated without a message that nobody can verify.
pub async fn each_of_several_secrets_signs(subject: &Webhooks) {
    let secrets = [secret(32), secret(32)];
    kept(send(subject, id(), 0, b"{}", &secrets).await, "a message is sent");
    let received = subject.receiver.received().await;
    let last = received.last().unwrap_or_else(|| panic!("it arrives"));
    let expected = secrets.each_ref().map(|secret| signature(secret, &last.id, &last.timestamp, &last.body));
    assert_ne!(expected[0], expected[1]);
    assert_eq!(last.signature.split(' ').collect::<Vec<_>>(), expected, "one for each, separated by spaces");
}

/// A receiver refuses what is old, and drops what it has.
pub async fn an_attempt_later_has_the_same_id_and_another_signature(subject: &Webhooks) {
    let (id, secret) = (id(), secret(32));
    for seconds in [0, 300] {
        kept(send(subject, id, seconds, b"{}", std::slice::from_ref(&secret)).await, "a message is sent");
    }
    let received = subject.receiver.received().await;
    let [first, second] = received.as_slice() else { panic!("both arrive: {received:?}") };
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    assert_ne!(first.signature, second.signature, "each attempt signs its own instant");
    assert_eq!(second.timestamp, at(300).as_unix_seconds().to_string());
}

/// The receiver's word, not the network's.
pub async fn ok_is_an_answer_of_2xx_and_nothing_else(subject: &Webhooks) {
    for status in [200, 201, 202, 204, 226, 299] {
        subject.receiver.answer(Reply::Status(status));
        kept(send_something(subject).await, "2xx is Ok");
    }
    for status in [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504, 599] {
        subject.receiver.answer(Reply::Status(status));
        assert_eq!(send_something(subject).await, Err(SendError::Status(status)));
    }
    subject.receiver.answer(Reply::Status(200));
    kept(send_something(subject).await, "a receiver that works again is sent to");
}

/// Not one failure among others.
pub async fn a_receiver_that_is_gone_says_so_with_410(subject: &Webhooks) {
    subject.receiver.answer(Reply::Status(410));
    assert_eq!(send_something(subject).await, Err(SendError::Gone));
}

/// Wherever it points.
pub async fn b45_a_redirect_is_not_followed(subject: &Webhooks) {
    for (number, status) in [301, 302, 303, 304, 307, 308].into_iter().enumerate() {
        subject.receiver.answer(Reply::Status(status));
        let answer = send_something(subject).await;
        assert!(matches!(answer, Err(SendError::Unreachable(_))), "{status} is no delivery: {answer:?}");
        assert_eq!(subject.receiver.received().await.len(), number + 1, "{status} leads to no second request");
    }
}

/// A receiver must not hold up the others.
pub async fn no_answer_in_time_is_an_error_within_thirty_seconds(subject: &Webhooks) {
    subject.receiver.answer(Reply::Silence);
    let begun = Instant::now();
    let answer = send_something(subject).await;
    assert!(matches!(answer, Err(SendError::Unreachable(_))), "silence is no delivery: {answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
}

/// In every spelling that a URL allows.
pub async fn b45_an_address_that_is_not_public_is_refused_however_it_is_written(subject: &Webhooks) {
    for host in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "１６９.254.169.254",
        "169.254.169.254.",
        "100.64.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "0",
        "[::]",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:a9fe:a9fe::1]",
        "[2001:db8::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[100::1]",
    ] {
        let text = format!("https://{host}/latest/meta-data");
        let url = WebhookUrl::parse(&text).unwrap_or_else(|error| panic!("the suite's URL {text} is not one: {error}"));
        assert!(subject.sender.admits(&url).is_err(), "{text} is not admitted");
        let begun = Instant::now();
        let message = WebhookMessage { url: &url, id: id(), at: at(0), body: b"{}", secrets: &[secret(32)] };
        let answer = subject.sender.send(&message).await;
        assert!(matches!(answer, Err(SendError::Unreachable(_))), "{text} is not sent to: {answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{text}: nobody waits for what is forbidden");
    }
}

/// What timed out has not broken anything.
pub async fn a_receiver_that_was_silent_is_sent_to_again(subject: &Webhooks) {
    subject.receiver.answer(Reply::Silence);
    assert!(send_something(subject).await.is_err(), "silence is no delivery");
    subject.receiver.answer(Reply::Status(204));
    kept(send_something(subject).await, "a receiver that answers again is sent to");
}

/// Each once, each under its own id.
pub async fn thirty_two_at_once_all_arrive(subject: &Webhooks) {
    let url = subject.receiver.url();
    let sent = race(32, |number| {
        let (sender, url) = (subject.sender.clone(), url.clone());
        async move {
            let (id, body) = (id(), format!("{{\"number\":{number}}}"));
            let secrets = [secret(32)];
            let message = WebhookMessage { url: &url, id, at: at(0), body: body.as_bytes(), secrets: &secrets };
            kept(sender.send(&message).await, "a message of many is sent");
            (id.to_string(), body.into_bytes())
        }
    })
    .await;
    let received = subject.receiver.received().await;
    assert_eq!(received.len(), 32, "each arrives once");
    let received: HashSet<_> = received.into_iter().map(|posted| (posted.id, posted.body)).collect();
    assert_eq!(received, sent.into_iter().collect(), "each with its own body under its own id");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_computes_what_the_specification_shows() {
        // The example of the reference implementations' own tests.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let tag =
            signature(&PrivateKey(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b"{\"test\": 2432232314}");
        assert_eq!(tag, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
