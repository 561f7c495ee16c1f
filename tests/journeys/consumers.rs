//! The consumers of `docs/events.md`, run against the real service and the real broker; and that the page quotes
//! them as they are.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{Api, Person};
use crate::broker::Broker;
use crate::browser::{fences, read, root};
use crate::place::Place;
use crate::proxy::Proxy;
use crate::service::Settings;

/// How long a consumer may take for a step on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_pika_handles_each_registration_once_whatever_is_sent_again() {
    follow("with_pika.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_kombu_handles_each_registration_once_whatever_is_sent_again() {
    follow("with_kombu.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_amqplib_handles_each_registration_once_whatever_is_sent_again() {
    follow("with_amqplib.mjs").await;
}

async fn follow(program: &str) {
    set_up();
    let (place, mut broker, proxy) = (Place::sqlite(), Broker::fresh().await, Proxy::to_broker().await);
    let queue = broker.consumers_queue();
    let service = Settings::on(&place).publishing_to(&broker).start().await;
    let api = Api::at(&service.url);
    let register = async || api.register(&Person::new()).await.expect(201).str("id").to_owned();
    let start = || Consumer::start(program, &place, &broker, proxy.port(), &queue);

    let mut consumer = start();
    consumer.says("ready", 1).await;
    let first = register().await;
    consumer.says(&handled(&first), 1).await;

    // A confirm was lost: the service publishes the same bytes again.
    let sent = broker.of("user.registered", &first, 1).await.remove(0);
    broker.publish("user.registered", &sent.message_id, &sent.body).await;
    consumer.says(&format!("duplicate portcullis.user.registered.v1 {}", sent.message_id), 1).await;

    // An acknowledgement was lost: the broker delivers again to the next connection.
    proxy.mute_clients();
    let second = register().await;
    consumer.says(&handled(&second), 1).await;
    proxy.cut();
    let again = broker.of("user.registered", &second, 1).await.remove(0).message_id;
    proxy.resume();
    consumer.says(&format!("duplicate portcullis.user.registered.v1 {again}"), 1).await;
    consumer.says("ready", 2).await;

    // Nobody is there: the queue keeps what happens.
    consumer.stop();
    let third = register().await;
    broker.until_queue_holds(&queue, 1).await;
    let mut consumer = start();
    consumer.says(&handled(&third), 1).await;

    // What cannot be read is laid aside; what is not known yet is no trouble.
    broker.publish("user.registered", "garbage", b"{\"id\": ").await;
    consumer.says("rejected", 1).await;
    broker.until_queue_holds(&format!("{queue}.dead"), 1).await;
    let (kind, subject) = ("portcullis.user.promoted.v1", format!("users/{third}"));
    let tomorrow = json!({
        "specversion": "1.0", "id": "t1", "source": "x", "type": kind, "subject": subject, "tomorrow": true,
        "time": "2030-01-01T00:00:00Z", "data": { "user_id": third, "rank": 7 },
    });
    broker.publish("user.promoted", "t1", tomorrow.to_string().as_bytes()).await;
    consumer.says(&format!("handled {kind} t1"), 1).await;
    let fourth = register().await;
    consumer.says(&handled(&fourth), 1).await;
    consumer.stop();
    broker.until_queue_holds(&queue, 0).await;

    let story = std::fs::read_to_string(story(&place)).expect("the consumer told its story");
    for user in [first, second, third, fourth] {
        let times = story.lines().filter(|line| line.starts_with("handled") && line.ends_with(&user)).count();
        // The third is promoted, too.
        let known = story.lines().filter(|line| line.starts_with(&handled("")) && line.ends_with(&user)).count();
        assert_eq!((known, times), (1, if subject.ends_with(&user) { 2 } else { 1 }), "{user}:\n{story}");
    }
    service.stop().await;
}

/// The beginning of the line about a registration, or with its account the whole of it but for the event's id.
fn handled(user: &str) -> String {
    format!("handled portcullis.user.registered.v1 {user}")
}

fn story(place: &Place) -> PathBuf {
    place.dir().join("story")
}

/// A consumer as a process of its own; dropped, it is killed.
struct Consumer {
    child: Child,
    story: PathBuf,
    /// How much of the story earlier processes told.
    told: usize,
}

impl Consumer {
    fn start(program: &str, place: &Place, broker: &Broker, port: u16, queue: &str) -> Self {
        let story = story(place);
        let told = std::fs::read_to_string(&story).map_or(0, |text| text.len());
        let out = File::options().create(true).append(true).open(&story).expect("the story can be written");
        let errors = out.try_clone().expect("the story can be shared");
        let mut url = url::Url::parse(broker.url()).expect("the broker's URL is one");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let child = program_of(program)
            .env("AMQP_URL", url.as_str())
            .env("EXCHANGE", broker.exchange())
            .env("QUEUE", queue)
            .env("DATABASE", place.dir().join("users"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn();
        Self { child: child.expect("the consumer runs"), story, told }
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.story).expect("the story can be read");
        text[self.told..].lines().map(str::to_owned).collect()
    }

    /// Waits until so many lines begin and end as `words`, whose last word may stand anywhere after the others.
    async fn says(&mut self, words: &str, times: usize) {
        let (begin, last) = words.rsplit_once(' ').unwrap_or((words, ""));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines();
            let fits = |line: &&String| line.starts_with(begin) && line.contains(last);
            if lines.iter().filter(fits).count() >= times {
                return;
            }
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(ended.is_none(), "the consumer ended with {ended:?}:\n{}", lines.join("\n"));
            assert!(Instant::now() < deadline, "no {times} × `{words}`:\n{}", lines.join("\n"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM; it must end well.
    fn stop(mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "SIGTERM was not delivered");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                assert!(status.success(), "{status}:\n{}", self.lines().join("\n"));
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end on SIGTERM:\n{}", self.lines().join("\n"));
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("the child can be killed");
            self.child.wait().expect("the child can be waited for");
        }
    }
}

/// Installs the pinned packages, unless they are there.
pub(crate) fn set_up() {
    let output = Command::new("sh").arg(root().join("tests/interop/setup.sh")).output().expect("sh runs");
    assert!(output.status.success(), "setup.sh: {}", said(&output));
}

/// A program of `tests/consumers` with the interpreter and the packages that were installed for it.
pub(crate) fn program_of(name: &str) -> Command {
    let folder = root().join("tests/consumers");
    let is_python = Path::new(name).extension().is_some_and(|extension| extension == "py");
    let interpreter = if is_python { root().join("tests/interop/.venv/bin/python") } else { PathBuf::from("node") };
    let mut command = Command::new(interpreter);
    command.arg(folder.join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What a program wrote.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_documentation_quotes_the_consumers_that_are_run() {
    let text = read(&root().join("docs/events.md"));
    let (mut quoted, mut broken) = (BTreeSet::new(), Vec::new());
    for (marker, language, code) in fences(&text) {
        match marker {
            Some(path) if code == read(&root().join(path)) => {
                quoted.insert(path.to_owned());
            }
            Some(path) => broken.push(format!("{path} is not what docs/events.md quotes: copy the file again")),
            // What is no program may stand alone: a command, a setting, an event.
            None if ["sh", "toml", "json"].contains(&language) => {}
            None => broken.push(format!("a block of `{language}` quotes no file: {code}")),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let files = std::fs::read_dir(root().join("tests/consumers")).expect("the folder is listed");
    let names = files.map(|entry| entry.expect("an entry").file_name().into_string().expect("plain names"));
    // What checks the contract is no example.
    let ours = |name: &String| (name.ends_with(".py") || name.ends_with(".mjs")) && !name.starts_with("check_");
    let programs: BTreeSet<String> = names.filter(ours).map(|name| format!("tests/consumers/{name}")).collect();
    assert_eq!(quoted, programs, "docs/events.md quotes every consumer");
}
