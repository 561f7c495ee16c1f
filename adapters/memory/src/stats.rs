//! Counting.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::ports::stats::{Counts, StatsRepository};
use portcullis_domain::ports::store::StoreError;

use crate::store::Unit;

fn count<T>(rows: impl Iterator<Item = T>) -> u64 {
    rows.count() as u64
}

#[async_trait]
impl StatsRepository for Unit {
    async fn count(&mut self, now: Timestamp) -> Result<Counts, StoreError> {
        self.look(|view| Counts {
            users: count(view.users()),
            disabled_users: count(view.users().filter(|user| user.status == UserStatus::Disabled)),
            live_sessions: count(view.sessions().filter(|session| session.is_live(now))),
            live_api_keys: count(view.api_keys().filter(|(key, _)| key.is_live(now))),
            roles: count(view.roles()),
            clients: count(view.clients().filter(|client| client.is_live())),
            webhooks: count(view.webhooks()),
        })
    }
}
