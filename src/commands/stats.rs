//! `portcullis stats`.

use portcullis::Config;
use portcullis_domain::caller::Caller;
use serde_json::json;

use super::Outcome;
use super::operate::{on_app, sheet, tell};

/// Tells how much of everything there is.
pub(super) fn stats(config: &Config, json: bool) -> Outcome {
    on_app(config, async |app| {
        let told = app.administration.statistics(&Caller::operator()).await?;
        let counts = told.counts;
        let described = json!({
            "users": counts.users,
            "disabled_users": counts.disabled_users,
            "live_sessions": counts.live_sessions,
            "live_api_keys": counts.live_api_keys,
            "roles": counts.roles,
            "clients": counts.clients,
            "webhooks": counts.webhooks,
            "counted_at": told.counted_at,
        });
        let text = sheet(&[
            ("users", counts.users.to_string()),
            ("  disabled", counts.disabled_users.to_string()),
            ("live sessions", counts.live_sessions.to_string()),
            ("live API keys", counts.live_api_keys.to_string()),
            ("roles", counts.roles.to_string()),
            ("clients", counts.clients.to_string()),
            ("webhooks", counts.webhooks.to_string()),
        ]);
        tell(json, &described, &text)
    })
}
