//! Usernames.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// A username: 3 to 64 characters out of `A`–`Z`, `a`–`z`, `0`–`9`, `.`, `_` and `-`, with a letter or digit at
/// both ends, and not one of the reserved names.
///
/// Two usernames are the same when their [`Username::key`], the lower-case form, is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Username {
    name: String,
    key: String,
}

/// Why a text is not a username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Fewer than 3 characters.
    #[error("a username has at least 3 characters")]
    TooShort,
    /// More than 64 characters.
    #[error("a username has at most 64 characters")]
    TooLong,
    /// A character outside the alphabet, or not a letter or digit at an end.
    #[error("a username has letters, digits, '.', '_' and '-' only, and begins and ends with a letter or digit")]
    Malformed,
    /// The name is reserved.
    #[error("this username is reserved")]
    Reserved,
}

impl Username {
    /// The fewest characters.
    pub const MIN_CHARS: usize = 3;
    /// The most characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads a username: white space around it is dropped, compatibility characters (full-width letters and the
    /// like) become the plain ones before anything is checked.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let name = Self::well_formed(text)?;
        if super::reserved::is_reserved(&name.key) { Err(UsernameError::Reserved) } else { Ok(name) }
    }

    /// Reads a username as a login presents it: a reserved name is no name of anybody's, but that is for the store to say.
    pub(crate) fn well_formed(text: &str) -> Result<Self, UsernameError> {
        if text.len() > 16 * Self::MAX_CHARS {
            return Err(UsernameError::TooLong);
        }
        let name: String = text.trim().nfkc().collect();
        let count = name.chars().count();
        if count < Self::MIN_CHARS {
            return Err(UsernameError::TooShort);
        }
        if count > Self::MAX_CHARS {
            return Err(UsernameError::TooLong);
        }
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !name.chars().all(inner) || !ends(name.chars().next()) || !ends(name.chars().last()) {
            return Err(UsernameError::Malformed);
        }
        let key = name.to_ascii_lowercase();
        Ok(Self { name, key })
    }

    /// The beginning of a [`Username::key`], to search by. Refuses what no username holds.
    pub fn key_prefix(text: &str) -> Result<String, UsernameError> {
        if text.len() > 16 * Self::MAX_CHARS {
            return Err(UsernameError::TooLong);
        }
        let beginning: String = text.trim().nfkc().collect();
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match beginning.chars().count() {
            0 => Err(UsernameError::TooShort),
            1..=Self::MAX_CHARS if beginning.chars().all(fine) => Ok(beginning.to_ascii_lowercase()),
            1..=Self::MAX_CHARS => Err(UsernameError::Malformed),
            _ => Err(UsernameError::TooLong),
        }
    }

    /// A name that was valid when it was stored: the list of reserved names may have grown since.
    pub fn stored(text: &str) -> Result<Self, UsernameError> {
        Self::well_formed(text)
    }

    /// The name as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The canonical form that decides identity.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
