//! A real browser on pages of allowed and of foreign origins; and the snippets of `docs/frontends.md`, which are the
//! very files that its pages are made of.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::operator::call;
use crate::place::Place;
use crate::service::Settings;

/// How long one scenario may take on a busy machine, the start of the browser included.
const PATIENCE: Duration = Duration::from_secs(200);

#[tokio::test(flavor = "multi_thread")]
async fn a046_a048_a_page_on_an_allowed_origin_stays_logged_in_and_reads_no_token() {
    play("allowed", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a047_a050_b55_a_page_on_a_foreign_origin_fails_at_each_step_and_changes_nothing() {
    play("foreign", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a047_a048_plain_forms_on_foreign_pages_change_nothing() {
    play("forms", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_react_and_the_vue_page_of_the_documentation_log_in_stay_and_log_out() {
    play("frameworks", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_why_it_is_refused_and_when_to_come_back() {
    play("refusals", &[("PORTCULLIS__LIMITS__LOGIN", "4/150s")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bearer_client_of_the_documentation_works_in_a_program_and_on_an_allowed_page() {
    play("bearer", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_behind_links_set_up_an_administrator_and_a_password_once_and_keep_the_secret_to_themselves() {
    let settings = [("PORTCULLIS__PASSWORDS__MIN_LENGTH", "10")];
    play_given("links", &settings, |settings| {
        // The second makes the first worthless.
        (0..2).map(|_| call(settings, &["admin", "setup-link"]).expect(0).out.trim().to_owned()).collect()
    })
    .await;
}

#[test]
fn the_documentation_quotes_the_files_that_the_browser_runs() {
    let text = read(&root().join("docs/frontends.md"));
    let (mut quoted, mut broken) = (BTreeSet::new(), Vec::new());
    for (marker, language, code) in fences(&text) {
        match marker {
            Some(path) if code == read(&root().join(path)) => {
                quoted.insert(path.to_owned());
            }
            Some(path) => broken.push(format!("{path} is not what docs/frontends.md quotes: copy the file again")),
            // What is no code of a page may stand alone: a command, a setting, a line of configuration.
            None if ["sh", "toml", "nginx"].contains(&language) => {}
            None => broken.push(format!("a block of `{language}` quotes no file: {code}")),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    // The entry points only put the pieces together on the test's page; page.js hands them to the test.
    let ours = |path: &String| !["page.js", "main.js", "main.jsx"].iter().any(|name| path.ends_with(name));
    let pages: BTreeSet<String> = pages().into_iter().filter(ours).collect();
    assert_eq!(quoted, pages, "docs/frontends.md quotes every file of the pages");
}

#[test]
fn the_documentation_names_only_problems_that_exist() {
    let codes = problems_of("docs/frontends.md");
    assert!(codes >= 15, "the table of problems is found: {codes}");
}

/// How many problems a page names in a table of statuses and codes; each is one of ours.
#[track_caller]
pub(crate) fn problems_of(page: &str) -> usize {
    let catalogue = read(&root().join("adapters/http/src/problem/code.rs"));
    let text = read(&root().join(page));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let mut codes = 0;
    for (status, rest) in rows.filter(|(status, _)| status.bytes().all(|byte| byte.is_ascii_digit())) {
        let cell = rest.split(" | ").next().unwrap_or_default();
        for code in cell.split('`').skip(1).step_by(2) {
            let name = catalogue.lines().find(|line| line.contains(&format!(" \"{code}\" ")));
            let name = name.unwrap_or_else(|| panic!("{page}: there is no problem `{code}`"));
            assert!(name.contains(&format!(" = {} ", constant(status))), "`{code}` is not a {status}: {name}");
            codes += 1;
        }
    }
    codes
}

/// Plays a scenario of `tests/browser` against a service of its own, with some more settings.
async fn play(scenario: &str, settings: &[(&str, &str)]) {
    play_given(scenario, settings, |_| Vec::new()).await;
}

/// The same, where the scenario is given words that somebody at the command line of the service has.
async fn play_given(scenario: &str, settings: &[(&str, &str)], given: impl FnOnce(&Settings) -> Vec<String>) {
    let setup = Command::new("bash").arg(root().join("tests/browser/setup.sh")).output().expect("bash runs");
    assert!(setup.status.success(), "setup.sh: {}", said(&setup));

    let place = Place::sqlite();
    let mut driver = Driver::start(scenario, &place);
    let origins = driver.origins().await;
    let origin = |name: &str| origins[name].as_str().expect("an origin").to_owned();
    // The issuer is what browsers see: the origin in front of the service.
    let mut settled = Settings::on(&place)
        .with("PORTCULLIS__TOKENS__ISSUER", &origin("own"))
        .with("PORTCULLIS__SERVER__ALLOWED_ORIGINS", &origin("allowed"));
    for (name, value) in settings {
        settled = settled.with(name, value);
    }
    let service = settled.start().await;
    driver.play_against(&[vec![service.url.clone()], given(&settled)].concat().join(" "));

    let status = driver.ended().await;
    let story = driver.story();
    assert!(status.is_some_and(|status| status.success()), "{scenario}: {status:?}\n{story}\n{}", service.log());
    assert!(story.contains("  ok  "), "{scenario} has steps: {story}");
    assert!(!service.log().contains("\"level\":\"ERROR\""), "{}", service.log());
    service.stop().await;
}

/// `run.mjs` with its browser; dropped, it is killed.
struct Driver {
    child: Child,
    story: PathBuf,
}

impl Driver {
    fn start(scenario: &str, place: &Place) -> Self {
        let story = place.dir().join("story");
        let child = Command::new("node")
            .arg(root().join("tests/browser/run.mjs"))
            .arg(scenario)
            .env("TMPDIR", place.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&story).expect("the story can be written"))
            .spawn();
        Self { child: child.expect("node runs"), story }
    }

    /// Where the pages are, once they are there.
    async fn origins(&mut self) -> Value {
        let mut out = BufReader::new(self.child.stdout.take().expect("a pipe"));
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(Duration::from_secs(60), line).await.expect("the sites open within a minute");
        let line = line.expect("a thread").expect("the sites say where they are");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the sites did not open:\n{}", self.story()))
    }

    /// Tells it where the service is, and what else it is given.
    fn play_against(&mut self, line: &str) {
        let mut input = self.child.stdin.take().expect("a pipe");
        writeln!(input, "{line}").expect("the driver listens");
    }

    /// How it ended; `None` when it still plays after a long time.
    async fn ended(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// What it has told so far.
    fn story(&self) -> String {
        read(&self.story)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("the child can be killed");
            self.child.wait().expect("the child can be waited for");
        }
    }
}

/// The fenced blocks: the file named by the comment above, the language, and the text.
pub(crate) fn fences(text: &str) -> Vec<(Option<&str>, &str, String)> {
    let (mut found, mut above) = (Vec::new(), "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: String = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
            found.push((above.strip_prefix("<!-- ").and_then(|path| path.strip_suffix(" -->")), language, code));
        }
        above = line;
    }
    found
}

/// The files that the pages are made of, by their path from the root.
fn pages() -> Vec<String> {
    let pages = root().join("tests/browser/pages");
    let (mut found, mut open) = (Vec::new(), vec![pages]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let path = path.strip_prefix(root()).expect("a file lies below the root");
                found.push(path.to_str().expect("plain names").to_owned());
            }
        }
    }
    found
}

/// How the catalogue calls a status.
fn constant(status: &str) -> &'static str {
    match status {
        "400" => "BAD_REQUEST",
        "401" => "UNAUTHORIZED",
        "403" => "FORBIDDEN",
        "404" => "NOT_FOUND",
        "409" => "CONFLICT",
        "422" => "UNPROCESSABLE_ENTITY",
        "429" => "TOO_MANY_REQUESTS",
        "500" => "INTERNAL_SERVER_ERROR",
        "503" => "SERVICE_UNAVAILABLE",
        other => panic!("the table has a status that no test knows: {other}"),
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
