//! The links that are handed to people: their secrets stand behind the `#`, which no browser sends to a server.

use portcullis_domain::administration::Link;
use portcullis_domain::secret::SecretString;

/// Where the first administrator opens an account.
pub fn setup_url(issuer: &str, link: &Link) -> SecretString {
    SecretString::new(format!("{issuer}/setup#{}", link.token.expose()))
}

/// Where the owner of an account chooses a password.
pub fn password_url(issuer: &str, link: &Link) -> SecretString {
    SecretString::new(format!("{issuer}/set-password#{}", link.token.expose()))
}
