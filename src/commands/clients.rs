//! `portcullis clients`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use portcullis::config::duration;
use portcullis::{Config, StartError, open_app};
use portcullis_domain::App;
use portcullis_domain::caller::Caller;
use portcullis_domain::clients::{Client, ClientId, CreateClient, RotateSecret};
use portcullis_domain::origin::Origin;
use portcullis_domain::secret::{LONGEST_OVERLAP, SecretString};
use portcullis_domain::tokens::Scope;
use serde_json::{Value, json};

use super::{Json, Outcome, runtime, say};
use crate::exchange::{json_line, printable};

#[derive(Subcommand)]
pub(super) enum ClientsCommand {
    /// Create a client and print its secret, which is not shown again.
    ///
    /// Running services know the client at once.
    Create(Create),
    /// List the clients; never their secrets.
    List(Json),
    /// Give a client a new secret and print it; it is not shown again.
    ///
    /// Running services take it at once. The present secret stops working within sessions.revocation_staleness, or
    /// works on for the time of --overlap.
    RotateSecret(Rotate),
    /// Delete a client for good: its secret and its tokens are refused, and its id is not given again.
    ///
    /// Running services refuse both within sessions.revocation_staleness.
    Delete(Delete),
}

#[derive(Args)]
pub(super) struct Create {
    /// Its client_id: 3 to 64 characters out of a-z 0-9 . _ -; made up when absent.
    #[arg(long, value_parser = client_id)]
    id: Option<ClientId>,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// The most that its tokens may allow: words separated by single spaces.
    #[arg(long, value_name = "SCOPE", default_value = "", hide_default_value = true, value_parser = scope)]
    scope: Scope,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct Rotate {
    /// Whose secret.
    #[arg(value_parser = client_id)]
    id: ClientId,
    /// For how long the present secret works on, up to 30d.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = overlap)]
    overlap: Duration,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct Delete {
    /// Which client.
    #[arg(value_parser = client_id)]
    id: ClientId,
    #[command(flatten)]
    json: Json,
}

fn client_id(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|error| error.to_string())
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text)
        .map_err(|_| "must be words separated by single spaces, for instance \"orders:read mail\"".to_owned())
}

fn overlap(text: &str) -> Result<Duration, String> {
    let fine = duration(text).filter(|overlap| *overlap <= LONGEST_OVERLAP);
    fine.ok_or_else(|| "must be a duration like 90s, 15m, 12h or 7d, up to 30d".to_owned())
}

/// Creates, lists, changes or deletes clients.
pub(super) fn clients(config: &Config, command: &ClientsCommand) -> Outcome {
    runtime(1)?.block_on(async {
        let (app, sql) = open_app(config).await?;
        let Some(sql) = sql else {
            return Err("a database in memory has no clients: set DATABASE_URL".into());
        };
        // A secret that is bound to another master key than the service's would never work.
        app.tokens.open_keys(&[]).await.map_err(StartError::from)?;
        let outcome = match command {
            ClientsCommand::Create(command) => create(&app, command).await,
            ClientsCommand::List(Json { json }) => list(&app, *json).await,
            ClientsCommand::RotateSecret(command) => rotate(&app, command).await,
            ClientsCommand::Delete(command) => delete(&app, command).await,
        };
        sql.close().await;
        outcome
    })
}

async fn create(app: &App, command: &Create) -> Outcome {
    let (client, secret) = app
        .clients
        .create(CreateClient {
            id: command.id.clone(),
            name: command.name.clone(),
            scope: command.scope.clone(),
            caller: Caller::operator(),
            origin: Origin::default(),
        })
        .await?;
    let mut told = described(&client);
    told["client_secret"] = secret.expose().into();
    tell_secret(&client.id, &secret, command.json.json.then(|| json_line(&told)).transpose()?, "")
}

async fn list(app: &App, json: bool) -> Outcome {
    let clients = app.clients.list(&Caller::operator()).await?;
    if json {
        let all: Vec<Value> = clients.iter().map(described).collect();
        return say(&format!("{}\n", json_line(&all)?));
    }
    let line = |client: &Client| {
        let name = client.name.as_deref().map(|name| format!("  {}", printable(name, Client::NAME_MAX)));
        let line = format!("{:<24} {}{}", client.id, client.scope, name.unwrap_or_default());
        format!("{}\n", line.trim_end())
    };
    say(&clients.iter().map(line).collect::<String>())
}

async fn rotate(app: &App, command: &Rotate) -> Outcome {
    let Rotate { id, overlap, json } = command;
    let rotate =
        RotateSecret { client: id.clone(), overlap: *overlap, caller: Caller::operator(), origin: Origin::default() };
    let secret = app.clients.rotate_secret(rotate).await?;
    let told = json!({ "client_id": id.as_str(), "client_secret": secret.expose() });
    let hint = if overlap.is_zero() {
        " The previous one has ended.".to_owned()
    } else {
        format!(" The previous one works for another {} s.", overlap.as_secs())
    };
    tell_secret(id, &secret, json.json.then(|| json_line(&told)).transpose()?, &hint)
}

async fn delete(app: &App, command: &Delete) -> Outcome {
    let Delete { id, json } = command;
    app.clients.delete(&Caller::operator(), id, &Origin::default()).await?;
    if json.json {
        say(&format!("{}\n", json!({ "client_id": id.as_str(), "deleted": true })))
    } else {
        say(&format!("deleted {id}\n"))
    }
}

fn described(client: &Client) -> Value {
    json!({
        "client_id": client.id.as_str(), "name": client.name, "scope": client.scope.to_string(),
        "created_at": client.created_at,
    })
}

/// The secret on standard output, as lines or as `json`; what to know about it on standard error.
fn tell_secret(id: &ClientId, secret: &SecretString, json: Option<String>, hint: &str) -> Outcome {
    let told = json.map_or_else(
        || format!("client_id      {id}\nclient_secret  {}\n", secret.expose()),
        |json| format!("{json}\n"),
    );
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
        let remedy = format!("run `portcullis clients rotate-secret {id}` for another one");
        return Err(format!("the secret is in force but could not be printed ({error}): {remedy}").into());
    }
    // Who has closed standard error does not want to know.
    drop(writeln!(io::stderr(), "Keep the secret: it is not shown again.{hint}"));
    Ok(ExitCode::SUCCESS)
}
