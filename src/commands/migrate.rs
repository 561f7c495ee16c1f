//! `portcullis migrate`.

use clap::Subcommand;
use portcullis::{Config, StartError, open_store};

use super::{Json, Outcome, runtime, say};

#[derive(Subcommand)]
pub(super) enum Migrate {
    /// Apply what is missing.
    Up(Json),
    /// Tell what is applied.
    Status(Json),
}

/// Brings the schema up to date, or tells how far it is.
pub(super) fn migrate(config: &Config, command: &Migrate) -> Outcome {
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
