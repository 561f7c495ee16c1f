//! `tests/services.sh`: finds servers by their protocol, and brings up those that are missing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::surroundings::variable;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services.sh")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A server that answers everything with these bytes.
fn fake(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut hello = [0; 64];
            if stream.read(&mut hello).is_ok() && stream.write_all(answer).is_err() {
                continue;
            }
        }
    });
    port
}

/// Runs the script against these ports; `tools` comes first in the path.
fn run(ports: [u16; 3], tools: Option<&Path>) -> Output {
    let mut command = Command::new("bash");
    command.arg(script()).env("PORTCULLIS_SERVICES_WAIT", "2");
    command.env("PORTCULLIS_TEST_POSTGRES", format!("postgres://postgres@127.0.0.1:{}/test", ports[0]));
    command.env("PORTCULLIS_TEST_AMQP", format!("amqp://guest:guest@127.0.0.1:{}/%2f", ports[1]));
    command.env("PORTCULLIS_TEST_REDIS", format!("redis://127.0.0.1:{}", ports[2]));
    if let Some(tools) = tools {
        let path = variable("PATH").expect("a path");
        command.env("PATH", format!("{}:{path}", tools.display())).env("CALLS", tools.join("calls"));
    }
    command.output().expect("bash runs")
}

/// A program that only says that it was called.
fn stub(tools: &Path, name: &str, exit: i32) {
    let path = tools.join(name);
    std::fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >>\"$CALLS\"\nexit {exit}\n")).expect("a stub");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a stub");
}

fn calls(tools: &Path) -> String {
    std::fs::read_to_string(tools.join("calls")).unwrap_or_default()
}

#[test]
fn what_runs_already_is_found_at_once() {
    let begun = Instant::now();
    let output = Command::new("bash").arg(script()).output().expect("bash runs");
    assert!(output.status.success(), "{}", text(&output));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let out = text(&output);
    for server in ["postgres", "rabbitmq", "redis"] {
        assert!(out.contains(&format!("{server}: answers at ")), "{out}");
    }
}

#[test]
fn missing_servers_come_from_compose_where_docker_answers() {
    let place = Place::sqlite();
    for tool in ["docker", "psql"] {
        stub(place.dir(), tool, 0);
    }
    // An open port with the wrong protocol behind it is no server.
    let ports = [fake(b"N"), fake(b"HTTP/1.1 400\r\n"), fake(b"+PONG\r\n")];
    let output = run(ports, Some(place.dir()));
    assert!(!output.status.success(), "RabbitMQ never answers: {}", text(&output));
    assert!(text(&output).contains("rabbitmq: does not answer at 127.0.0.1:"), "{}", text(&output));
    assert!(text(&output).contains("redis: answers at"), "{}", text(&output));
    let calls = calls(place.dir());
    assert!(calls.contains("docker compose -f") && calls.contains("compose.yaml up -d rabbitmq\n"), "{calls}");
}

#[test]
fn missing_servers_come_from_packages_where_docker_does_not_answer() {
    let place = Place::sqlite();
    stub(place.dir(), "docker", 1);
    for tool in ["sudo", "apt-get", "psql", "pg_ctlcluster", "rabbitmq-server", "redis-server"] {
        stub(place.dir(), tool, 0);
    }
    let ports = [fake(b"S"), fake(b"\x01\0\0"), fake(b"what?")];
    let output = run(ports, Some(place.dir()));
    assert!(!output.status.success(), "Redis never answers: {}", text(&output));
    let calls = calls(place.dir());
    assert!(calls.contains("redis-server --daemonize yes"), "{calls}");
    assert!(!calls.contains("apt-get"), "what is installed is not installed again: {calls}");
    assert!(
        !calls.contains("rabbitmq-server") && !calls.contains("pg_ctlcluster"),
        "what answers is left alone: {calls}"
    );
}
