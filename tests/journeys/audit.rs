//! Looking at the audit trail from the command line.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use crate::api::{Api, Person, Tokens};
use crate::operator::{call, migrated};
use crate::place::{Place, connect};
use crate::service::Settings;

/// A name that moves the cursor, reorders text and ends lines, as far as a header can carry that.
const AGENT: &str = "curl\u{202e}/8 \"x\" \u{85}\u{9b}31m\u{2028}end";

#[tokio::test(flavor = "multi_thread")]
async fn a112_the_trail_tells_who_did_what_on_whom_and_how_it_ended_a_line_each_on_sqlite() {
    the_trail_tells(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a112_the_trail_tells_who_did_what_on_whom_and_how_it_ended_a_line_each_on_postgres() {
    the_trail_tells(&Place::postgres().await).await;
}

async fn the_trail_tells(place: &Place) {
    let settings = migrated(place);
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    let user = api.register(&who).await.expect(201).str("id").to_owned();
    api.login(&who.email, "not the password").await.expect(401);
    api.login("nobody@example.com", "not the password").await.expect(401);
    let body = json!({ "login": who.email, "password": who.password });
    let request = api.request(reqwest::Method::POST, "/api/v1/auth/login").json(&body);
    let agent = reqwest::header::HeaderValue::from_bytes(AGENT.as_bytes()).expect("a header");
    let tokens = Tokens::of(&api.send(request.header("user-agent", agent)).await.expect(200));
    service.stop().await;

    let tail = |flags: &[&str]| call(&settings, &[&["audit", "tail"], flags].concat()).expect(0);
    let all = tail(&["--json"]).lines();
    let acts: Vec<(&str, &str)> = all.iter().map(|entry| (text(entry, "action"), text(entry, "outcome"))).collect();
    let acts: Vec<_> = acts.into_iter().filter(|(action, _)| *action != "key.create").collect();
    assert_eq!(
        acts,
        [
            ("account.register", "success"),
            ("session.login", "wrong_password"),
            ("session.login", "unknown_account"),
            ("session.login", "success"),
        ]
    );
    let last = all.last().expect("an entry");
    assert_eq!(text(last, "session"), tokens.session);
    assert_eq!((text(last, "subject"), text(last, "ip")), (user.as_str(), "127.0.0.1"));
    assert!(text(last, "at").ends_with('Z') && !text(last, "request_id").is_empty(), "{last}");

    // B56: a line an entry, whatever a client calls itself.
    for flags in [&[][..], &["--json"]] {
        let printed = tail(flags).out;
        let lines = |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        assert_eq!(printed.matches(lines).count(), all.len(), "{printed}");
        let steers = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!printed.contains(steers), "{printed}");
        assert!(printed.contains("end") && printed.contains("202e"), "{printed}");
        for secret in [&who.password, &tokens.access, &tokens.refresh] {
            assert!(!printed.contains(secret.as_str()), "{printed}");
        }
    }

    let count = |flags: &[&str]| tail(&[&["--json"], flags].concat()).lines().len();
    assert_eq!(tail(&["--json", "-n", "1"]).lines().first(), Some(last), "the newest");
    assert_eq!(count(&["-n", "0"]), 0);
    assert_eq!(count(&["--action", "session.login"]), 3);
    assert_eq!(count(&["--subject", &user, "--action", "session.login"]), 2);
    assert_eq!(count(&["--actor", &format!("user:{user}"), "--action", "session.login"]), 1);
    assert_eq!(count(&["--actor", "anonymous", "--action", "session.login"]), 2);
    assert_eq!(count(&["--since", text(last, "at")]), 1);
    assert_eq!(count(&["--since", "2999-01-01T00:00:00Z"]), 0);
    for (flags, complaint) in [
        (["--action", "session.logn"], "session.login"),
        (["--actor", "user:7"], "user:ID"),
        (["--subject", "7"], "UUID"),
        (["--since", "yesterday"], "2026-11-21T10:00:00Z"),
    ] {
        let told = call(&settings, &["audit", "tail", flags[0], flags[1]]).expect(2);
        assert!(told.err.contains(complaint), "{told:?}");
    }
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn following_skips_nothing_that_becomes_visible_late_and_repeats_nothing_on_sqlite() {
    following_skips_nothing(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_skips_nothing_that_becomes_visible_late_and_repeats_nothing_on_postgres() {
    following_skips_nothing(&Place::postgres().await).await;
}

async fn following_skips_nothing(place: &Place) {
    let settings = migrated(place);
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    api.register(&who).await.expect(201);
    api.sign_in(&who).await;
    let follower = Follower::start(&settings, &["--action", "session.login", "-n", "1"]);
    let first = follower.next();
    assert_eq!(text(&first, "outcome"), "success");

    // Committed behind what was printed: ten seconds, and a minute, before it.
    for seconds in [10, 60] {
        late(place, seconds).await;
        let printed = follower.next();
        assert!(text(&printed, "at") < text(&first, "at"), "{printed}");
        assert_ne!(printed["id"], first["id"]);
    }
    for _ in 0..5 {
        api.login(&who.email, "not the password").await.expect(401);
    }
    let mut printed: Vec<Value> = (0..5).map(|_| follower.next()).collect();
    printed.dedup_by_key(|entry| entry["id"].clone());
    assert_eq!(printed.len(), 5);
    assert!(printed.iter().all(|entry| text(entry, "outcome") == "wrong_password"));
    // Longer than the pause between two looks that go far back.
    follower.nothing_for(Duration::from_secs(12));
    service.stop().await;
}

/// Puts a copy of the last login into the past, as a slow act or another replica would.
async fn late(place: &Place, seconds: u32) {
    let connection = connect(&place.url()).await;
    let fresh = match connection.get_database_backend() {
        DbBackend::Postgres => "gen_random_uuid()",
        _ => "randomblob(16)",
    };
    let columns = "actor_kind, actor_id, action, refusal, subject_id, session_id, ip, user_agent, request_id, detail";
    let copy = format!(
        "INSERT INTO audit (at, id, {columns}) SELECT at - {seconds}000000, {fresh}, {columns} FROM audit \
         WHERE at = (SELECT max(at) FROM audit)"
    );
    connection.execute_unprepared(&copy).await.expect("the trail can be written");
    connection.close().await.expect("the connection closes");
}

/// `portcullis audit tail --follow --json` as it prints.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(settings: &Settings, flags: &[&str]) -> Self {
        let mut command = settings.command(&[&["audit", "tail", "--follow", "--json"], flags].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let out: ChildStdout = child.stdout.take().expect("a pipe");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let Ok(line) = line else { break };
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("an entry is printed");
        serde_json::from_str(&line).expect("JSON")
    }

    fn nothing_for(&self, time: Duration) {
        let line = self.lines.recv_timeout(time);
        assert_eq!(line, Err(RecvTimeoutError::Timeout));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }
}
