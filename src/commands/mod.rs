//! What the binary can be told to do.

mod access;
mod accounts;
mod admin;
mod api_key;
mod api_keys;
mod audit;
mod clients;
mod export;
mod follow;
mod grants;
mod healthcheck;
mod import;
mod intake;
mod keys;
mod migrate;
mod operate;
mod person;
mod records;
mod remedy;
mod report;
mod roles;
mod serve;
mod stats;
mod users;
mod webhooks;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use portcullis::config::{self, ConfigError, Sources};
use portcullis::{Config, asyncapi, openapi};

use access::AccessCommand;
use admin::Admin;
use api_keys::ApiKeys;
use audit::AuditCommand;
use clients::ClientsCommand;
use keys::Keys;
use migrate::Migrate;
use roles::Roles;
use users::Users;
use webhooks::WebhooksCommand;

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

/// Where the help of every command has the flags that all of them have.
const SETTINGS: &str = "Settings";

/// Settings by flag; secrets come from the environment or files only.
#[derive(Args)]
struct SettingFlags {
    /// A TOML file with settings; see `portcullis config template`.
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG", value_name = "FILE", help_heading = SETTINGS)]
    config: Option<PathBuf>,
    /// Port of the public listener.
    #[arg(long, global = true, value_name = "PORT", help_heading = SETTINGS)]
    port: Option<u16>,
    /// Address of the public listener.
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = SETTINGS)]
    host: Option<String>,
    /// error, warn, info, debug, trace or off, or a list like warn,portcullis_http=debug.
    #[arg(long, global = true, value_name = "LEVEL", help_heading = SETTINGS)]
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
    /// Look at the signing keys, rotate or revoke them.
    #[command(subcommand)]
    Keys(Keys),
    /// Give other services what they need to call in their own name.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Send events to URLs of others, signed.
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Open the first accounts, or print the link for the first administrator.
    #[command(subcommand)]
    Admin(Admin),
    /// Look at accounts and manage them, bring them in from elsewhere, or write them out.
    #[command(subcommand)]
    Users(Users),
    /// Say which roles there are and what they allow.
    #[command(subcommand)]
    Roles(Roles),
    /// List every permission that the service asks for or a role holds.
    Permissions(Json),
    /// Make the roles what a file says.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Give programs keys that act for an account.
    #[command(subcommand)]
    ApiKeys(ApiKeys),
    /// Tell how much of everything there is.
    Stats(Json),
    /// Look at what happened.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the AsyncAPI document: the events.
    Asyncapi,
    /// Ask the service on this machine whether it is ready; exits with 1 when it is not.
    Healthcheck,
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

impl Command {
    /// Whether an embedded database that is not there is made: in a wrong folder all others would leave an empty one.
    const fn makes_a_database(&self) -> bool {
        matches!(self, Self::Serve | Self::Dev | Self::Migrate(Migrate::Up(_)))
    }
}

pub(crate) fn run(cli: Cli) -> Outcome {
    let sources = cli.settings.sources();
    let is_made = cli.command.makes_a_database();
    let load = || -> Result<Config, ConfigError> {
        let mut config = Config::load(&sources)?;
        config.database.is_made = is_made;
        Ok(config)
    };
    match cli.command {
        Command::Serve => serve::serve(load()?, false),
        Command::Dev => serve::serve(load()?, true),
        Command::Migrate(command) => migrate::migrate(&load()?, &command),
        Command::Keys(command) => keys::keys(&load()?, command),
        Command::Clients(command) => clients::clients(&load()?, &command),
        Command::Webhooks(command) => webhooks::webhooks(&load()?, &command),
        Command::Users(command) => users::users(&load()?, command),
        Command::Admin(command) => admin::admin(&load()?, &command),
        Command::Roles(command) => roles::roles(&load()?, &command),
        Command::Permissions(Json { json }) => roles::permissions(&load()?, json),
        Command::Access(command) => access::access(&load()?, &command),
        Command::ApiKeys(command) => api_keys::api_keys(&load()?, &command),
        Command::Stats(Json { json }) => stats::stats(&load()?, json),
        Command::Audit(AuditCommand::Tail(tail)) => audit::tail(&load()?, &tail),
        Command::Config(ConfigCommand::Check) => {
            load()?;
            say("the configuration is fine\n")
        }
        Command::Config(ConfigCommand::Print(Json { json })) => say(&config::print(&sources, json)?),
        Command::Config(ConfigCommand::Template) => say(&config::template()),
        Command::Openapi => say(&format!("{}\n", openapi(&load()?))),
        Command::Asyncapi => say(&format!("{}\n", asyncapi(&load()?))),
        Command::Healthcheck => healthcheck::healthcheck(&load()?),
    }
}

/// Tells on standard error what went wrong and why, in a line, and what to do about it.
pub(crate) fn complain(error: &(dyn std::error::Error + 'static)) {
    let advice = remedy::remedy(error).map(|advice| format!(": {advice}")).unwrap_or_default();
    tell(&format!("{}{advice}", with_causes(error)));
}

fn tell(complaint: &str) {
    // Nobody is left to be told when standard error is closed.
    drop(writeln!(std::io::stderr(), "portcullis: {complaint}"));
}

/// What went wrong, and why, in a line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !line.contains(&text) {
            line.push_str(&format!(": {text}"));
        }
        cause = inner.source();
    }
    line
}

/// The command cannot be done as it was given: exit code 2, like every mistake in the use of this program.
fn misused(complaint: &str) -> ExitCode {
    tell(complaint);
    ExitCode::from(2)
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
