//! A small HTTP server that tells of revocations, as well or as badly as a test wants.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How one question is answered.
pub(crate) enum Reply {
    /// With this status, these header lines and this body.
    Say(u16, String, String),
    /// With these bytes, and the end of the connection.
    Cut(String),
    /// With nothing at all, for ever.
    Silence,
    /// With a body that goes on for as many bytes, if the client takes them.
    Long(usize),
}

/// One question, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The path with the query.
    pub(crate) target: String,
    /// The value of `Authorization`.
    pub(crate) authorization: String,
    pub(crate) at: Instant,
}

impl Question {
    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let url = url::Url::parse("http://h").unwrap().join(&self.target).expect("a path");
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

#[derive(Default)]
struct Desk {
    replies: Mutex<VecDeque<Reply>>,
    questions: Mutex<Vec<Question>>,
    /// How much of a long body was taken.
    taken: Mutex<usize>,
    more: Notify,
}

/// The server. A question finds the next reply, or waits for one. Dropped, it is gone with all its connections.
pub(crate) struct PollServer {
    pub(crate) address: SocketAddr,
    desk: Arc<Desk>,
    _tasks: JoinSet<()>,
}

impl PollServer {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let (address, desk) = (listener.local_addr().unwrap(), Arc::<Desk>::default());
        let shared = desk.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(answer(stream, shared.clone()));
            }
        });
        Self { address, desk, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The reply to the next question, or to the one that waits.
    pub(crate) fn reply(&self, reply: Reply) {
        self.desk.replies.lock().unwrap().push_back(reply);
        self.desk.more.notify_one();
    }

    /// A good reply, given at noon.
    pub(crate) fn tell(&self, items: &[Value], cursor: &str) {
        self.tell_at(0, items, cursor);
    }

    /// A good reply, given so many seconds after noon, less than an hour.
    pub(crate) fn tell_at(&self, seconds: u64, items: &[Value], cursor: &str) {
        self.reply(told_at(seconds, items, cursor));
    }

    pub(crate) fn questions(&self) -> Vec<Question> {
        self.desk.questions.lock().unwrap().clone()
    }

    /// The cursors of the questions so far.
    pub(crate) fn cursors(&self) -> Vec<Option<String>> {
        self.questions().iter().map(|question| question.query("cursor")).collect()
    }

    pub(crate) fn taken(&self) -> usize {
        *self.desk.taken.lock().unwrap()
    }
}

/// A good reply, given so many seconds after noon, less than an hour.
pub(crate) fn told_at(seconds: u64, items: &[Value], cursor: &str) -> Reply {
    let time = format!("12:{:02}:{:02}", seconds / 60, seconds % 60);
    let mut body = bulletin(items, cursor);
    body["complete_until"] = json!(format!("2026-01-01T{time}.25Z"));
    Reply::Say(200, format!("Date: Thu, 01 Jan 2026 {time} GMT\r\n"), body.to_string())
}

/// What the issuer says at noon of 2026-01-01, when it knows all.
pub(crate) fn bulletin(items: &[Value], cursor: &str) -> Value {
    json!({
        "items": items, "next_cursor": cursor, "keys": "the keys of noon", "complete_until": "2026-01-01T12:00:00.25Z",
        "later": {"more": 1},
    })
}

/// Something revoked at noon, for a quarter of an hour.
pub(crate) fn item(kind: &str, id: &str) -> Value {
    json!({
        "kind": kind, "id": id, "revoked_at": "2026-01-01T12:00:00.123456Z", "until": "2026-01-01T12:15:00.123456Z",
        "later": [],
    })
}

async fn answer(mut stream: TcpStream, desk: Arc<Desk>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("a request is text");
    let target = head.split(' ').nth(1).expect("a path").to_owned();
    let header = |line: &str| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.to_owned())
    };
    let authorization = head.lines().find_map(header).unwrap_or_default();
    desk.questions.lock().unwrap().push(Question { target, authorization, at: Instant::now() });
    let reply = loop {
        let next = desk.replies.lock().unwrap().pop_front();
        match next {
            Some(reply) => break reply,
            None => desk.more.notified().await,
        }
    };
    // A client that has gone gets no answer.
    match reply {
        Reply::Say(status, headers, body) => {
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}");
            drop(stream.write_all(answer.as_bytes()).await);
        }
        Reply::Cut(bytes) => drop(stream.write_all(bytes.as_bytes()).await),
        Reply::Silence => tokio::time::sleep(Duration::from_secs(3600)).await,
        Reply::Long(length) => {
            let head = format!("HTTP/1.1 200 X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            drop(stream.write_all(head.as_bytes()).await);
            let part = [b' '; 64 * 1024];
            for _ in 0..length.div_ceil(part.len()) {
                if stream.write_all(&part).await.is_err() {
                    return;
                }
                *desk.taken.lock().unwrap() += part.len();
            }
        }
    }
}
