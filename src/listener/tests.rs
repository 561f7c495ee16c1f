//! Connections as only sockets show them.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use poem::endpoint::make;
use poem::{EndpointExt, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::Notify;

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const SOON: Duration = Duration::from_secs(10);

/// A listener that takes bodies, and whose answers to `/slow` then wait until they are let go.
struct House {
    address: SocketAddr,
    reading: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
    let_go: Arc<Notify>,
    stop: watch::Sender<bool>,
}

fn limits() -> Limits {
    Limits {
        connections: 10_000,
        connections_per_address: 10_000,
        proxies: TrustedProxies::default(),
        header_timeout: Duration::from_secs(60),
        drain_timeout: Duration::from_secs(1),
    }
}

impl House {
    fn open(limits: Limits) -> Self {
        let listener = bind("127.0.0.1".parse().expect("an address"), 0).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (begun, let_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let reading = Arc::new(AtomicUsize::new(0));
        let (heads, counted, gate) = (reading.clone(), begun.clone(), let_go.clone());
        let endpoint = make(move |mut request: Request| {
            let (reading, begun, let_go) = (heads.clone(), counted.clone(), gate.clone());
            async move {
                let body = request.take_body();
                if !body.is_empty() {
                    reading.fetch_add(1, Ordering::SeqCst);
                    if body.into_bytes().await.is_err() {
                        return "half";
                    }
                }
                if request.uri().path() == "/slow" {
                    let let_go = let_go.notified();
                    begun.fetch_add(1, Ordering::SeqCst);
                    let_go.await;
                }
                "here"
            }
        });
        let answers: Answers = Arc::new(endpoint.map_to_response().boxed());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(serve(listener, answers, limits, stopped));
        Self { address, reading, begun, let_go, stop }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// A connection from `127.0.0.{last}`.
    async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(Ipv4Addr::new(127, 0, 0, last).into(), 0)).expect("an address of loopback");
        socket.connect(self.address).await.expect("a connection")
    }

    /// A connection with a request whose answer takes long.
    async fn slow(&self) -> TcpStream {
        let mut stream = self.connect().await;
        let before = self.begun.load(Ordering::SeqCst);
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        more_than(&self.begun, before).await;
        stream
    }

    /// A connection from `127.0.0.{last}` with a request that is waiting for the last of the ten bytes of its body.
    async fn sending(&self, last: u8, path: &str) -> TcpStream {
        let mut stream = self.connect_from(last).await;
        let before = self.reading.load(Ordering::SeqCst);
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        more_than(&self.reading, before).await;
        for _ in 0..9 {
            stream.write_all(b"x").await.expect("sent");
        }
        stream
    }
}

/// Returns once there are more than there were.
async fn more_than(counter: &AtomicUsize, before: usize) {
    while counter.load(Ordering::SeqCst) == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The answer to `request`, or what there was of it when the connection ended.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    // The other side may have had enough already.
    let _sent = stream.write_all(request).await;
    answer(stream).await
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.ends_with(b"here") {
        match tokio::time::timeout(SOON, stream.read(&mut buffer)).await.expect("an answer or an end") {
            Ok(0) | Err(_) => break,
            Ok(read) => text.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8(text).expect("text")
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(tokio::time::timeout(SOON, stream.read(&mut [0; 1])).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn a109_a_newcomer_takes_the_place_of_the_idlest_connection_of_its_address() {
    let house = House::open(Limits { connections_per_address: 4, ..limits() });
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = house.connect().await;
        assert!(ask(&mut stream, GET).await.starts_with("HTTP/1.1 200 "));
        idle.push(stream);
    }
    let mut newcomer = house.connect().await;
    assert!(ask(&mut newcomer, GET).await.starts_with("HTTP/1.1 200 "));
    assert!(is_closed(&mut idle[0]).await, "the one that was idle longest");
    for stream in &mut idle[1..] {
        assert!(ask(stream, GET).await.starts_with("HTTP/1.1 200 "), "the others go on");
    }
}

#[tokio::test]
async fn a109_requests_that_run_are_never_given_up_for_more_of_the_same_address() {
    let house = House::open(Limits { connections_per_address: 3, ..limits() });
    let mut running = [house.slow().await, house.slow().await, house.slow().await];
    for _ in 0..20 {
        assert_eq!(ask(&mut house.connect().await, GET).await, "", "refused");
    }
    house.let_go.notify_waiters();
    for stream in &mut running {
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    assert!(ask(&mut house.connect().await, GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn b57_slow_bodies_from_many_addresses_keep_nobody_out() {
    let house = House::open(Limits { connections: 8, connections_per_address: 2, ..limits() });
    let mut sending = Vec::new();
    for number in 0..8 {
        sending.push(house.sending(2 + number / 2, "/").await);
    }
    let mut answered = Vec::new();
    for _ in 0..2 {
        let mut newcomer = house.connect_from(100).await;
        assert!(ask(&mut newcomer, GET).await.starts_with("HTTP/1.1 200 "), "all places are taken by slow bodies");
        answered.push(newcomer);
    }
    for stream in &mut sending[..2] {
        assert_eq!(ask(stream, b"x").await, "", "the first to come had to go in the middle of its body");
    }
    for stream in &mut sending[2..] {
        assert!(ask(stream, b"x").await.starts_with("HTTP/1.1 200 "), "the others come to their end");
    }
}

#[tokio::test]
async fn b57_a_byte_now_and_then_makes_a_sender_no_less_idle() {
    let house = House::open(Limits { connections: 2, ..limits() });
    let mut sending = house.connect_from(2).await;
    sending.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").await.expect("sent");
    more_than(&house.reading, 0).await;
    let mut honest = house.connect_from(3).await;
    assert!(ask(&mut honest, GET).await.starts_with("HTTP/1.1 200 "));
    for _ in 0..20 {
        sending.write_all(b"x").await.expect("sent");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut newcomer = house.connect_from(4).await;
    assert!(ask(&mut newcomer, GET).await.starts_with("HTTP/1.1 200 "));
    assert!(is_closed(&mut sending).await);
    assert!(ask(&mut honest, GET).await.starts_with("HTTP/1.1 200 "), "it keeps its place");
}

#[tokio::test]
async fn a109_a_request_whose_body_has_come_is_never_given_up() {
    let house = House::open(Limits { connections_per_address: 2, ..limits() });
    let mut running = Vec::new();
    for number in 0..2 {
        let mut stream = house.sending(2, "/slow").await;
        stream.write_all(b"x").await.expect("sent");
        more_than(&house.begun, number).await;
        running.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(ask(&mut house.connect_from(2).await, GET).await, "", "refused");
    }
    house.let_go.notify_waiters();
    for stream in &mut running {
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_trusted_proxy_has_as_many_connections_as_there_are() {
    let proxies = TrustedProxies::new(&["127.0.0.0/8".parse().expect("a network")]);
    let house = House::open(Limits { connections_per_address: 1, proxies, ..limits() });
    let mut running = Vec::new();
    for _ in 0..10 {
        running.push(house.slow().await);
    }
    house.let_go.notify_waiters();
    for stream in &mut running {
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn when_all_places_are_busy_a_newcomer_waits_for_one() {
    let house = House::open(Limits { connections: 2, ..limits() });
    let mut running = [house.slow().await, house.slow().await];
    let mut newcomer = house.connect().await;
    newcomer.write_all(GET).await.expect("sent");
    let early = tokio::time::timeout(Duration::from_millis(200), newcomer.read(&mut [0; 1])).await;
    assert!(early.is_err(), "there is no place yet");
    house.let_go.notify_waiters();
    for stream in &mut running {
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    assert!(answer(&mut newcomer).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn b57_a_thousand_idle_connections_are_cheap_and_keep_nobody_out() {
    let count = 1_000;
    assert_eq!(open_files::connections(2 * count), 2 * count, "both ends are here");
    let house = House::open(Limits { connections: count, ..limits() });
    let before = resident_kib();
    let opened = join_all((0..count).map(|number| {
        let house = &house;
        async move {
            let mut stream = house.connect().await;
            // Some say nothing, some begin a head that never ends, some keep a connection alive after an answer.
            match number % 3 {
                0 => {}
                1 => stream.write_all(b"POST /slow HTTP/1.1\r\nhost: x\r\nx-slow: ").await.expect("sent"),
                _ => assert!(ask(&mut stream, GET).await.starts_with("HTTP/1.1 200 ")),
            }
            stream
        }
    }));
    let idle = opened.await;
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 48 * 1024, "{count} idle connections, both ends, cost {grown} KiB");
    for _ in 0..200 {
        let mut newcomer = house.connect().await;
        assert!(ask(&mut newcomer, GET).await.starts_with("HTTP/1.1 200 "), "all places are taken by idlers");
    }
    drop(idle);
}

#[tokio::test]
async fn b57_whoever_sends_no_head_in_time_is_cut_off() {
    let house = House::open(Limits { header_timeout: Duration::from_millis(300), ..limits() });
    let mut silent = house.connect().await;
    assert!(is_closed(&mut silent).await);

    let mut slow = house.connect().await;
    let began = Instant::now();
    let mut sent = 0;
    // One byte now and then is no progress.
    while began.elapsed() < SOON {
        match slow.write_all(b"G").await {
            Ok(()) => sent += 1,
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < SOON, "{sent} bytes were taken one by one");

    let mut idle = house.connect().await;
    assert!(ask(&mut idle, GET).await.starts_with("HTTP/1.1 200 "));
    assert!(is_closed(&mut idle).await, "between requests too");
}

#[tokio::test]
async fn a109_a_head_that_is_too_long_is_refused() {
    let house = House::open(limits());
    let long = "x".repeat(HEAD_BYTES);
    let many = "a: b\r\n".repeat(101);
    let cookies = format!("cookie: a={}\r\n", "x".repeat(4_000)).repeat(60);
    let request = |target: &str, lines: &str| format!("GET /{target} HTTP/1.1\r\nhost: x\r\n{lines}\r\n");
    let told = [request("", &format!("x-long: {long}\r\n")), request(&long, ""), request("", &many)];
    for head in &told {
        let answer = ask(&mut house.connect().await, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    // So much is unread at the end that the answer may be lost.
    let answer = ask(&mut house.connect().await, request("", &cookies).as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn what_breaks_the_rules_of_http_is_400_and_ends_the_connection() {
    let house = House::open(limits());
    for head in [
        "GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
    ] {
        let mut stream = house.connect().await;
        let answer = ask(&mut stream, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer}");
        assert!(is_closed(&mut stream).await);
    }
}

#[tokio::test]
async fn a_running_request_is_answered_when_the_service_stops_and_idle_connections_close() {
    let house = House::open(limits());
    let mut idle = house.connect().await;
    assert!(ask(&mut idle, GET).await.starts_with("HTTP/1.1 200 "));
    let mut running = house.slow().await;
    house.stop.send_replace(true);
    assert!(is_closed(&mut idle).await);
    house.let_go.notify_waiters();
    assert!(answer(&mut running).await.starts_with("HTTP/1.1 200 "));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the process lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).expect("a number").parse().expect("KiB")
}
