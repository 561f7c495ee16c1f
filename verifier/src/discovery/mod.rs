//! Finding and fetching the issuer's keys.

mod client;
mod freshness;
mod keeper;
mod metadata;
mod source;

#[cfg(feature = "poll")]
pub(crate) use client::{body, client, innermost};
pub(crate) use keeper::Keeper;
#[cfg(feature = "poll")]
pub(crate) use metadata::below;
pub(crate) use source::Source;
