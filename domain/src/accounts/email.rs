//! E-mail addresses.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// An e-mail address that is syntactically fine (RFC 5321 §4.1.2 without address literals and quoted local parts).
///
/// Two addresses are the same when their [`Email::key`] is: NFKC, lower case, the domain in its ASCII form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: String,
    key: String,
}

/// Why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// The text is longer than an address can be.
    #[error("an e-mail address has at most 254 characters")]
    TooLong,
    /// The text does not have the form `name@domain`.
    #[error("this is not an e-mail address of the form name@example.com")]
    Malformed,
}

impl Email {
    /// The most bytes an address may have (RFC 5321 §4.5.3.1.3).
    pub const MAX_BYTES: usize = 254;

    /// Reads an address: spaces around it are dropped (line ends and tabs are not), compatibility characters
    /// (full-width letters and the like) become the plain ones before anything is checked, and the domain becomes its lower-case ASCII form.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        if text.len() > 4 * Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let blank = |c: char| c.is_whitespace() && !c.is_control();
        let text: String = text.trim_matches(blank).nfkc().collect();
        let text = text.trim_matches(blank);
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EmailError::Malformed);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError::Malformed)?;
        // The host parser would decode a percent sign; a quoted local part would be a second spelling of a plain one.
        if local.contains('"') || domain.starts_with('[') || domain.ends_with('.') || domain.contains('%') {
            return Err(EmailError::Malformed);
        }
        let Ok(url::Host::Domain(domain)) = url::Host::parse(domain) else { return Err(EmailError::Malformed) };
        // RFC 5321 §4.1.2: letters, digits and hyphens; the host parser lets more through.
        if !domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
            return Err(EmailError::Malformed);
        }
        let address = format!("{local}@{domain}");
        if address.len() > Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        email_address::EmailAddress::parse_with_options(&address, options).map_err(|_| EmailError::Malformed)?;
        let key = canonical(&address);
        Ok(Self { address, key })
    }

    /// The beginning of a [`Email::key`], to search by: of a whole address its key, of anything shorter what becomes of
    /// its letters. Refuses what no address holds.
    pub fn key_prefix(text: &str) -> Result<String, EmailError> {
        if text.len() > 4 * Self::MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        if let Ok(whole) = Self::parse(text) {
            return Ok(whole.key);
        }
        let text: String = text.nfkc().collect();
        if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EmailError::Malformed);
        }
        Ok(canonical(&text))
    }

    /// The address as its owner writes it, except for the domain's canonical form.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The canonical form that decides identity.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.address.rsplit_once('@').map_or(self.address.as_str(), |(local, _)| local)
    }
}

/// The form in which addresses are compared. The lower-case sigma at the end of a word is the same letter.
fn canonical(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ").nfkc().collect()
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}
