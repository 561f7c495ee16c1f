//! The use cases over the memory adapter, with a clock that the test holds in its hand.

mod accounts;
mod ambient;
mod attempts;
mod attempts_signed_in;
mod audit;
mod audit_trail;
mod devices;
mod faulty;
mod freshness;
mod import;
mod keys;
mod log_in;
mod names;
mod passwords;
mod profile;
mod refresh;
mod relay;
mod replaced_sessions;
mod reuse;
mod sessions;
mod tokens;
mod vectors;
mod world;
