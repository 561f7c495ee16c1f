//! A client that asks and never takes the answers.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::place::Place;
use crate::service::Settings;

/// What one such connection may cost.
const MOST_KIB: u64 = 16 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a109_a_client_that_never_reads_costs_no_memory() {
    let place = Place::sqlite();
    let service = Settings::on(&place).start().await;
    let api = Api::at(&service.url);
    api.get("/openapi.json", None).await.expect(200);
    let before = resident_kib(service.pid());

    let address = service.url.trim_start_matches("http://").to_owned();
    let sent = tokio::task::spawn_blocking(move || ask_without_reading(&address)).await.expect("a task");

    let after = resident_kib(service.pid());
    assert!(after < before + MOST_KIB, "{sent} bytes of requests took the service from {before} to {after} KiB");
    api.get("/livez", None).await.expect(200);
    service.stop().await;
}

/// Sends requests for a large answer one after the other for a few seconds, or until nothing more is taken.
fn ask_without_reading(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    let request = format!("GET /openapi.json HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(64);
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(6) && sent < 32 * 1024 * 1024 {
        match stream.write(request.as_bytes()) {
            Ok(bytes) => sent += bytes,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("the connection broke: {error}"),
        }
    }
    assert!(sent > request.len(), "requests were sent");
    std::thread::sleep(Duration::from_secs(1));
    sent
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).expect("a number").parse().expect("KiB")
}
