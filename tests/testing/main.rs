//! `portcullis::testing` as an outsider uses it: nothing here but its public interface.

mod access;
mod builder;
mod client;
mod cookies;
mod documented;
mod documents;
mod events;
mod loopback;
mod many;
mod other_languages;
mod time;
mod tokens;
mod webhooks;
