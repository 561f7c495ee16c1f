//! The use cases over the memory adapter, with a clock that the test holds in its hand.

mod accounts;
mod ambient;
mod keys;
mod log_in;
mod names;
mod passwords;
mod profile;
mod refresh;
mod relay;
mod reuse;
mod sessions;
mod tokens;
mod vectors;
mod world;
