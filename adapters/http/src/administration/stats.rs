//! `/api/v1/stats`: how much of everything there is.

use std::sync::Arc;

use poem_openapi::OpenApi;
use portcullis_domain::Timestamp;
use portcullis_domain::administration::Statistics;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Found, Refused};
use crate::caller::Calling;
use crate::schema::{Documented, instant};
use crate::state::State;

use super::Tag;
use super::refusals::ReadingAll;

/// Statistics.
pub(crate) struct StatsApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Audit")]
impl StatsApi {
    /// How much of everything there is
    ///
    /// Counted at most once a minute.
    #[oai(path = "/stats", method = "get", operation_id = "getStatistics")]
    async fn get(&self, calling: Calling) -> Result<Found<StatsView>, Refused<ReadingAll>> {
        Ok(Found(self.0.app.administration.statistics(&calling.caller).await?.into()))
    }
}

/// The numbers.
#[derive(Serialize)]
pub(crate) struct StatsView {
    users: u64,
    disabled_users: u64,
    live_sessions: u64,
    live_api_keys: u64,
    roles: u64,
    clients: u64,
    webhooks: u64,
    counted_at: Timestamp,
}

impl From<Statistics> for StatsView {
    fn from(Statistics { counts, counted_at }: Statistics) -> Self {
        Self {
            users: counts.users,
            disabled_users: counts.disabled_users,
            live_sessions: counts.live_sessions,
            live_api_keys: counts.live_api_keys,
            roles: counts.roles,
            clients: counts.clients,
            webhooks: counts.webhooks,
            counted_at,
        }
    }
}

impl Documented for StatsView {
    const NAME: &'static str = "Statistics";

    fn schema() -> Value {
        let count = |about: &str| json!({ "type": "integer", "format": "int64", "minimum": 0, "description": about, "example": 1 });
        json!({
            "type": "object",
            "description": "How much of everything there was.",
            "required": [
                "users", "disabled_users", "live_sessions", "live_api_keys", "roles", "clients", "webhooks", "counted_at",
            ],
            "properties": {
                "users": count("Accounts."),
                "disabled_users": count("Accounts that may not be used."),
                "live_sessions": count("Sessions that are live."),
                "live_api_keys": count("API keys that may be used."),
                "roles": count("Roles."),
                "clients": count("OAuth 2 clients that may be used."),
                "webhooks": count("Webhooks."),
                "counted_at": instant("When it was counted: at most a minute ago."),
            },
        })
    }
}
