//! A receiver of webhooks on this machine, and a service that may send to it.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Request, Response};
use serde_json::{Value, json};

use crate::interop_oauth::folder;
use crate::operator::call;
use crate::place::Place;
use crate::service::Settings;

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a receiver answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Status(u16),
    Redirect(String),
    Never,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) json: Value,
}

impl Message {
    /// The event's name: `user.registered`.
    pub(crate) fn name(&self) -> &str {
        let kind = self.json["type"].as_str().expect("a type");
        kind.strip_prefix("portcullis.").and_then(|kind| kind.strip_suffix(".v1")).expect("a type of ours")
    }
}

/// Keeps what it gets.
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    answer: Answer,
    messages: Vec<Message>,
}

impl Receiver {
    /// On a port of its own, with 204 for everybody.
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0").await
    }

    /// At an address where nobody listened until now.
    pub(crate) async fn at(address: &str) -> Self {
        let acceptor = TcpListener::bind(address).into_acceptor().await.expect("a free port");
        let address = *acceptor.local_addr()[0].as_socket_addr().expect("an address");
        let inner = Arc::new(Mutex::new(Inner { answer: Answer::Status(204), messages: Vec::new() }));
        let book = Arc::clone(&inner);
        let endpoint = poem::endpoint::make(move |request| received(Arc::clone(&book), request));
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint));
        Self { address, inner }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks?of=portcullis", self.address)
    }

    /// From here on it answers so.
    pub(crate) fn answer(&self, answer: Answer) {
        locked(&self.inner).answer = answer;
    }

    /// All that has come, also what was not answered with success.
    pub(crate) fn messages(&self) -> Vec<Message> {
        locked(&self.inner).messages.clone()
    }

    /// All that has come, once it is what `is_enough` asks for.
    #[track_caller]
    pub(crate) fn until(&self, is_enough: impl Fn(&[Message]) -> bool) -> impl Future<Output = Vec<Message>> {
        let inner = Arc::clone(&self.inner);
        let place = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let messages = locked(&inner).messages.clone();
                if is_enough(&messages) {
                    return messages;
                }
                assert!(Instant::now() < deadline, "{place}: only this has come: {messages:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Once there are so many different events.
    #[track_caller]
    pub(crate) fn until_events(&self, count: usize) -> impl Future<Output = Vec<Message>> {
        self.until(move |messages| ids(messages).len() >= count)
    }
}

/// The different events.
pub(crate) fn ids(messages: &[Message]) -> HashSet<&str> {
    messages.iter().map(|message| message.headers["webhook-id"].as_str()).collect()
}

async fn received(book: Arc<Mutex<Inner>>, request: Request) -> poem::Result<Response> {
    let path = request.original_uri().to_string();
    let text = |value: &poem::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = request.into_body().into_string().await?;
    let json = serde_json::from_str(&body).unwrap_or_default();
    let answer = {
        let mut inner = locked(&book);
        inner.messages.push(Message { path, headers, body, json });
        inner.answer.clone()
    };
    match answer {
        Answer::Status(status) => Ok(StatusCode::from_u16(status).expect("a status").into()),
        Answer::Redirect(to) => {
            Ok(Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header("location", to).finish())
        }
        Answer::Never => std::future::pending().await,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A service that may send to this machine, over plain http.
pub(crate) fn settings(place: &Place) -> Settings {
    Settings::on(place)
        .with("PORTCULLIS__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.1/32")
        .with("PORTCULLIS__WEBHOOKS__ALLOW_HTTP", "true")
        .with("PORTCULLIS__WEBHOOKS__TIMEOUT", "1s")
}

/// Creates a webhook as an operator does; its id and its secret.
pub(crate) fn create(settings: &Settings, url: &str, events: &[&str]) -> (String, String) {
    let mut arguments = vec!["webhooks", "create", url, "--json"];
    arguments.extend(events.iter().flat_map(|event| ["--event", *event]));
    let told = call(settings, &arguments).expect(0).json();
    let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{name}: {told}")).to_owned();
    (text("id"), text("secret"))
}

/// The packages of other people find every message good with each of the secrets, and bad when it is changed.
#[track_caller]
pub(crate) fn must_verify(messages: &[Message], secrets: &[&str]) {
    let folder = folder();
    let mut python = Command::new(folder.join(".venv/bin/python"));
    python.arg(folder.join("webhooks.py"));
    let mut node = Command::new("node");
    node.arg(folder.join("webhooks.mjs")).current_dir(&folder);
    let lines: String = messages
        .iter()
        .map(|message| format!("{}\n", json!({ "headers": message.headers, "body": message.body })))
        .collect();
    for mut command in [python, node] {
        let program = command.args(secrets).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().expect("the program runs");
        let mut input = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, lines.as_bytes()).expect("the program reads");
        drop(input);
        let output = child.wait_with_output().expect("the program ends");
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}\n{complaint}");
        assert_eq!(said.trim(), messages.len().to_string(), "every message was looked at");
    }
}
