//! `portcullis keys`.

use clap::{Args, Subcommand};
use portcullis::{Config, open_store};
use portcullis_domain::App;
use portcullis_domain::audit::Actor;
use portcullis_domain::origin::Origin;
use portcullis_domain::tokens::{KeySchedule, RevokeKeyError, RevokedKey, Rotated};
use serde_json::{Value, json};

use super::operate::{may_go_on, on_app_of_any_keys};
use super::{Json, Outcome, misused, runtime, say};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the signing keys; never their private parts.
    ///
    /// A key is next (published, not yet signing), active (signing), retiring (its tokens may live), retired (about to
    /// be destroyed) or revoked.
    List(Json),
    /// Publish the next signing keys now; they sign after keys.publish_ahead.
    ///
    /// Running services publish them at once. Where a next key waits already nothing changes.
    Rotate(Json),
    /// Withdraw a signing key at once: it signs no more and every token that it has signed is refused.
    ///
    /// For a key that somebody else may have. Sessions go on: their clients refresh, and the next key signs. Verifiers
    /// that listen drop the key within a second; others when they fetch the keys again.
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct Revoke {
    /// Which key, as `portcullis keys list` names it.
    #[arg(allow_hyphen_values = true)]
    kid: String,
    /// Do not ask. Without a terminal nobody is asked anyway.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    json: Json,
}

/// Lists, rotates or revokes signing keys.
pub(super) fn keys(config: &Config, command: Keys) -> Outcome {
    match command {
        Keys::List(Json { json }) => runtime(1)?.block_on(list(config, json)),
        Keys::Rotate(Json { json }) => on_keys(config, async |app| rotate(app, json).await),
        Keys::Revoke(Revoke { kid, yes, json: Json { json } }) => {
            let what = format!("Every token that {kid:?} has signed is refused at once, and this cannot be undone.");
            if !yes && !may_go_on(&what)? {
                return Ok(misused("nothing was revoked"));
            }
            on_keys(config, async |app| revoke(app, &kid, json).await)
        }
    }
}

/// Keys are rotated and revoked also where the master key is a new one.
fn on_keys(config: &Config, work: impl AsyncFnOnce(&App) -> Outcome) -> Outcome {
    runtime(1)?.block_on(on_app_of_any_keys(config, "has no keys of its own", work))
}

async fn list(config: &Config, json: bool) -> Outcome {
    let (store, sql) = open_store(config).await?;
    let keys = store.begin().await?.keys().all().await?;
    if let Some(sql) = sql {
        sql.close().await;
    }
    let now = portcullis::clock().now();
    let statuses = KeySchedule::statuses(&keys, config.tokens.access_ttl, now);
    let retirements = KeySchedule::retirements(&keys, config.tokens.access_ttl);
    let rows = keys.iter().zip(statuses).zip(retirements);
    if json {
        let rows = rows.map(|((key, status), retires_at)| {
            json!({
                "kid": key.kid, "algorithm": key.algorithm.as_str(), "status": status.as_str(),
                "created_at": key.created_at, "activates_at": key.activates_at, "retires_at": retires_at,
            })
        });
        return say(&format!("{}\n", Value::Array(rows.collect())));
    }
    let lines = rows.map(|((key, status), retires_at)| {
        let until = retires_at.map(|at| format!(", accepted until {at}")).unwrap_or_default();
        let (algorithm, status) = (key.algorithm.as_str(), status.as_str());
        format!("{algorithm:<10} {status:<9} {:<51} signs from {}{until}\n", key.kid, key.activates_at)
    });
    say(&lines.collect::<String>())
}

async fn rotate(app: &App, json: bool) -> Outcome {
    let next = app.tokens.rotate(Actor::Operator, &Origin::default()).await?;
    if json {
        return say(&format!("{}\n", next.iter().map(described).collect::<Value>()));
    }
    if next.is_empty() {
        return say("there are no signing keys yet: the service makes the first ones when it starts\n");
    }
    let line = |key: &Rotated| {
        let how = if key.made { "is published" } else { "was waiting already" };
        format!("{:<10} {} {how}; it signs from {}\n", key.algorithm.as_str(), key.kid, key.activates_at)
    };
    say(&next.iter().map(line).collect::<String>())
}

async fn revoke(app: &App, kid: &str, json: bool) -> Outcome {
    let revoked = match app.tokens.revoke_key(kid, Actor::Operator, &Origin::default()).await {
        Err(RevokeKeyError::Unknown { kid, known }) => {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Ok(misused(&format!("there is no signing key {kid}; there are: {known}")));
        }
        answer => answer?,
    };
    let RevokedKey { kid, algorithm, at, already, successor } = revoked;
    if json {
        return say(&format!(
            "{}\n",
            json!({
                "kid": kid, "algorithm": algorithm.as_str(), "revoked_at": at, "already_revoked": already,
                "successor": successor.as_ref().map(described),
            })
        ));
    }
    if already {
        return say(&format!("{kid} was revoked at {at} already\n"));
    }
    let next = successor.map(|next| format!("{:<10} {} signs in its place\n", next.algorithm.as_str(), next.kid));
    say(&format!("{:<10} {kid} is revoked\n{}", algorithm.as_str(), next.unwrap_or_default()))
}

fn described(key: &Rotated) -> Value {
    json!({
        "kid": key.kid, "algorithm": key.algorithm.as_str(), "activates_at": key.activates_at, "made": key.made,
    })
}
