//! `portcullis audit tail`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use portcullis::{Config, clock};
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery};
use portcullis_domain::ids::UserId;
use portcullis_domain::{App, Failure, Timestamp};

use super::follow::{self, Seen};
use super::operate::{instant, on_app_of_any_keys};
use super::{Outcome, runtime, with_causes};
use crate::exchange::{json_line, printable};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Print the last entries, the newest last.
    Tail(Tail),
}

#[derive(Args)]
pub(super) struct Tail {
    /// How many.
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(0..=100_000))]
    lines: u32,
    /// Go on with those that come.
    #[arg(short, long)]
    follow: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Only acts of this actor: user:ID, client:ID, api_key:ID, operator, service or anonymous.
    #[arg(long, value_name = "ACTOR", value_parser = actor)]
    actor: Option<Actor>,
    /// Only acts on this account.
    #[arg(long, value_name = "USER_ID", value_parser = subject)]
    subject: Option<UserId>,
    /// Only acts of this kind, for instance session.login.
    #[arg(long, value_name = "ACTION", value_parser = action)]
    action: Option<Action>,
    /// Only acts from this instant on, for instance 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    since: Option<Timestamp>,
}

fn actor(text: &str) -> Result<Actor, String> {
    let (kind, id) = text.split_once(':').map_or((text, None), |(kind, id)| (kind, Some(id)));
    Actor::parse(kind, id)
        .ok_or_else(|| "must be user:ID, client:ID, api_key:ID, operator, service or anonymous".to_owned())
}

fn subject(text: &str) -> Result<UserId, String> {
    text.parse().map_err(|error| format!("must be the id of an account: {error}"))
}

fn action(text: &str) -> Result<Action, String> {
    Action::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        format!("must be one of {}", known.join(", "))
    })
}

/// Prints the last entries, and those that come.
pub(super) fn tail(config: &Config, command: &Tail) -> Outcome {
    runtime(1)?.block_on(on_app_of_any_keys(config, "has no audit trail", async |app| {
        match print_all(app, command).await {
            // Whoever reads has seen enough.
            Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
            Err(Stopped::Output(error)) => Err(error.into()),
            Err(Stopped::Trail(error)) => Err(error.into()),
            Ok(()) => Ok(ExitCode::SUCCESS),
        }
    }))
}

enum Stopped {
    Output(io::Error),
    Trail(Failure),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Failure> for Stopped {
    fn from(error: Failure) -> Self {
        Self::Trail(error)
    }
}

async fn print_all(app: &App, command: &Tail) -> Result<(), Stopped> {
    let filter = AuditQuery {
        actor: command.actor.clone(),
        subject: command.subject,
        action: command.action,
        from: command.since,
        ..AuditQuery::default()
    };
    if !command.follow {
        return print(&follow::newest(app, &filter, command.lines).await?, command.json);
    }
    let clock = clock();
    // What is there already is noted before the last entries are read: what is in neither comes later.
    let mut seen = Seen::begin(clock.now());
    seen.look(app, &filter, follow::Reach::Everything, clock.now()).await?;
    let last = follow::newest(app, &filter, command.lines).await?;
    print(&seen.and(last), command.json)?;
    let mut is_away = false;
    for round in 1_u32.. {
        tokio::time::sleep(follow::PAUSE).await;
        let reach = follow::Reach::of_round(round);
        match seen.look(app, &filter, reach, clock.now()).await {
            Ok(new) => {
                is_away = false;
                print(&new, command.json)?;
            }
            Err(error) if !is_away => {
                is_away = true;
                writeln!(io::stderr(), "portcullis: {}; waiting", with_causes(&error))?;
            }
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
    Ok(())
}

fn print(entries: &[AuditEntry], json: bool) -> Result<(), Stopped> {
    let mut out = io::stdout().lock();
    for entry in entries {
        let line = if json { json_line(entry).map_err(io::Error::from)? } else { text(entry) };
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

/// One line, whatever the texts of clients hold.
fn text(entry: &AuditEntry) -> String {
    let outcome = entry.outcome.refusal().map_or("success", |why| why.as_str());
    let mut line =
        format!("{}  {}  {outcome}  by {}", entry.at, entry.action.as_str(), plain(&entry.actor.to_string()));
    let ids = [
        ("really", entry.impersonator.map(|id| format!("user:{id}"))),
        ("on", entry.subject.map(|id| id.to_string())),
        ("session", entry.session.map(|id| id.to_string())),
    ];
    let address = [("ip", entry.ip.map(|ip| ip.to_string()))];
    for (name, value) in ids.into_iter().chain(address) {
        if let Some(value) = value {
            line.push_str(&format!("  {name} {value}"));
        }
    }
    let texts = [("request", &entry.request_id), ("agent", &entry.user_agent), ("detail", &entry.detail)];
    for (name, value) in texts {
        if let Some(value) = value {
            line.push_str(&format!("  {name} {}", plain(value)));
        }
    }
    line
}

/// As it is when it is one harmless word; in quotes otherwise.
fn plain(value: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    if !value.is_empty() && value.len() <= 128 && value.chars().all(harmless) {
        value.to_owned()
    } else {
        printable(value, 1_000)
    }
}
