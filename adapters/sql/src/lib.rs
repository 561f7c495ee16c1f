//! Storage on SQLite and PostgreSQL, behind the domain's ports [`Store`](portcullis_domain::ports::store::Store),
//! [`Outbox`](portcullis_domain::ports::delivery::Outbox),
//! [`WebhookQueue`](portcullis_domain::ports::webhooks::WebhookQueue) and
//! [`RevocationSignal`](portcullis_domain::ports::sessions::RevocationSignal).
//!
//! The address decides: `sqlite://data/portcullis.db`, `sqlite::memory:`, `postgres://user:password@host/database`
//! (also `postgresql://`). A schema other than `public` is chosen as with libpq:
//! `?options=-csearch_path%3Dportcullis`. To a server on the same machine the connection is plain, anywhere else it is
//! TLS if the server has it; `?sslmode=` as with libpq decides otherwise. PostgreSQL must be 12 or later.
//!
//! - **SQLite**: readers side by side, one writer. Units of work take turns in the writer's open transaction, each
//!   behind a savepoint, and all that waited share one COMMIT, which is one fsync.
//! - **PostgreSQL**: reads go straight to the pool, the transaction begins at the first write, READ COMMITTED. Other
//!   replicas are told of revocations, and of changes of clients, signing keys and webhooks, by `NOTIFY`, in the
//!   transaction that makes them.
//! - On both, refresh tokens of different sessions that are used at the same time share one statement and one COMMIT.

mod accounts;
mod address;
mod api_keys;
mod attempts;
mod audit;
mod clients;
mod column;
mod connect;
mod credentials;
mod draft;
mod entity;
mod error;
mod keys;
mod last;
mod link;
mod migrate;
mod one_time_tokens;
mod outbox;
mod postgres;
mod revocations;
mod roles;
mod rotate;
mod search;
mod sessions;
mod settings;
mod signal;
mod sqlite;
mod start;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod turn;
mod unit;
mod webhook_queue;
mod webhooks;

pub use connect::ConnectError;
pub use migrate::{MigrateError, MigrationStatus};
pub use settings::SqlSettings;
pub use store::SqlStore;
