//! The revocation feed over the real RabbitMQ.

use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::access::RoleName;
use portcullis_domain::clients::ClientId;
use portcullis_domain::event::Event;
use portcullis_domain::sessions::RevocationReason;
use portcullis_verifier::amqp::{AmqpFeed, AmqpFeedError};
use portcullis_verifier::testing::{ManualClock, TestIssuer};
use portcullis_verifier::{Algorithm, FeedStatus, Rejected, Staleness, Verifier};
use tokio::time::{Instant, sleep};

use crate::issuer_server::{IssuerServer, JWKS, PASERK, Page};
use crate::rabbit::{Line, Rabbit, url, user_id};

const SESSION: &str = "019b0000-0000-7000-8000-00000000aaaa";
const OTHER: &str = "019b0000-0000-7000-8000-00000000bbbb";
const TOKEN: &str = "019b0000-0000-7000-8000-00000000dddd";
const USER: &str = "019b0000-0000-7000-8000-00000000cccc";

struct Scene {
    rabbit: Rabbit,
    issuer: TestIssuer,
    clock: std::sync::Arc<ManualClock>,
    verifier: Verifier,
}

/// A verifier that listens to an exchange of its own.
async fn scene(url: &str, staleness: Staleness) -> Scene {
    let rabbit = Rabbit::fresh().await;
    let issuer = TestIssuer::new("orders");
    let clock = std::sync::Arc::new(ManualClock::new());
    let feed = AmqpFeed::new(url).expect("a URL").exchange(&rabbit.exchange).expect("a name");
    let verifier = Verifier::builder(issuer.url())
        .audience("orders")
        .fixed_keys(Some(&issuer.jwks()), None)
        .clock(clock.clone())
        .staleness(staleness)
        .feed(feed)
        .build()
        .expect("these settings are valid");
    until("the feed is connected", || is_heard(&verifier)).await;
    Scene { rabbit, issuer, clock, verifier }
}

fn is_heard(verifier: &Verifier) -> bool {
    matches!(verifier.status().feed, FeedStatus::Gap { .. } | FeedStatus::Current)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "it never came: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn until_refused(verifier: &Verifier, token: &str) {
    until("it is revoked", || verifier.verify(token) == Err(Rejected::Revoked)).await;
}

fn revoked(session: &str) -> Event {
    Event::SessionRevoked {
        user_id: user_id(USER),
        session_id: session.parse().expect("a UUID"),
        reason: RevocationReason::Logout,
        until: Timestamp::from_unix_micros(1_767_270_000_123_456),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_publishes_is_understood() {
    let Scene { rabbit, issuer, verifier, .. } = scene(&url(), Staleness::Accept).await;
    let (ended, other) = (issuer.token().session(SESSION).mint(), issuer.token().session(OTHER).subject(USER).mint());
    assert!(verifier.verify(&ended).is_ok() && verifier.verify(&other).is_ok());
    rabbit.publish("https://other.test", revoked(OTHER)).await;
    rabbit.publish(issuer.url(), Event::UserUpdated { user_id: user_id(USER), changed: vec!["email".into()] }).await;
    rabbit.publish(issuer.url(), revoked(SESSION)).await;
    until("the session is revoked", || verifier.verify(&ended) == Err(Rejected::Revoked)).await;
    assert!(verifier.verify(&other).is_ok(), "another issuer's word counts for nothing");
    assert_eq!(verifier.status().revocations, 1);
    rabbit.publish(issuer.url(), Event::UserDeleted { user_id: user_id(USER) }).await;
    until("the user is gone", || verifier.verify(&other) == Err(Rejected::Revoked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_token_ends_when_it_is_revoked_and_when_the_client_is_deleted() {
    let Scene { rabbit, issuer, verifier, .. } = scene(&url(), Staleness::Accept).await;
    let mint = |client, id| issuer.client_token(client).id(id).mint();
    let (one, two, other) = (mint("reports", TOKEN), mint("reports", OTHER), mint("billing", SESSION));
    assert!([&one, &two, &other].into_iter().all(|token| verifier.verify(token).is_ok()));
    let (token_id, until) = (TOKEN.parse().unwrap(), Timestamp::from_unix_micros(1_767_270_000_123_456));
    rabbit.publish(issuer.url(), Event::TokenRevoked { token_id, client_id: "reports".into(), until }).await;
    until_refused(&verifier, &one).await;
    assert!(verifier.verify(&two).is_ok());
    let client_id = ClientId::parse("reports").unwrap();
    rabbit.publish(issuer.url(), Event::ClientDeleted { client_id, until }).await;
    until_refused(&verifier, &two).await;
    assert!(verifier.verify(&other).is_ok(), "nothing of this concerns others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a104_a_change_of_roles_reaches_the_tokens_that_tell_of_roles() {
    let Scene { rabbit, issuer, verifier, .. } = scene(&url(), Staleness::Accept).await;
    let of = |user: &str| issuer.token().subject(user);
    let (users, clerks, silent) = (of(USER).roles(&["user"]), of(OTHER).roles(&["user", "clerk"]), of(USER));
    let [users, clerks, silent] = [users, clerks, silent].map(|token| token.mint());
    assert!([&users, &clerks, &silent].into_iter().all(|token| verifier.verify(token).is_ok()));
    let roles = vec![RoleName::parse("clerk").unwrap(), RoleName::user()];
    rabbit.publish(issuer.url(), Event::UserRolesChanged { user_id: user_id(USER), roles }).await;
    until("the user's roles changed", || verifier.verify(&users) == Err(Rejected::RolesChanged)).await;
    assert!(verifier.verify(&clerks).is_ok(), "nothing of this concerns others");
    rabbit.publish(issuer.url(), Event::RoleDeleted { role: RoleName::parse("clerk").unwrap() }).await;
    until("the role is gone", || verifier.verify(&clerks) == Err(Rejected::RolesChanged)).await;
    assert!(verifier.verify(&silent).is_ok(), "a token that tells of no roles goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_brings_the_new_key_before_its_first_token() {
    let rabbit = Rabbit::fresh().await;
    let server = IssuerServer::start().await;
    let issuer = TestIssuer::at(&server.url(), "orders", Algorithm::Es256);
    server.serve(JWKS, Page::of(issuer.jwks()));
    server.serve(PASERK, Page::of(issuer.paserk()));
    let feed = AmqpFeed::new(&url()).unwrap().exchange(&rabbit.exchange).unwrap();
    let clock = std::sync::Arc::new(ManualClock::new());
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock).feed(feed);
    let verifier = builder.build().unwrap();
    until("the feed is connected and the keys are known", || is_heard(&verifier) && verifier.status().is_ready()).await;
    issuer.rotate();
    server.serve(JWKS, Page::of(issuer.jwks()));
    let activates_at = Timestamp::from_unix_seconds(1_767_268_800 + 24 * 60 * 60);
    let event = Event::KeysRotated { kid: issuer.kid(), algorithm: "ES256".into(), activates_at };
    rabbit.publish(issuer.url(), event).await;
    until("the key is known", || verifier.status().keys == 2).await;
    let asked = server.seen(JWKS).last().expect("it was fetched").head.clone();
    assert!(asked.contains("cache-control: no-cache"), "past all caches: {asked}");
    assert!(verifier.verify(&issuer.valid()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_is_dropped_at_once() {
    let Scene { rabbit, issuer, verifier, .. } = scene(&url(), Staleness::Accept).await;
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    rabbit.publish(issuer.url(), Event::KeysRevoked { kid: issuer.kid(), algorithm: "ES256".into() }).await;
    until("the key is gone", || verifier.verify(&token) == Err(Rejected::NoKeys)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_verifiers_hear_the_same() {
    let Scene { rabbit, issuer, clock, verifier } = scene(&url(), Staleness::Accept).await;
    let listening = || {
        let feed = AmqpFeed::new(&url()).unwrap().exchange(&rabbit.exchange).unwrap();
        let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock.clone()).feed(feed);
        builder.fixed_keys(Some(&issuer.jwks()), None).build().unwrap()
    };
    let mut all = vec![verifier];
    all.extend((0..4).map(|_| listening()));
    until("all listen", || all.iter().all(is_heard)).await;
    let token = issuer.token().session(SESSION).mint();
    assert!(all.iter().all(|one| one.verify(&token).is_ok()));
    rabbit.publish(issuer.url(), revoked(SESSION)).await;
    until("all refuse", || all.iter().all(|one| one.verify(&token) == Err(Rejected::Revoked))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_line_is_noticed_and_mended_and_the_gap_is_reported() {
    let line = Line::new().await;
    let bound = Duration::from_secs(30);
    let Scene { rabbit, issuer, clock, verifier } = scene(&line.url(), Staleness::RefuseBeyond(bound)).await;
    let start = issuer.clock().seconds();
    let mint = |issued_at: i64| issuer.token().issued_at(issued_at).mint();
    assert_eq!(verifier.verify(&mint(start)), Err(Rejected::Unheard), "nobody knows what was revoked before");
    clock.advance(Duration::from_secs(60));
    let before = mint(start + 60);
    assert!(verifier.verify(&before).is_ok());
    line.cut();
    until("the loss is noticed", || matches!(verifier.status().feed, FeedStatus::Lost { .. })).await;
    rabbit.publish(issuer.url(), revoked(OTHER)).await;
    assert!(verifier.verify(&before).is_ok(), "within the bound");
    clock.advance(bound + Duration::from_secs(1));
    assert_eq!(verifier.verify(&before), Err(Rejected::Stale));
    line.mend();
    until("the feed is connected again", || is_heard(&verifier)).await;
    assert_eq!(verifier.verify(&before), Err(Rejected::Unheard), "what was said meanwhile is lost");
    clock.advance(Duration::from_secs(1));
    let after = issuer.token().issued_at(start + 92).session(SESSION).mint();
    assert!(verifier.verify(&after).is_ok());
    rabbit.publish(issuer.url(), revoked(SESSION)).await;
    until("it listens again", || verifier.verify(&after) == Err(Rejected::Revoked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_lost_for_less_than_the_bound_refuses_nobody_who_came_after_the_start() {
    let line = Line::new().await;
    let bound = Duration::from_secs(30);
    let Scene { rabbit, issuer, clock, verifier } = scene(&line.url(), Staleness::RefuseBeyond(bound)).await;
    let start = issuer.clock().seconds();
    let mint = |issued_at: i64| issuer.token().issued_at(issued_at).session(SESSION).mint();
    clock.advance(Duration::from_secs(60));
    let (older, before) = (mint(start), mint(start + 60));
    for blip in 1..=2 {
        line.cut();
        until("the loss is noticed", || matches!(verifier.status().feed, FeedStatus::Lost { .. })).await;
        clock.advance(Duration::from_secs(1));
        line.mend();
        until("the feed is connected again", || is_heard(&verifier)).await;
        // A line that went without a word counts as lost for two heartbeats of five seconds longer.
        let gap = FeedStatus::Gap { length: Some(Duration::from_secs(11)), issued_by: start + 60 + blip };
        assert_eq!(verifier.status().feed, gap, "the gap is told all the same");
        assert!(verifier.verify(&before).is_ok(), "within the bound");
        assert_eq!(verifier.verify(&older), Err(Rejected::Unheard), "what was said before the start is still unheard");
    }
    rabbit.publish(issuer.url(), revoked(SESSION)).await;
    until("it listens again", || verifier.verify(&before) == Err(Rejected::Revoked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_falls_silent_is_noticed_and_counts_as_lost_for_as_long_as_it_may_have_been() {
    let line = Line::new().await;
    let Scene { issuer, clock, verifier, .. } = scene(&line.url(), Staleness::Accept).await;
    clock.advance(Duration::from_secs(3600));
    line.silence();
    let lost = |since: Duration| verifier.status().feed == FeedStatus::Lost { since: Some(since) };
    // The manual clock stands still: what counts is what the feed adds, two heartbeats of five seconds.
    until("the silence is noticed", || lost(Duration::from_secs(10)) || is_heard_again(&verifier, issuer.clock()))
        .await;
}

/// A new connection came so soon that the loss was not seen: the gap tells of it.
fn is_heard_again(verifier: &Verifier, start: &ManualClock) -> bool {
    matches!(verifier.status().feed, FeedStatus::Gap { issued_by, .. } if issued_by > start.seconds())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_goes_and_comes_again_is_bound_again() {
    let Scene { rabbit, issuer, verifier, .. } = scene(&url(), Staleness::Accept).await;
    let feed = AmqpFeed::new(&url()).unwrap().exchange(&rabbit.exchange).unwrap();
    drop(verifier);
    rabbit.delete_exchange().await;
    let clock = std::sync::Arc::new(ManualClock::new());
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock).feed(feed);
    let verifier = builder.fixed_keys(Some(&issuer.jwks()), None).build().unwrap();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: None }, "there is nothing to listen to yet");
    rabbit.declare_again().await;
    until("the feed is connected", || is_heard(&verifier)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_is_a_gap_and_no_end() {
    let Scene { rabbit, issuer, clock, verifier } = scene(&url(), Staleness::RefuseBeyond(Duration::MAX)).await;
    clock.advance(Duration::from_secs(60));
    let token = issuer.token().session(SESSION).issued_at(clock.seconds()).mint();
    assert!(verifier.verify(&token).is_ok());
    let strict = Staleness::RefuseBeyond(Duration::from_secs(3600));
    let feed = AmqpFeed::new(&url()).unwrap().exchange(&rabbit.exchange).unwrap();
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock.clone()).feed(feed).staleness(strict);
    let strict = builder.fixed_keys(Some(&issuer.jwks()), None).build().unwrap();
    until("both listen", || is_heard(&strict)).await;
    clock.advance(Duration::from_secs(1));
    let token = issuer.token().session(SESSION).issued_at(clock.seconds()).mint();
    assert!(strict.verify(&token).is_ok());
    rabbit.publish_raw("session.revoked", b"\xff\x00nonsense".to_vec()).await;
    until("the gap counts", || strict.verify(&token) == Err(Rejected::Unheard)).await;
    rabbit.publish(issuer.url(), revoked(SESSION)).await;
    until("it listens on", || strict.verify(&token) == Err(Rejected::Revoked)).await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_keeps_nobody_waiting() {
    let issuer = TestIssuer::new("orders");
    let feed = AmqpFeed::new("amqp://guest:guest@127.0.0.1:9").unwrap();
    let clock = std::sync::Arc::new(ManualClock::new());
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock).feed(feed);
    let verifier = builder.fixed_keys(Some(&issuer.jwks()), None).build().unwrap();
    assert!(verifier.verify(&issuer.valid()).is_ok());
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: None });
}

#[test]
fn settings_that_are_none_are_refused_without_being_repeated() {
    let error = AmqpFeed::new("http://u:canary@h").unwrap_err();
    assert!(matches!(error, AmqpFeedError::Url(_)) && !format!("{error}{error:?}").contains("canary"));
    let feed = || AmqpFeed::new("amqp://u:canary@h").unwrap();
    assert!(!format!("{:?}", feed()).contains("canary"));
    for name in [String::new(), "x".repeat(256)] {
        assert_eq!(feed().exchange(name).unwrap_err(), AmqpFeedError::Exchange);
    }
}
