//! `portcullis webhooks`.

use std::io::{BufRead, Read};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use portcullis::config::duration;
use portcullis::{Config, StartError, open_app};
use portcullis_domain::App;
use portcullis_domain::audit::Actor;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::origin::Origin;
use portcullis_domain::secret::LONGEST_OVERLAP;
use portcullis_domain::webhooks::{
    CreateWebhook, RotateWebhookSecret, TestWebhookError, UpdateWebhook, Webhook, WebhookStatus, WebhookUrl,
};
use serde_json::{Value, json};

use super::{Json, Outcome, runtime, say};
use crate::exchange::{json_line, printable};

/// How much is shown of why nothing is sent.
const WHY_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(super) enum WebhooksCommand {
    /// Send events to a URL, and print the secret that signs them; it is not shown again.
    ///
    /// Running services send to it within sessions.revocation_staleness; what happened before is not sent.
    Create(Create),
    /// List the webhooks; never their secrets.
    List(Json),
    /// Give a webhook another URL or other events.
    Update(Update),
    /// Send to a disabled webhook again; what happened meanwhile is not sent.
    Enable(One),
    /// Send nothing to a webhook for now; what waits for it is discarded.
    Disable(One),
    /// Give a webhook a new secret and print it; it is not shown again.
    RotateSecret(Rotate),
    /// Remove a webhook with everything that waits for it.
    Delete(One),
    /// Send a signed test message from this machine and tell what comes back; exits with 1 when it is not taken.
    Test(One),
}

#[derive(Args)]
pub(super) struct Create {
    /// Where to: https, and an address that is public (see webhooks.allow_http, webhooks.allowed_networks); `-` reads it
    /// from standard input, for a URL that is a secret.
    #[arg(value_parser = target)]
    url: Target,
    /// Only events of this name, or of a family like `user.*`; may be given several times. All when absent.
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct Update {
    /// Which webhook.
    #[arg(value_parser = webhook_id)]
    id: WebhookId,
    /// The new URL; `-` reads it from standard input. The secret stays: whoever got messages before can sign for it.
    #[arg(long, value_parser = target)]
    url: Option<Target>,
    /// Only events of this name or family, instead of those before; may be given several times.
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    /// All events.
    #[arg(long, conflicts_with = "events")]
    all_events: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct One {
    /// Which webhook.
    #[arg(value_parser = webhook_id)]
    id: WebhookId,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct Rotate {
    /// Whose secret.
    #[arg(value_parser = webhook_id)]
    id: WebhookId,
    /// For how long messages are signed with the present secret, too, up to 30d.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = overlap)]
    overlap: Duration,
    #[command(flatten)]
    json: Json,
}

/// Where to send.
#[derive(Clone)]
enum Target {
    Given(WebhookUrl),
    /// The first line of standard input: arguments are seen by everybody on the machine, and kept by shells.
    Input,
}

impl Target {
    fn read(&self) -> Result<WebhookUrl, String> {
        if let Self::Given(url) = self {
            return Ok(url.clone());
        }
        // A longer line is no URL of a webhook.
        let longest = u64::try_from(WebhookUrl::MAX).unwrap_or(u64::MAX).saturating_add(2);
        let mut line = String::new();
        let read = std::io::stdin().lock().take(longest).read_line(&mut line);
        read.map_err(|error| error.to_string())
            .and_then(|_| url(line.trim_end_matches(['\r', '\n'])))
            .map_err(|why| format!("the URL on standard input: {why}"))
    }
}

fn target(text: &str) -> Result<Target, String> {
    if text == "-" { Ok(Target::Input) } else { url(text).map(Target::Given) }
}

fn url(text: &str) -> Result<WebhookUrl, String> {
    WebhookUrl::parse(text).map_err(|error| error.to_string())
}

fn webhook_id(text: &str) -> Result<WebhookId, String> {
    text.parse().map_err(|_| "must be the id of a webhook; see `portcullis webhooks list`".to_owned())
}

fn overlap(text: &str) -> Result<Duration, String> {
    let fine = duration(text).filter(|overlap| *overlap <= LONGEST_OVERLAP);
    fine.ok_or_else(|| "must be a duration like 90s, 15m, 12h or 7d, up to 30d".to_owned())
}

/// Creates, lists, changes, tests or removes webhooks.
pub(super) fn webhooks(config: &Config, command: &WebhooksCommand) -> Outcome {
    runtime(1)?.block_on(async {
        let (app, sql) = open_app(config).await?;
        let Some(sql) = sql else {
            return Err("a database in memory has no webhooks: set DATABASE_URL".into());
        };
        // A secret that is sealed under another master key than the service's would never sign anything.
        app.tokens.open_keys(&[]).await.map_err(StartError::from)?;
        let outcome = match command {
            WebhooksCommand::Create(command) => create(&app, command).await,
            WebhooksCommand::List(Json { json }) => list(&app, *json).await,
            WebhooksCommand::Update(command) => update(&app, command).await,
            WebhooksCommand::Enable(One { id, json }) => {
                let webhook = app.webhooks.enable(*id, Actor::Operator, &Origin::default()).await;
                webhook.map_err(Into::into).and_then(|webhook| tell(&webhook, json.json))
            }
            WebhooksCommand::Disable(One { id, json }) => {
                let webhook = app.webhooks.disable(*id, Actor::Operator, &Origin::default()).await;
                webhook.map_err(Into::into).and_then(|webhook| tell(&webhook, json.json))
            }
            WebhooksCommand::RotateSecret(command) => rotate(&app, command).await,
            WebhooksCommand::Delete(command) => delete(&app, command).await,
            WebhooksCommand::Test(command) => test(&app, command).await,
        };
        sql.close().await;
        outcome
    })
}

async fn create(app: &App, command: &Create) -> Outcome {
    let url = match command.url.read() {
        Ok(url) => url,
        Err(why) => return Ok(super::misused(&why)),
    };
    let (webhook, secret) = app
        .webhooks
        .create(CreateWebhook {
            url,
            events: command.events.clone(),
            actor: Actor::Operator,
            origin: Origin::default(),
        })
        .await?;
    if command.json.json {
        let mut told = described(&webhook);
        told["secret"] = secret.expose().into();
        return say(&format!("{}\n", json_line(&told)?));
    }
    let hint = "The secret is not shown again: give it to the receiver, which checks every message with it.";
    say(&format!("{}\nsecret: {}\n{hint}\n", line(&webhook), secret.expose()))
}

async fn list(app: &App, json: bool) -> Outcome {
    let webhooks = app.webhooks.list().await?;
    if json {
        let all: Vec<Value> = webhooks.iter().map(described).collect();
        return say(&format!("{}\n", json_line(&all)?));
    }
    say(&webhooks.iter().map(|webhook| format!("{}\n", line(webhook))).collect::<String>())
}

async fn update(app: &App, command: &Update) -> Outcome {
    let events = (command.all_events || !command.events.is_empty()).then(|| command.events.clone());
    if command.url.is_none() && events.is_none() {
        return Ok(super::misused("nothing to change: give --url, --event or --all-events"));
    }
    let url = match command.url.as_ref().map(Target::read).transpose() {
        Ok(url) => url,
        Err(why) => return Ok(super::misused(&why)),
    };
    let update = UpdateWebhook { webhook: command.id, url, events, actor: Actor::Operator, origin: Origin::default() };
    tell(&app.webhooks.update(update).await?, command.json.json)
}

async fn rotate(app: &App, command: &Rotate) -> Outcome {
    let Rotate { id, overlap, json } = command;
    let rotate =
        RotateWebhookSecret { webhook: *id, overlap: *overlap, actor: Actor::Operator, origin: Origin::default() };
    let secret = app.webhooks.rotate_secret(rotate).await?;
    if json.json {
        return say(&format!("{}\n", json_line(&json!({ "id": id, "secret": secret.expose() }))?));
    }
    let hint = if overlap.is_zero() {
        "Messages are signed with it alone from now on.".to_owned()
    } else {
        format!("Messages are signed with it and, for {} more seconds, with the one before.", overlap.as_secs())
    };
    say(&format!("secret: {}\nThe secret is not shown again. {hint}\n", secret.expose()))
}

async fn delete(app: &App, One { id, json }: &One) -> Outcome {
    app.webhooks.delete(*id, Actor::Operator, &Origin::default()).await?;
    if json.json { say(&format!("{}\n", json_line(&json!({ "deleted": id }))?)) } else { say("deleted\n") }
}

async fn test(app: &App, One { id, json }: &One) -> Outcome {
    let why = match app.webhooks.test(*id).await {
        Ok(()) if json.json => return say(&format!("{}\n", json_line(&json!({ "delivered": true }))?)),
        Ok(()) => return say("delivered: the receiver answered with success\n"),
        Err(TestWebhookError::NotDelivered(why)) => why,
        Err(error) => return Err(error.into()),
    };
    if json.json {
        say(&format!("{}\n", json_line(&json!({ "delivered": false, "why": why.to_string() }))?))?;
    } else {
        super::tell(&format!("not delivered: {}", printable(&why.to_string(), WHY_MAX)));
    }
    Ok(ExitCode::FAILURE)
}

fn tell(webhook: &Webhook, json: bool) -> Outcome {
    if json { say(&format!("{}\n", json_line(&described(webhook))?)) } else { say(&format!("{}\n", line(webhook))) }
}

/// A webhook for programs, without its secrets.
fn described(webhook: &Webhook) -> Value {
    let (status, disabled_at, why) = match &webhook.status {
        WebhookStatus::Enabled => ("enabled", None, None),
        WebhookStatus::Disabled { at, why } => ("disabled", Some(at), Some(why)),
    };
    json!({
        "id": webhook.id,
        "url": webhook.url.as_str(),
        "events": webhook.events,
        "status": status,
        "disabled_at": disabled_at,
        "why": why,
        "previous_secret_signs_until": webhook.previous.as_ref().map(|(_, until)| until),
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    })
}

/// A webhook for people.
fn line(webhook: &Webhook) -> String {
    let events = if webhook.events.is_empty() { "all events".to_owned() } else { webhook.events.join(", ") };
    let status = match &webhook.status {
        WebhookStatus::Enabled => "enabled".to_owned(),
        WebhookStatus::Disabled { at, why } => format!("disabled since {at}: {}", printable(why, WHY_MAX)),
    };
    format!("{}  {}  {events}  {status}", webhook.id, webhook.url.as_str())
}
