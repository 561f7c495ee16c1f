//! Refusing passwords that others would guess.

mod advice;
mod common;
mod fingerprint;
mod judge;
mod leet;
mod own_words;
mod policy;

pub use policy::{GuessPolicy, PolicySettingError};
