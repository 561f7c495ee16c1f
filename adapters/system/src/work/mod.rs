//! Heavy work away from the async threads: as many threads as cores, a line of bounded length in front of them.

mod job;
mod line;
mod pool;
mod priority;
#[cfg(test)]
mod tests;

pub(crate) use line::Limits;
pub use pool::WorkPool;
pub(crate) use pool::{PoolError, PoolOptions};
