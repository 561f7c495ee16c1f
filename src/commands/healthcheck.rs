//! `portcullis healthcheck`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use portcullis::Config;

use super::{Outcome, say};

/// One GET over a plain connection: a container's health check needs no HTTP client.
pub(super) fn healthcheck(config: &Config) -> Outcome {
    let (host, port) = config.management.unwrap_or((config.server.host, config.server.port));
    let host = if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host };
    let address = SocketAddr::new(host, port);
    let limit = Duration::from_secs(3);
    let remedy =
        "look whether the service runs, and whether this command has its settings (PORTCULLIS__MANAGEMENT__PORT)";
    let asked = ask(address, limit).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("{address} gave no answer within {} s: {remedy}", limit.as_secs())
        }
        _ => format!("{address} cannot be asked: {error}; {remedy}"),
    });
    let answer = asked?;
    let ready = answer.starts_with("HTTP/1.1 200");
    say(if ready { "ready\n" } else { "not ready\n" })?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ask(address: SocketAddr, limit: Duration) -> io::Result<String> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    // The status is in its first line: what drips in afterwards is not waited for.
    while !answer.contains(&b'\n') {
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
