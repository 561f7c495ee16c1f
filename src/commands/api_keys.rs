//! `portcullis api-keys`.

use std::net::IpAddr;
use std::time::Duration;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use portcullis::Config;
use portcullis::config::{duration, quota};
use portcullis_domain::App;
use portcullis_domain::access::{
    Access, ApiKey, ApiKeyScope, CreateApiKey, KeyQuery, KeyUsage, Permission, RoleName, RotateApiKey, UpdateApiKey,
};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::limits::Quota;
use serde_json::{Value, json};

use super::api_key::{KeyName, described, now, state, tell_key, told};
use super::operate::{on_app, origin, shown, table, tell};
use super::person::find;
use super::{Json, Outcome, misused};
use crate::exchange::printable;

/// Keys that are read at once.
const PAGE: u32 = 200;

#[derive(Subcommand)]
pub(super) enum ApiKeys {
    /// List API keys, the newest first; never their secrets.
    List(List),
    /// Show an API key.
    Show(One),
    /// Create an API key and print it; it is not shown again.
    Create(Create),
    /// Change an API key.
    Update(Update),
    /// Give an API key a new secret and print it; it is not shown again.
    Rotate(Rotate),
    /// Revoke an API key: it is refused everywhere at once.
    Revoke(One),
}

#[derive(Args)]
pub(super) struct List {
    /// Only those of this account: id, e-mail address or username.
    #[arg(long)]
    user: Option<String>,
    /// Only those that may be used.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Args)]
pub(super) struct One {
    /// Which key: its id, as `portcullis api-keys list` names it, or what it begins with (pk_ and 32 digits).
    #[arg(value_parser = KeyName)]
    id: ApiKeyId,
    #[command(flatten)]
    json: Json,
}

/// What a key may do, and under which conditions.
#[derive(Args)]
pub(super) struct Grants {
    /// What it may do, for instance users:read, as far as its owner may; may be repeated.
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    /// A role of its owner whose permissions it has besides; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// A network or address that it may be used from, for instance 10.0.0.0/8; may be repeated.
    #[arg(long = "network", value_name = "NETWORK", value_parser = network)]
    networks: Vec<IpNet>,
    /// When it ends, counted from now, for instance 90d.
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    expires_in: Option<Duration>,
    /// How often it may be used: 100/60s is 100 requests at once, and as many again in 60 s.
    #[arg(long, value_name = "REQUESTS/DURATION", value_parser = rate)]
    rate: Option<Quota>,
}

#[derive(Args)]
pub(super) struct Create {
    /// For whom it acts: id, e-mail address or username.
    #[arg(long)]
    user: String,
    /// What it is called, 1 to 100 characters.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    grants: Grants,
    #[command(flatten)]
    json: Json,
}

/// Lists that are given replace those of the key.
#[derive(Args)]
pub(super) struct Update {
    #[command(flatten)]
    one: One,
    /// What it is called from now on.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    grants: Grants,
    /// It has no permissions of its own any more.
    #[arg(long, conflicts_with = "permissions")]
    no_permissions: bool,
    /// It has no roles any more.
    #[arg(long, conflicts_with = "roles")]
    no_roles: bool,
    /// It may be used from everywhere.
    #[arg(long, conflicts_with = "networks")]
    no_networks: bool,
    /// It does not end by itself any more.
    #[arg(long, conflicts_with = "expires_in")]
    no_expiry: bool,
    /// It may be used as often as its owner.
    #[arg(long, conflicts_with = "rate")]
    no_rate: bool,
}

#[derive(Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    one: One,
    /// For how long the present secret works on, up to 30d.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = overlap)]
    overlap: Duration,
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "must be a network like 10.0.0.0/8 or an address".to_owned())
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let fine = duration(text).filter(|lifetime| !lifetime.is_zero());
    fine.ok_or_else(|| "must be a duration like 12h or 90d".to_owned())
}

fn rate(text: &str) -> Result<Quota, String> {
    quota(text).ok_or_else(|| "must be like 100/60s: up to 1000000 requests, 1s to 1d".to_owned())
}

fn overlap(text: &str) -> Result<Duration, String> {
    let fine = duration(text).filter(|overlap| *overlap <= Access::LONGEST_OVERLAP);
    fine.ok_or_else(|| "must be a duration like 90s, 15m, 12h or 7d, up to 30d".to_owned())
}

/// Lists, shows, creates, changes, rotates or revokes API keys.
pub(super) fn api_keys(config: &Config, command: &ApiKeys) -> Outcome {
    if let ApiKeys::Update(update) = command
        && !update.changes_something()
    {
        return Ok(misused("nothing to change: see `portcullis api-keys update --help`"));
    }
    on_app(config, async |app| match command {
        ApiKeys::List(command) => list(app, command).await,
        ApiKeys::Show(One { id, json }) => {
            let (key, usage) = app.access.key(&Caller::operator(), ApiKeyScope::All, *id).await?;
            told(&key, usage, json.json)
        }
        ApiKeys::Create(command) => create(app, command).await,
        ApiKeys::Update(command) => update(app, command).await,
        ApiKeys::Rotate(command) => rotate(app, command).await,
        ApiKeys::Revoke(One { id, json }) => {
            app.access.revoke_key(&Caller::operator(), ApiKeyScope::All, *id, &origin()).await?;
            tell(json.json, &json!({ "id": id, "revoked": true }), &format!("revoked {id}\n"))
        }
    })
}

async fn list(app: &App, command: &List) -> Outcome {
    let owner: Option<UserId> = match &command.user {
        Some(who) => Some(find(app, who).await?.user.id),
        None => None,
    };
    let now = now();
    let mut query = KeyQuery { owner, live_at: command.live.then_some(now), after: None, limit: PAGE };
    let mut keys: Vec<(ApiKey, KeyUsage)> = Vec::new();
    loop {
        let (page, more) = app.access.keys(&Caller::operator(), ApiKeyScope::All, query).await?;
        query.after = page.last().map(|(key, _)| key.id);
        keys.extend(page);
        if !more || query.after.is_none() {
            break;
        }
    }
    let described: Vec<Value> = keys.iter().map(|(key, usage)| described(key, *usage)).collect();
    let row = |(key, usage): &(ApiKey, KeyUsage)| {
        let name = printable(&key.name, ApiKey::NAME_MAX);
        [
            key.id.to_string(),
            name,
            key.owner.to_string(),
            state(key, now),
            usage.uses.to_string(),
            shown(usage.last_used_at),
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    tell(command.json.json, &described, &table(["ID", "NAME", "OWNER", "STATE", "USES", "LAST USED"], &rows))
}

async fn create(app: &App, command: &Create) -> Outcome {
    let grants = &command.grants;
    let made = app.access.create_key(CreateApiKey {
        caller: Caller::operator(),
        owner: find(app, &command.user).await?.user.id,
        name: command.name.clone(),
        permissions: grants.permissions.iter().cloned().collect(),
        roles: grants.roles.clone(),
        networks: grants.networks.clone(),
        quota: grants.rate,
        expires_at: grants.expires_in.map(|lifetime| now().plus(lifetime)),
        origin: origin(),
    });
    tell_key(&made.await?, command.json.json, "Keep the key: it is not shown again.")
}

impl Update {
    fn changes_something(&self) -> bool {
        let grants = &self.grants;
        let given = self.name.is_some() || grants.expires_in.is_some() || grants.rate.is_some();
        let lists = !grants.permissions.is_empty() || !grants.roles.is_empty() || !grants.networks.is_empty();
        let dropped = self.no_permissions || self.no_roles || self.no_networks || self.no_expiry || self.no_rate;
        given || lists || dropped
    }
}

async fn update(app: &App, command: &Update) -> Outcome {
    let grants = &command.grants;
    let list = |given: bool, none: bool| given || none;
    let updated = app.access.update_key(UpdateApiKey {
        caller: Caller::operator(),
        scope: ApiKeyScope::All,
        id: command.one.id,
        name: command.name.clone(),
        permissions: list(!grants.permissions.is_empty(), command.no_permissions)
            .then(|| grants.permissions.iter().cloned().collect()),
        roles: list(!grants.roles.is_empty(), command.no_roles).then(|| grants.roles.clone()),
        networks: list(!grants.networks.is_empty(), command.no_networks).then(|| grants.networks.clone()),
        quota: if command.no_rate { Some(None) } else { grants.rate.map(Some) },
        expires_at: if command.no_expiry {
            Some(None)
        } else {
            grants.expires_in.map(|lifetime| Some(now().plus(lifetime)))
        },
        version: None,
        origin: origin(),
    });
    let (key, usage) = updated.await?;
    told(&key, usage, command.one.json.json)
}

async fn rotate(app: &App, Rotate { one: One { id, json }, overlap }: &Rotate) -> Outcome {
    let rotate = RotateApiKey {
        caller: Caller::operator(),
        scope: ApiKeyScope::All,
        id: *id,
        overlap: *overlap,
        origin: origin(),
    };
    let made = app.access.rotate_key(rotate).await?;
    let hint = if overlap.is_zero() {
        "Keep the key: it is not shown again. The previous one has ended.".to_owned()
    } else {
        let seconds = overlap.as_secs();
        format!("Keep the key: it is not shown again. The previous one works for another {seconds} s.")
    };
    tell_key(&made, json.json, &hint)
}
