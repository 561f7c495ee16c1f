//! `portcullis keys`.

use clap::Subcommand;
use portcullis::{Config, open_store};

use super::{Json, Outcome, runtime, say};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the signing keys; never their private parts.
    List(Json),
}

/// Lists the signing keys.
pub(super) fn list(config: &Config, json: bool) -> Outcome {
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
