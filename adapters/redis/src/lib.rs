//! Limits and revocations that all replicas share, over Redis (or Valkey) 6.2 and later.
//!
//! [`RedisAdapter::start`] returns at once and connects in the background, for ever. [`RedisLimiter`] counts in Redis
//! by one script, in the time of Redis, and goes on counting in this process while Redis is away. [`RedisRevocations`]
//! answers from a list in this process; two tasks tell the others what was revoked here and learn what was revoked
//! there. Nothing in Redis is the truth: all of it may be lost at any time, and what is still of use is put there again.
//!
//! Slow is away: an answer that takes longer than the timeout ends the connection. From then on nobody waits for
//! Redis, until a new connection has counted a trial permit in time.
//!
//! Under the prefix `p` there are the strings `p:limit:…` (a digest; they expire by themselves), the sorted set
//! `p:revocations` (ids of grants by the microsecond until which they matter) and the channel `p:revocations:db`. The
//! user in Redis needs `+@connection +@read +@write +@scripting +publish +subscribe +time ~p:* &p:*`. Cluster mode is
//! not supported; a replicated Redis behind one address will do.

mod adapter;
mod address;
mod backoff;
mod board;
mod bucket;
mod cause;
mod connect;
mod heard;
mod limiter;
mod link;
mod listener;
mod own;
mod revocations;
mod settings;
mod supervisor;
mod teller;
mod tls;

pub use adapter::RedisAdapter;
pub use limiter::RedisLimiter;
pub use revocations::RedisRevocations;
pub use settings::{RedisConfigError, RedisSettings};
