//! Finding and fetching the issuer's keys.

mod client;
mod freshness;
mod keeper;
mod metadata;
mod source;

pub(crate) use keeper::Keeper;
pub(crate) use source::Source;
