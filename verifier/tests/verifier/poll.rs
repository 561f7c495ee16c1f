//! The revocation feed from the issuer itself.

use std::sync::Arc;
use std::time::Duration;

use portcullis_verifier::poll::{PollFeed, PollFeedError};
use portcullis_verifier::testing::{ManualClock, TestIssuer};
use portcullis_verifier::{Algorithm, FeedStatus, Rejected, Staleness, Verifier};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::issuer_server::{IssuerServer, JWKS, PASERK, Page};
use crate::log::Log;
use crate::poll_server::{PollServer, Reply, bulletin, item};

const SECRET: &str = "pcs_canary";
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    server: PollServer,
    issuer: TestIssuer,
    clock: Arc<ManualClock>,
    verifier: Verifier,
}

/// A verifier that listens to a server that has said nothing so far. Its clock has run for an hour, and stands at noon.
async fn scene(staleness: Staleness) -> Scene {
    let (server, issuer) = (PollServer::start().await, TestIssuer::new("orders"));
    let clock = Arc::new(ManualClock::new());
    clock.advance(HOUR);
    clock.set(issuer.clock().seconds().unsigned_abs());
    let verifier = verifier(&issuer, &clock, &server.url(), staleness);
    Scene { server, issuer, clock, verifier }
}

fn verifier(issuer: &TestIssuer, clock: &Arc<ManualClock>, url: &str, staleness: Staleness) -> Verifier {
    Verifier::builder(issuer.url())
        .audience("orders")
        .fixed_keys(Some(&issuer.jwks()), None)
        .clock(clock.clone())
        .staleness(staleness)
        .feed(PollFeed::new(url, "orders", SECRET).expect("a URL"))
        .build()
        .expect("these settings are valid")
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "it never came: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn until_current(verifier: &Verifier) {
    until("everything is heard", || verifier.status().feed == FeedStatus::Current).await;
}

async fn until_lost(verifier: &Verifier) {
    until("the loss is noticed", || matches!(verifier.status().feed, FeedStatus::Lost { since: Some(_) })).await;
}

async fn until_asked(server: &PollServer, questions: usize) {
    until("it asks", || server.questions().len() >= questions).await;
}

#[tokio::test]
async fn the_first_answer_holds_everything_and_each_cursor_leads_to_the_next() {
    let Scene { server, issuer, clock, verifier } = scene(Staleness::RefuseBeyond(HOUR)).await;
    let (ended, fine) = (issuer.token().session("s").mint(), issuer.token().session("t").mint());
    let (revoked, own) = (issuer.client_token("billing").id("j").mint(), issuer.client_token("reports").mint());
    assert_eq!(verifier.verify(&fine), Err(Rejected::Stale), "nobody knows what was revoked before");
    server.tell(&[item("grant", "s"), item("grant", "j"), item("client", "reports")], "1-a");
    until_current(&verifier).await;
    for token in [&ended, &revoked, &own] {
        assert_eq!(verifier.verify(token), Err(Rejected::Revoked));
    }
    assert!(verifier.verify(&fine).is_ok(), "the feed knows all from before: there is no gap");
    until_asked(&server, 2).await;
    server.tell(&[item("grant", "t")], "2 & b");
    until("the news is heard", || verifier.verify(&fine) == Err(Rejected::Revoked)).await;
    until_asked(&server, 3).await;
    assert_eq!(server.cursors(), [None, Some("1-a".to_owned()), Some("2 & b".to_owned())]);
    let questions = server.questions();
    assert_eq!((questions[0].target.as_str(), questions[0].query("wait")), ("/api/v1/revocations", None));
    assert_eq!(questions[1].query("wait").as_deref(), Some("25"));
    // base64 of orders:pcs_canary
    assert!(questions.iter().all(|question| question.authorization == "Basic b3JkZXJzOnBjc19jYW5hcnk="));
    assert_eq!(verifier.status().revocations, 4);
    clock.advance(Duration::from_secs(902));
    let later = issuer.token().session("s").issued_at(clock.seconds()).mint();
    assert_eq!(verifier.verify(&later), Err(Rejected::Revoked), "`until` and the largest leeway");
}

#[tokio::test]
async fn replicas_by_turns_are_understood_and_not_stormed() {
    let Scene { server, issuer, verifier, .. } = scene(Staleness::RefuseBeyond(HOUR)).await;
    // Each replica answers the other's cursor at once, with what may have been read there.
    for turn in 0..40 {
        let cursor = format!("{}-{turn}", if turn % 2 == 0 { "a" } else { "b" });
        server.tell(&[item("grant", "s"), item("key", "gone")], &cursor);
    }
    until_current(&verifier).await;
    let token = issuer.token().session("s").mint();
    sleep(Duration::from_millis(1_100)).await;
    let questions = server.questions();
    assert!((2..=6).contains(&questions.len()), "{} questions in a second", questions.len());
    let expected = (0..).map(|turn| Some(format!("{}-{turn}", if turn % 2 == 0 { "a" } else { "b" })));
    assert!(server.cursors().into_iter().skip(1).eq(expected.take(questions.len() - 1)), "each cursor is the last one");
    assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
    assert_eq!(verifier.status().revocations, 1, "what is told again is known");
    assert_eq!(verifier.status().feed, FeedStatus::Current);
}

#[tokio::test]
async fn an_issuer_that_has_not_heard_itself_is_no_news_and_nothing_is_missed() {
    let Scene { server, issuer, clock, verifier } = scene(Staleness::RefuseBeyond(Duration::from_secs(30))).await;
    let (good, bad) = (issuer.token().session("t").mint(), issuer.token().session("s").mint());
    server.tell(&[], "1");
    until_current(&verifier).await;
    server.reply(Reply::Say(503, "Retry-After: 0\r\n".to_owned(), "{}".to_owned()));
    until_lost(&verifier).await;
    assert!(verifier.verify(&good).is_ok(), "within the bound");
    clock.advance(Duration::from_secs(31));
    assert_eq!(verifier.verify(&good), Err(Rejected::Stale));
    server.tell_at(31, &[item("grant", "s")], "2");
    until_current(&verifier).await;
    assert!(verifier.verify(&good).is_ok(), "the cursor has led over the gap");
    assert_eq!(verifier.verify(&bad), Err(Rejected::Revoked));
    until_asked(&server, 4).await;
    assert_eq!(server.cursors()[1..], ["1", "1", "2"].map(|cursor| Some(cursor.to_owned())));
}

#[tokio::test]
async fn the_issuers_wish_to_be_asked_later_is_granted() {
    let Scene { server, verifier, .. } = scene(Staleness::Accept).await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    server.reply(Reply::Say(429, "Retry-After: 2\r\n".to_owned(), String::new()));
    server.tell(&[], "2");
    until_asked(&server, 3).await;
    let questions = server.questions();
    let pause = questions[2].at - questions[1].at;
    assert!((Duration::from_millis(1_950)..Duration::from_secs(6)).contains(&pause), "{pause:?}");
}

#[tokio::test]
async fn a_line_that_is_cut_is_mended_from_where_it_was() {
    let Scene { server, issuer, verifier, .. } = scene(Staleness::Accept).await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    let whole = bulletin(&[item("grant", "s")], "2").to_string();
    let half = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n{}", whole.len(), &whole[..whole.len() / 2]);
    let cuts = ["", "HTTP/1.1 2", "HTTP/1.1 200 X\r\nContent-Length: 10\r\n", "nonsense\r\n\r\n", &half];
    for cut in cuts {
        server.reply(Reply::Cut(cut.to_owned()));
    }
    until_asked(&server, 2 + cuts.len()).await;
    assert!(matches!(verifier.status().feed, FeedStatus::Lost { .. }));
    let token = issuer.token().session("s").mint();
    assert!(verifier.verify(&token).is_ok(), "half an answer is none");
    server.tell(&[item("grant", "s")], "2");
    until_current(&verifier).await;
    assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
    let cursors = server.cursors();
    assert!(cursors[1..=1 + cuts.len()].iter().all(|cursor| cursor.as_deref() == Some("1")), "{cursors:?}");
}

#[tokio::test]
async fn a_line_that_falls_silent_is_noticed_and_counts_as_lost_from_the_last_answer_on() {
    let Scene { server, issuer, clock, verifier } = scene(Staleness::RefuseBeyond(Duration::from_secs(2))).await;
    let token = issuer.valid();
    server.tell(&[], "1");
    until_current(&verifier).await;
    server.reply(Reply::Silence);
    until_asked(&server, 2).await;
    assert_eq!(server.questions()[1].query("wait").as_deref(), Some("1"), "twice within the bound");
    let asked = Instant::now();
    // The manual clock stands still from here on: what counts is what the feed adds.
    clock.advance(Duration::from_secs(4));
    until_lost(&verifier).await;
    let noticed = asked.elapsed();
    assert!(noticed >= Duration::from_millis(3_900), "{noticed:?}: the issuer may take its time");
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: Some(Duration::from_secs(4)) });
    assert_eq!(verifier.verify(&token), Err(Rejected::Stale));
    server.tell_at(4, &[], "2");
    until_current(&verifier).await;
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn an_answer_that_is_none_changes_nothing() {
    let Scene { server, issuer, verifier, .. } = scene(Staleness::Accept).await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    let with = |name: &str, value: serde_json::Value| {
        let mut answer = bulletin(&[item("grant", "s")], "2");
        answer[name] = value;
        answer.to_string()
    };
    let answers = [
        String::new(),
        "<html>".to_owned(),
        "[]".to_owned(),
        with("items", json!([{"kind": "grant", "id": "s"}])),
        with("items", json!([{"kind": "grant", "id": 1, "until": "2026-01-01T12:15:00Z"}])),
        with("items", json!({})),
        with("next_cursor", json!("")),
        with("next_cursor", json!("x".repeat(1025))),
        with("keys", json!(null)),
        with("complete_until", json!("noon")),
        format!("{} {{}}", with("later", json!(1))),
    ];
    let count = answers.len();
    for answer in answers {
        server.reply(Reply::Say(200, String::new(), answer));
        server.tell(&[], "1");
    }
    until_asked(&server, 2 * count + 2).await;
    let token = issuer.token().session("s").mint();
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(verifier.status().revocations, 0);
    assert!(server.cursors()[1..].iter().all(|cursor| cursor.as_deref() == Some("1")));
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken() {
    let Scene { server, verifier, .. } = scene(Staleness::Accept).await;
    server.reply(Reply::Long(256 * 1024 * 1024));
    server.tell(&[], "1");
    until_current(&verifier).await;
    let (taken, most) = (server.taken(), 64 * 1024 * 1024);
    assert!((1..most).contains(&taken), "{taken} bytes were taken, 32 MiB and what lies on the way");
}

#[tokio::test]
async fn an_end_that_cannot_be_read_is_as_late_as_can_be() {
    let Scene { server, issuer, clock, verifier } = scene(Staleness::Accept).await;
    let mut soon = item("grant", "s");
    soon["until"] = json!("soon");
    server.tell(&[soon], "1");
    until_current(&verifier).await;
    clock.advance(Duration::from_secs(23 * 60 * 60));
    let token = issuer.token().session("s").issued_at(clock.seconds()).mint();
    assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
}

#[tokio::test]
async fn a_kind_that_has_no_meaning_here_is_passed_over() {
    let Scene { server, issuer, verifier, .. } = scene(Staleness::RefuseBeyond(HOUR)).await;
    server.tell(&[item("tenant", "x"), item("grant", "s")], "1");
    until_current(&verifier).await;
    assert_eq!(verifier.verify(&issuer.token().session("s").mint()), Err(Rejected::Revoked));
    assert!(verifier.verify(&issuer.token().session("x").mint()).is_ok());
}

/// The issuer's clock is compared with itself: ours may be wrong by hours.
#[tokio::test]
async fn what_the_issuer_itself_has_not_heard_is_stale_beyond_the_bound() {
    let bound = Duration::from_secs(30);
    for wrong in [Duration::ZERO, HOUR] {
        let Scene { server, issuer, clock, verifier } = scene(Staleness::RefuseBeyond(bound)).await;
        clock.set(issuer.clock().seconds().unsigned_abs() + wrong.as_secs());
        let token = issuer.token().issued_at(clock.seconds()).mint();
        let lenient = self::verifier(&issuer, &clock, &server.url(), Staleness::Accept);
        let answered = |date: &str| Reply::Say(200, format!("Date: {date}\r\n"), bulletin(&[], "1").to_string());
        let (in_time, late) = ("Thu, 01 Jan 2026 12:00:30 GMT", "Thu, 01 Jan 2026 12:00:31 GMT");
        for _ in 0..2 {
            server.reply(answered(in_time));
        }
        until_current(&verifier).await;
        until_current(&lenient).await;
        assert!(verifier.verify(&token).is_ok());
        until_asked(&server, 4).await;
        for _ in 0..2 {
            server.reply(answered(late));
        }
        until_lost(&verifier).await;
        let lost = Duration::from_secs(31);
        assert_eq!(verifier.status().feed, FeedStatus::Lost { since: Some(lost) });
        assert_eq!(verifier.verify(&token), Err(Rejected::Stale));
        assert!(lenient.verify(&token).is_ok(), "who accepts stale tokens does so");
        until_asked(&server, 6).await;
        for _ in 0..2 {
            server.reply(answered(in_time));
        }
        until_current(&verifier).await;
        assert!(verifier.verify(&token).is_ok());
    }
}

#[tokio::test]
async fn an_answer_without_a_date_is_as_old_as_our_clock_says() {
    let Scene { server, clock, verifier, .. } = scene(Staleness::RefuseBeyond(Duration::from_secs(30))).await;
    server.reply(Reply::Say(200, String::new(), bulletin(&[], "1").to_string()));
    until_current(&verifier).await;
    until_asked(&server, 2).await;
    // Only the time of day: no uptime passes.
    clock.set(clock.seconds().unsigned_abs() + 31);
    server.reply(Reply::Say(200, String::new(), bulletin(&[], "2").to_string()));
    until_lost(&verifier).await;
}

/// A cache on the way that keeps what must not be kept: one answer for ever, or two by turns. Whatever our own clock
/// says.
#[tokio::test]
async fn old_answers_that_come_again_and_again_are_stale_beyond_the_bound() {
    let (bound, ten_minutes) = (Duration::from_secs(30), Duration::from_secs(600));
    for (wrong, replayed) in [(Duration::ZERO, &[0][..]), (ten_minutes, &[0]), (Duration::ZERO, &[0, 10])] {
        for staleness in [Staleness::RefuseBeyond(bound), Staleness::Accept] {
            let bound = if staleness == Staleness::Accept { Duration::from_secs(60) } else { bound };
            let Scene { server, issuer, clock, verifier } = scene(staleness).await;
            clock.set(issuer.clock().seconds().unsigned_abs() + wrong.as_secs());
            let token = issuer.token().issued_at(clock.seconds()).mint();
            let mut told = 0;
            let mut replay = async || {
                for seconds in replayed.iter().chain(replayed) {
                    server.tell_at(*seconds, &[], "1");
                    told += 1;
                }
                // Who asks again has taken the last answer in.
                until_asked(&server, told + 1).await;
            };
            replay().await;
            until_current(&verifier).await;
            clock.advance(bound);
            replay().await;
            assert_eq!(verifier.status().feed, FeedStatus::Current, "just as old as it may be");
            clock.advance(Duration::from_secs(1));
            replay().await;
            let since = Some(bound + Duration::from_secs(1));
            assert_eq!(verifier.status().feed, FeedStatus::Lost { since });
            let lenient = staleness == Staleness::Accept;
            assert_eq!(verifier.verify(&token).err(), (!lenient).then_some(Rejected::Stale));
            let passed = bound.as_secs() + 1;
            server.tell_at(passed, &[item("grant", "s")], "2");
            until_current(&verifier).await;
            assert!(verifier.verify(&token).is_ok(), "the issuer itself is heard again");
            let revoked = issuer.token().session("s").issued_at(clock.seconds()).mint();
            assert_eq!(verifier.verify(&revoked), Err(Rejected::Revoked));
        }
    }
}

#[tokio::test]
async fn an_issuer_whose_answers_go_on_stays_current() {
    let Scene { server, issuer, clock, verifier } = scene(Staleness::RefuseBeyond(Duration::from_secs(30))).await;
    server.tell(&[], "0");
    until_current(&verifier).await;
    for turn in 1..=4 {
        until_asked(&server, 2 * usize::try_from(turn).unwrap()).await;
        clock.advance(Duration::from_secs(30));
        // Another replica knows less, and nothing new: that takes nothing back.
        server.tell_at(30 * turn, &[], "a");
        server.tell_at(30 * turn - 5, &[], "b");
        until_asked(&server, 2 * usize::try_from(turn).unwrap() + 2).await;
        assert_eq!(verifier.status().feed, FeedStatus::Current, "turn {turn}");
    }
    assert!(verifier.verify(&issuer.valid()).is_ok());
}

#[tokio::test]
async fn a_line_that_fails_after_old_answers_is_lost_since_the_last_new_one() {
    let Scene { server, issuer, clock, verifier } = scene(Staleness::RefuseBeyond(Duration::from_secs(30))).await;
    let token = issuer.valid();
    server.tell(&[], "1");
    until_current(&verifier).await;
    until_asked(&server, 2).await;
    clock.advance(Duration::from_secs(20));
    server.tell(&[], "1");
    until_asked(&server, 3).await;
    assert_eq!(server.questions()[2].query("wait").as_deref(), Some("10"), "the next answer is in time");
    clock.advance(Duration::from_secs(9));
    server.reply(Reply::Cut(String::new()));
    until_lost(&verifier).await;
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: Some(Duration::from_secs(29)) });
    assert!(verifier.verify(&token).is_ok(), "within the bound");
    clock.advance(Duration::from_secs(2));
    assert_eq!(verifier.verify(&token), Err(Rejected::Stale));
}

#[tokio::test]
async fn an_issuer_that_drains_goes_and_comes_again_loses_nothing() {
    let Scene { server, issuer, verifier, .. } = scene(Staleness::Accept).await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    until_asked(&server, 2).await;
    // It ends all questions that wait, and is gone.
    server.tell(&[], "2");
    until_asked(&server, 3).await;
    assert_eq!(verifier.status().feed, FeedStatus::Current);
    let address = server.address;
    drop(server);
    until_lost(&verifier).await;
    let token = issuer.token().session("s").mint();
    assert!(verifier.verify(&token).is_ok());
    let server = PollServer::at(address).await;
    server.tell(&[item("grant", "s")], "3");
    until_current(&verifier).await;
    assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
    assert_eq!(server.cursors()[0].as_deref(), Some("2"), "it goes on from where it was");
}

#[tokio::test]
async fn a_cursor_that_nobody_knows_any_more_is_given_up() {
    for status in [400, 422] {
        let Scene { server, issuer, verifier, .. } = scene(Staleness::Accept).await;
        server.tell(&[], "1");
        until_current(&verifier).await;
        server.reply(Reply::Say(status, String::new(), r#"{"code":"bad-cursor"}"#.to_owned()));
        server.tell(&[item("grant", "s")], "2");
        let token = issuer.token().session("s").mint();
        until("all is told again", || verifier.verify(&token) == Err(Rejected::Revoked)).await;
        assert_eq!(server.cursors()[..3], [None, Some("1".to_owned()), None]);
        until_current(&verifier).await;
    }
}

#[tokio::test]
async fn refused_credentials_are_told_loudly_and_tried_again_slowly() {
    for status in [401, 403] {
        let (log, _guard) = Log::catch();
        let Scene { server, verifier, .. } = scene(Staleness::Accept).await;
        for _ in 0..10 {
            server.reply(Reply::Say(status, "WWW-Authenticate: Basic\r\n".to_owned(), String::new()));
        }
        until_asked(&server, 1).await;
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!(server.questions().len(), 1, "somebody has to do something first");
        let errors = log.with("ERROR");
        assert!(errors.len() == 1 && errors[0].contains("credentials"), "{errors:?}");
        assert_eq!(verifier.status().feed, FeedStatus::Lost { since: None });
        let lines = log.with("");
        assert!(lines.iter().all(|line| !line.contains("canary") && !line.contains("b3JkZXJz")), "{lines:?}");
    }
}

#[tokio::test]
async fn trouble_is_told_once() {
    let (log, _guard) = Log::catch();
    let Scene { server, verifier, .. } = scene(Staleness::Accept).await;
    for _ in 0..3 {
        server.reply(Reply::Say(500, String::new(), String::new()));
    }
    server.tell(&[], "1");
    until_current(&verifier).await;
    assert_eq!(server.cursors().iter().filter(|cursor| cursor.is_none()).count(), 4);
    assert_eq!(log.with("no revocations from the issuer").len(), 1);
    assert_eq!(log.with("none was missed").len(), 1);
}

/// Keys by HTTP as well: the issuer's own documents, and what they are asked for.
async fn with_keys() -> (PollServer, IssuerServer, TestIssuer, Verifier) {
    let (server, documents) = (PollServer::start().await, IssuerServer::start().await);
    let issuer = TestIssuer::at(&documents.url(), "orders", Algorithm::Es256);
    serve(&documents, &issuer);
    let feed = PollFeed::new(&server.url(), "orders", SECRET).expect("a URL");
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(Arc::new(ManualClock::new())).feed(feed);
    let verifier = builder.build().expect("these settings are valid");
    until("the keys are known", || verifier.status().is_ready()).await;
    (server, documents, issuer, verifier)
}

fn serve(documents: &IssuerServer, issuer: &TestIssuer) {
    documents.serve(JWKS, Page::of(issuer.jwks()));
    documents.serve(PASERK, Page::of(issuer.paserk()));
}

#[tokio::test]
async fn other_keys_are_fetched_past_all_caches_before_their_first_token() {
    let (server, documents, issuer, verifier) = with_keys().await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    until_asked(&server, 2).await;
    server.tell(&[], "2");
    until_asked(&server, 3).await;
    assert_eq!(documents.count(JWKS), 1, "the same keys are no news");
    issuer.rotate();
    serve(&documents, &issuer);
    let mut rotated = bulletin(&[], "3");
    rotated["keys"] = json!("other keys");
    server.reply(Reply::Say(200, String::new(), rotated.to_string()));
    until("the new key is known", || verifier.status().keys == 2).await;
    let asked = documents.seen(JWKS).last().expect("it was fetched").head.clone();
    assert!(asked.contains("cache-control: no-cache"), "{asked}");
    assert!(verifier.verify(&issuer.valid()).is_ok());
}

#[tokio::test]
async fn a_withdrawn_key_is_dropped_at_once_and_fetched_for_once() {
    let (server, documents, issuer, verifier) = with_keys().await;
    let (token, kid) = (issuer.valid(), issuer.kid());
    assert!(verifier.verify(&token).is_ok());
    issuer.rotate();
    for turn in 0..16 {
        server.tell(&[item("key", &kid)], &turn.to_string());
    }
    until("the key is gone", || verifier.verify(&token).is_err()).await;
    until_asked(&server, 17).await;
    // At the start, for the withdrawal, and a second look; not once a second.
    let fetched = documents.count(JWKS);
    assert!((2..=3).contains(&fetched), "{fetched}: what is withdrawn already is no news");
    assert_eq!(verifier.status().keys, 0, "the old document comes again, and the key does not");
}

/// The word may be faster than the replica that is asked for the keys.
#[tokio::test]
async fn keys_that_have_not_changed_although_the_issuer_said_so_are_looked_at_again() {
    let (server, documents, issuer, verifier) = with_keys().await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    let mut rotated = bulletin(&[], "2");
    rotated["keys"] = json!("other keys");
    server.reply(Reply::Say(200, String::new(), rotated.to_string()));
    until("they are fetched", || documents.count(JWKS) == 2).await;
    assert_eq!(verifier.status().keys, 1);
    issuer.rotate();
    serve(&documents, &issuer);
    until("the new key is known", || verifier.status().keys == 2).await;
    let asked = documents.seen(JWKS).last().expect("it was fetched").head.clone();
    assert!(documents.count(JWKS) == 3 && asked.contains("cache-control: no-cache"), "{asked}");
}

/// A token of a key that the feed has just announced waits for the fetch that is due.
#[tokio::test]
async fn a_token_of_an_announced_key_is_not_refused_before_the_keys_are_fetched() {
    let (server, documents, issuer, verifier) = with_keys().await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    until_asked(&server, 2).await;
    let kid = issuer.kid();
    issuer.rotate();
    serve(&documents, &issuer);
    let token = issuer.valid();
    server.tell(&[item("key", &kid)], "2");
    until_asked(&server, 3).await;
    // The keys were fetched less than the floor of 10 s ago: only for the announcement are they fetched again.
    assert!(verifier.verify_async(&token).await.is_ok());
    assert_eq!(documents.count(JWKS), 2);
}

#[tokio::test]
async fn the_feed_ends_with_the_verifier() {
    let Scene { server, verifier, .. } = scene(Staleness::Accept).await;
    server.tell(&[], "1");
    until_current(&verifier).await;
    until_asked(&server, 2).await;
    drop(verifier);
    for cursor in ["2", "3", "4"] {
        server.tell(&[], cursor);
    }
    sleep(Duration::from_millis(900)).await;
    assert_eq!(server.questions().len(), 2);
}

#[test]
fn without_a_runtime_nothing_is_heard_and_nothing_breaks() {
    let issuer = TestIssuer::new("orders");
    let url = "http://127.0.0.1:9";
    let verifier = verifier(&issuer, &Arc::new(ManualClock::new()), url, Staleness::Accept);
    assert!(verifier.verify(&issuer.valid()).is_ok());
    assert_eq!(verifier.status().feed, FeedStatus::Lost { since: None });
}

#[test]
fn the_secret_is_not_shown_and_goes_nowhere_in_the_clear() {
    let feed = PollFeed::new("https://auth.example.com", "orders", SECRET).expect("a URL");
    let shown = format!("{feed:?}");
    assert!(!shown.contains("canary") && shown.contains("auth.example.com"), "{shown}");
    let error = PollFeed::new("http://auth.example.com", "orders", SECRET).unwrap_err();
    assert_eq!(error, PollFeedError::Url);
    assert!(!format!("{error}{error:?}").contains("canary"));
    assert!(PollFeed::over_plain_http("http://auth.internal", "orders", SECRET).is_ok());
}
