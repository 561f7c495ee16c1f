//! What a person types to say who they are.

use super::{Email, Username};

/// The name given at login: a username or an e-mail address, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginName {
    /// An e-mail address: the text had an `@`.
    Email(Email),
    /// A username.
    Username(Username),
}

impl LoginName {
    /// Reads a login name; `None` when nobody can have that name, which a login treats like an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(['@', '\u{FF20}', '\u{FE6B}']) {
            Email::parse(text).ok().map(Self::Email)
        } else {
            Username::well_formed(text).ok().map(Self::Username)
        }
    }

    /// The canonical form.
    pub fn key(&self) -> &str {
        match self {
            Self::Email(email) => email.key(),
            Self::Username(username) => username.key(),
        }
    }
}
