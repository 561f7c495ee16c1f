//! `portcullis users`: what is kept of an account.

use clap::Args;
use portcullis::Config;
use portcullis_domain::App;
use portcullis_domain::accounts::ExportAccount;
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::UserId;
use portcullis_domain::sessions::Session;
use serde_json::{Value, json};

use super::accounts::One;
use super::operate::{on_app, origin, table, tell};
use super::person::find;
use super::{Outcome, say};
use crate::exchange::{json_line, printable};

/// Rows that are read at once.
const PAGE: u32 = 200;

/// Whose data.
#[derive(Args)]
pub(super) struct Data {
    /// Id, e-mail address or username.
    #[arg(value_name = "USER")]
    who: String,
}

/// Lists the live sessions of an account.
pub(super) fn sessions(config: &Config, One { who, json }: &One) -> Outcome {
    on_app(config, async |app| {
        let user = find(app, who).await?.user.id;
        let (mut sessions, mut after) = (Vec::new(), None);
        loop {
            let (page, more) = app.administration.sessions(&Caller::operator(), user, after, PAGE).await?;
            after = page.last().map(|session| session.id);
            sessions.extend(page);
            if !more || after.is_none() {
                break;
            }
        }
        let described: Vec<Value> = sessions.iter().map(described).collect();
        let rows: Vec<_> = sessions.iter().map(row).collect();
        tell(json.json, &described, &table(["ID", "CLIENT", "SINCE", "LAST SEEN", "FROM", "AGENT"], &rows))
    })
}

fn row(session: &Session) -> [String; 6] {
    let ip = session.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let agent = match &session.impersonation {
        Some(impersonation) => format!("user {} acts in it", impersonation.by),
        None => session.user_agent.as_deref().map_or_else(|| "-".to_owned(), |agent| printable(agent, 60)),
    };
    let (since, seen) = (session.created_at.to_string(), session.last_seen_at.to_string());
    [session.id.to_string(), session.client_id.clone(), since, seen, ip, agent]
}

/// For programs.
fn described(session: &Session) -> Value {
    json!({
        "id": session.id,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "expires_at": session.idle_expires_at,
        "ip": session.ip,
        "user_agent": session.user_agent,
        "client_id": session.client_id,
        "impersonated_by": session.impersonation.map(|impersonation| impersonation.by),
    })
}

/// Writes everything that is kept of an account, for whom it is about.
pub(super) fn data(config: &Config, Data { who }: &Data) -> Outcome {
    on_app(config, async |app| {
        let user = find(app, who).await?.user.id;
        let export = ExportAccount { caller: Caller::operator(), user, origin: origin() };
        let mut told = serde_json::to_value(app.accounts.export_account(export).await?)?;
        told["audit"] = serde_json::to_value(trail(app, user).await?)?;
        say(&format!("{}\n", json_line(&told)?))
    })
}

async fn trail(app: &App, user: UserId) -> Result<Vec<AuditEntry>, Box<dyn std::error::Error>> {
    let (mut entries, mut before) = (Vec::new(), None);
    loop {
        let (page, more) = app.audit.about(&Caller::operator(), user, before, PAGE).await?;
        before = page.last().map(|entry| (entry.at, entry.id));
        entries.extend(page);
        if !more || before.is_none() {
            return Ok(entries);
        }
    }
}
