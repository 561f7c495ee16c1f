//! What can be tuned.

use std::time::Duration;

/// How the store uses its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlSettings {
    /// The most connections to PostgreSQL; at least 1. SQLite has four readers and one writer.
    pub max_connections: u32,
    /// How long a unit of work waits for a connection, or on SQLite for its turn to write, before the store counts as
    /// not available.
    pub acquire_timeout: Duration,
    /// How long a unit of work that has written may do nothing before it is rolled back, so that it does not hold up
    /// the others.
    pub stall_timeout: Duration,
}

impl Default for SqlSettings {
    /// 16 connections, 2 s, 5 s.
    fn default() -> Self {
        Self { max_connections: 16, acquire_timeout: Duration::from_secs(2), stall_timeout: Duration::from_secs(5) }
    }
}
