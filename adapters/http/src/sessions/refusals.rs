//! The problems that each operation can answer with.

use crate::answer::{ALWAYS, BODY, CHANGING, CSRF, HASHING, IDENTIFIED, Refusals, SIGNED};
use crate::problem::Code;

pub(crate) struct LoggingIn;
impl Refusals for LoggingIn {
    const CODES: &'static [&'static [Code]] = &[
        ALWAYS,
        HASHING,
        BODY,
        CSRF,
        &[Code::InvalidCredentials, Code::TooManyAttempts, Code::PasswordChangeRequired],
    ];
}

pub(crate) struct Refreshing;
impl Refusals for Refreshing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, BODY, CSRF, &[Code::InvalidRefreshToken]];
}

pub(crate) struct Identifying;
impl Refusals for Identifying {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, IDENTIFIED];
}

pub(crate) struct Calling;
impl Refusals for Calling {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED];
}

pub(crate) struct Leavings;
impl Refusals for Leavings {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED, CSRF, BODY];
}

pub(crate) struct Listing;
impl Refusals for Listing {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED, &[Code::InvalidParameter]];
}

pub(crate) struct LeavingAll;
impl Refusals for LeavingAll {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED, CSRF, BODY, &[Code::Impersonated]];
}

pub(crate) struct Ending;
impl Refusals for Ending {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, SIGNED, CHANGING, BODY, &[Code::NotFound]];
}
