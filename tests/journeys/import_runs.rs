//! Imports under way: killed and finished, in order, in constant memory, with a bar for people.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::api::Api;
use crate::broker::{Broker, Received};
use crate::import::{BCRYPT, PASSWORD};
use crate::operator::{argument, call, file, migrated};
use crate::place::{Place, connect};

/// K12.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_is_finished_by_the_next_one_on_sqlite() {
    an_import_that_was_killed(Place::sqlite()).await;
}

/// K12.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_is_finished_by_the_next_one_on_postgres() {
    an_import_that_was_killed(Place::postgres().await).await;
}

const PEOPLE: u64 = 4_000;

fn people() -> String {
    let line = |number: u64| json!({ "email": format!("p{number}@example.com"), "password_hash": BCRYPT });
    (0..PEOPLE).map(|number| format!("{}\n", line(number))).collect()
}

/// SIGKILL twice, then SIGINT: each time some rows are in, and in the end each is there once, with one event.
async fn an_import_that_was_killed(place: Place) {
    let broker = Broker::fresh().await;
    let settings = migrated(&place).publishing_to(&broker);
    let path = file(&place, "people.jsonl", people());
    let mut before = 0;
    for signal in ["KILL", "KILL", "INT"] {
        let since = Instant::now();
        let mut child = settings
            .command(&["users", "import", argument(&path), "--jobs", "8", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let deadline = Instant::now() + Duration::from_secs(120);
        while count(&place, "users").await < before + PEOPLE / 8 {
            assert!(child.try_wait().expect("the child can be asked").is_none(), "it ended before it was killed");
            assert!(Instant::now() < deadline, "nothing is brought in");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        place.until_left_alone_by_the_dead(since).await;
        before = count(&place, "users").await;
        assert!(before < PEOPLE, "it was broken off");
        if signal == "INT" {
            assert_eq!(output.status.code(), Some(130));
            let summary: Value = serde_json::from_slice(&output.stdout).expect("a summary");
            assert_eq!(summary["complete"], false, "{summary}");
        }
    }
    let rest = call(&settings, &["users", "import", argument(&path), "--json"]).expect(0).json();
    let counts = ["rows", "added", "present", "refused"].map(|name| rest[name].as_u64());
    assert_eq!(counts, [Some(PEOPLE), Some(PEOPLE - before), Some(before), Some(0)]);
    for table in ["users", "credentials"] {
        assert_eq!(count(&place, table).await, PEOPLE, "{table}");
    }
    let trail = call(&settings, &["audit", "tail", "-n", "100000", "--action", "account.import", "--json"]).expect(0);
    assert_eq!(trail.lines().len(), usize::try_from(PEOPLE).expect("a small number"));

    let service = settings.start().await;
    let registered = |events: &[Received]| {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in events.iter().filter(|event| event.name() == "user.registered") {
            let ids = told.entry(event.data("email").to_owned()).or_default();
            if !ids.contains(&event.message_id) {
                ids.push(event.message_id.clone());
            }
        }
        told
    };
    let wanted = usize::try_from(PEOPLE).expect("a small number");
    let enough = |events: &[Received]| registered(events).len() >= wanted;
    let events = broker.wait("an event for each account", Duration::from_secs(120), enough).await;
    assert!(registered(&events).values().all(|ids| ids.len() == 1), "one event for each account");
    let api = Api::at(&service.url);
    api.login("p3999@example.com", PASSWORD).await.expect(200);
    service.stop().await;
}

async fn count(place: &Place, table: &str) -> u64 {
    let connection = connect(&place.url()).await;
    let statement = Statement::from_string(connection.get_database_backend(), format!("SELECT count(*) FROM {table}"));
    let row = connection.query_one_raw(statement).await.expect("the database answers").expect("a row");
    let count: i64 = row.try_get_by_index(0).expect("a number");
    connection.close().await.expect("the connection closes");
    u64::try_from(count).expect("a count")
}

/// The first of two rows with one name wins, however many are under way at once.
#[tokio::test(flavor = "multi_thread")]
async fn rows_with_one_name_take_their_turns_in_the_order_of_the_file() {
    let place = Place::postgres().await;
    let settings = migrated(&place);
    let row = |round: u32, first: bool| {
        let username = format!("{}{round}", if first { "first" } else { "later" });
        json!({ "email": format!("r{round}@example.com"), "username": username }).to_string()
    };
    let rows: Vec<String> =
        (0..100).flat_map(|round| [row(round, true), row(round, false), row(round, true)]).collect();
    let path = file(&place, "people.jsonl", rows.join("\n"));
    let done = call(&settings, &["users", "import", argument(&path), "--json", "--jobs", "256"]).expect(1);
    let counts = ["added", "present", "refused"].map(|name| done.json()[name].as_u64());
    assert_eq!(counts, [Some(100), Some(100), Some(100)]);
    let lines: Vec<String> = (0..100)
        .map(|round| format!("line {}: the e-mail address belongs to another account", 3 * round + 2))
        .collect();
    assert_eq!(done.err.lines().collect::<Vec<_>>(), lines, "told in the order of the file");
}

/// The memory does not grow with the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_read_in_constant_memory() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let mut peaks = Vec::new();
    for rows in [5_000_u32, 60_000] {
        let mut command = settings.command(&["users", "import", "-", "--format", "csv", "--report", "/dev/null"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"email,username,password_hash\n").expect("it reads");
        let name = "x".repeat(500);
        for row in 0..rows {
            // Refused at sight: what is measured is the reading.
            writeln!(stdin, "r{row}@example.com,{name},{BCRYPT}").expect("it reads");
        }
        peaks.push(peak_kib(child.id()));
        drop(stdin);
        assert_eq!(child.wait().expect("it ends").code(), Some(1));
    }
    assert!(peaks[1] < peaks[0] + 16 * 1024, "KiB at most: {peaks:?}");
}

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// A bar is for people: what programs read has no control characters.
#[tokio::test(flavor = "multi_thread")]
async fn a_progress_bar_is_shown_on_a_terminal_only() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let path = file(&place, "people.jsonl", people());
    let plain = call(&settings, &["users", "import", argument(&path)]).expect(0);
    assert_eq!(plain.err, "");
    assert!(plain.out.starts_with("4000 rows: 4000 added, 0 present, 0 refused"), "{plain:?}");

    let inner = settings.command(&["users", "import", argument(&path)]);
    let shown = format!("{} users import {}", inner.get_program().to_string_lossy(), path.display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &shown, "/dev/null"]).current_dir(place.dir());
    terminal.env_clear().env("TERM", "xterm").stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            terminal.env(name, value);
        }
    }
    let output = terminal.output().unwrap_or_else(|error| panic!("this test needs script(1) of util-linux: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("rows, 0 refused") && text.contains('%'), "{text}");
}
