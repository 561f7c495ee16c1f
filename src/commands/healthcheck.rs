//! `portcullis healthcheck`.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use portcullis::Config;

use super::{Outcome, say};

/// One GET over a plain connection: a container's health check needs no HTTP client.
pub(super) fn healthcheck(config: &Config) -> Outcome {
    let (host, port) = config.management.unwrap_or((config.server.host, config.server.port));
    let host = if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host };
    let address = SocketAddr::new(host, port);
    let limit = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&address, limit).map_err(|error| format!("{address}: {error}"))?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let ready = answer.starts_with("HTTP/1.1 200");
    say(if ready { "ready\n" } else { "not ready\n" })?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
