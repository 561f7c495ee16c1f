//! What the binary can be told to do.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use portcullis::config::{self, Sources};
use portcullis::{Config, StartError, build, open_store, openapi, telemetry};

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

/// An authentication service: one binary, embedded or on PostgreSQL and RabbitMQ.
#[derive(Parser)]
#[command(name = "portcullis", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

/// Settings by flag; secrets come from the environment or files only.
#[derive(Args)]
struct SettingFlags {
    /// A TOML file with settings; see `portcullis config template`.
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Port of the public listener.
    #[arg(long, global = true, value_name = "PORT")]
    port: Option<u16>,
    /// Address of the public listener.
    #[arg(long, global = true, value_name = "ADDRESS")]
    host: Option<String>,
    /// error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests.
    Serve,
    /// Serve on this machine with an embedded database in ./data, and show how to begin.
    Dev,
    /// Bring the database schema up to date, or tell how far it is.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Look at the signing keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask the service on this machine whether it is ready; exits with 1 when it is not.
    Healthcheck,
}

#[derive(Subcommand)]
enum Migrate {
    /// Apply what is missing.
    Up(Json),
    /// Tell what is applied.
    Status(Json),
}

#[derive(Subcommand)]
enum Keys {
    /// List the signing keys; never their private parts.
    List(Json),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check every value.
    Check,
    /// Print every value with its origin; secrets are redacted.
    Print(Json),
    /// Print a commented file with every setting.
    Template,
}

#[derive(Args)]
struct Json {
    /// For programs.
    #[arg(long)]
    json: bool,
}

impl SettingFlags {
    fn sources(&self) -> Sources {
        let mut sources = Sources { file: self.config.clone(), ..Sources::from_process() };
        if let Some(port) = self.port {
            sources.flags.push(("server.port", port.to_string(), "--port"));
        }
        if let Some(host) = &self.host {
            sources.flags.push(("server.host", host.clone(), "--host"));
        }
        if let Some(level) = &self.log_level {
            sources.flags.push(("log.level", level.clone(), "--log-level"));
        }
        sources
    }
}

pub(crate) fn run(cli: Cli) -> Outcome {
    let sources = cli.settings.sources();
    match cli.command {
        Command::Serve => serve(Config::load(&sources)?, false),
        Command::Dev => serve(Config::load(&sources)?, true),
        Command::Migrate(command) => migrate(&Config::load(&sources)?, &command),
        Command::Keys(Keys::List(Json { json })) => list_keys(&Config::load(&sources)?, json),
        Command::Config(ConfigCommand::Check) => {
            Config::load(&sources)?;
            say("the configuration is fine\n")
        }
        Command::Config(ConfigCommand::Print(Json { json })) => say(&config::print(&sources, json)?),
        Command::Config(ConfigCommand::Template) => say(&config::template()),
        Command::Openapi => say(&format!("{}\n", openapi(&Config::load(&sources)?))),
        Command::Healthcheck => healthcheck(&Config::load(&sources)?),
    }
}

/// Tells on standard error what went wrong and why, in a line.
pub(crate) fn complain(error: &dyn std::error::Error) {
    let mut line = format!("portcullis: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !line.contains(&text) {
            line.push_str(&format!(": {text}"));
        }
        cause = inner.source();
    }
    // Nobody is left to be told when standard error is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}

fn say(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("portcullis").enable_all().build()
}

fn serve(config: Config, dev: bool) -> Outcome {
    telemetry::start_log(&config.log)?;
    // Only the first installation counts, and this is the first.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    runtime(config.server.threads)?.block_on(async move {
        let signal = shutdown()?;
        if config.tokens.issuer.is_none() && !dev {
            tracing::warn!("tokens.issuer is not set: tokens name http://localhost as their issuer");
        }
        let service = build(config).await?;
        let issuer = service.issuer().to_owned();
        let running = service.start().await?;
        if dev {
            say(&welcome(&issuer))?;
        }
        running.until(signal).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// SIGTERM or SIGINT. The handlers stand before anything is started, so that no early signal is lost.
fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn welcome(issuer: &str) -> String {
    format!(
        "\nPortcullis is ready at {issuer}   (API reference: {issuer}/docs)\n\n\
         Get a token:\n\n  \
         curl -s {issuer}/api/v1/auth/register -H 'content-type: application/json' \\\n    \
         -d '{{\"email\":\"ada@example.com\",\"password\":\"correct-horse-battery\"}}'\n  \
         curl -s {issuer}/api/v1/auth/login -H 'content-type: application/json' \\\n    \
         -d '{{\"login\":\"ada@example.com\",\"password\":\"correct-horse-battery\"}}'\n\n"
    )
}

fn migrate(config: &Config, command: &Migrate) -> Outcome {
    runtime(1)?.block_on(async {
        let (_, sql) = open_store(config).await?;
        let sql = sql.ok_or_else(|| StartError::Database("a database in memory has no schema".to_owned()))?;
        let said = match command {
            Migrate::Up(Json { json }) => {
                let applied = sql.migrate().await.map_err(|error| StartError::Database(error.to_string()))?;
                match (json, applied.is_empty()) {
                    (true, _) => format!("{}\n", serde_json::json!({ "applied": applied })),
                    (false, true) => "the schema is up to date\n".to_owned(),
                    (false, false) => applied.iter().map(|name| format!("applied {name}\n")).collect(),
                }
            }
            Migrate::Status(Json { json }) => {
                let status = sql.migration_status().await.map_err(|error| StartError::Database(error.to_string()))?;
                if *json {
                    let rows: Vec<_> = status
                        .iter()
                        .map(|row| serde_json::json!({ "name": row.name, "applied": row.applied }))
                        .collect();
                    format!("{}\n", serde_json::Value::Array(rows))
                } else {
                    let mark = |applied| if applied { "applied" } else { "pending" };
                    status.iter().map(|row| format!("{}  {}\n", mark(row.applied), row.name)).collect()
                }
            }
        };
        sql.close().await;
        say(&said)
    })
}

fn list_keys(config: &Config, json: bool) -> Outcome {
    runtime(1)?.block_on(async {
        let (store, _) = open_store(config).await?;
        let mut tx = store.begin().await?;
        let keys = tx.keys().all().await?;
        let said = if json {
            let rows: Vec<_> = keys
                .iter()
                .map(|key| {
                    serde_json::json!({
                        "kid": key.kid, "algorithm": key.algorithm.as_str(), "created_at": key.created_at,
                        "activates_at": key.activates_at, "retires_at": key.retires_at,
                    })
                })
                .collect();
            format!("{}\n", serde_json::Value::Array(rows))
        } else {
            keys.iter()
                .map(|key| format!("{:<10} {}  signs from {}\n", key.algorithm.as_str(), key.kid, key.activates_at))
                .collect()
        };
        say(&said)
    })
}

/// One GET over a plain connection: a container's health check needs no HTTP client.
fn healthcheck(config: &Config) -> Outcome {
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
