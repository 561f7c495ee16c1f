//! One of the things that are wrong with a request.

use std::borrow::Cow;

use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{EmailError, PasswordError, UsernameError};
use serde::Serialize;

/// One thing that is wrong. Names from the request are repeated in it, values are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    /// Where.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// What, as a stable kebab-case name.
    pub(crate) code: &'static str,
    /// What, for a person.
    pub(crate) detail: Cow<'static, str>,
}

impl Violation {
    /// The same in an object that is the member `name` of the body.
    pub(crate) fn under(mut self, name: &str) -> Self {
        if let (Place::Pointer(outer), Place::Pointer(inner)) = (Place::member(name), &self.place) {
            self.place = Place::Pointer(format!("{outer}{inner}"));
        }
        self
    }
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In the body: a JSON pointer (RFC 6901).
    Pointer(String),
    /// In the query: the name of a parameter.
    Parameter(Cow<'static, str>),
}

impl Place {
    /// The member `name` of the body.
    pub(crate) fn member(name: &str) -> Self {
        Self::Pointer(format!("/{}", name.replace('~', "~0").replace('/', "~1")))
    }

    /// Where the member `roles` of the body, which is this list, names the role.
    pub(crate) fn role(roles: &[RoleName], role: &RoleName) -> Self {
        let index = roles.iter().position(|other| other == role);
        index.map_or_else(|| Self::member("roles"), |index| Self::Pointer(format!("/roles/{index}")))
    }
}

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: &'static str,
    pub(crate) detail: Cow<'static, str>,
}

impl Reason {
    pub(crate) fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    pub(crate) fn at(self, place: Place) -> Violation {
        Violation { place, code: self.code, detail: self.detail }
    }
}

impl From<EmailError> for Reason {
    fn from(error: EmailError) -> Self {
        let code = match error {
            EmailError::TooLong => "too-long",
            EmailError::Malformed => "malformed",
        };
        Self::new(code, error.to_string())
    }
}

impl From<UsernameError> for Reason {
    fn from(error: UsernameError) -> Self {
        let code = match error {
            UsernameError::TooShort => "too-short",
            UsernameError::TooLong => "too-long",
            UsernameError::Malformed => "malformed",
            UsernameError::Reserved => "reserved",
        };
        Self::new(code, error.to_string())
    }
}

impl From<PasswordError> for Reason {
    fn from(error: PasswordError) -> Self {
        let code = match error {
            PasswordError::TooShort { .. } => "too-short",
            PasswordError::TooLong => "too-long",
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_pointers() {
        assert_eq!(Place::member("a/b~c"), Place::Pointer("/a~1b~0c".to_owned()));
    }
}
