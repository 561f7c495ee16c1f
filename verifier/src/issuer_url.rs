//! Where keys may come from.

use url::{Host, Url};

use crate::build_error::BuildError;

/// The URL below which the keys are.
pub(crate) fn base(text: &str, plain_http: bool) -> Result<Url, BuildError> {
    let wrong = || BuildError::Issuer(text.chars().take(200).collect());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let may_be_fetched = url.scheme() == "https" || url.scheme() == "http" && (plain_http || is_loopback(&url));
    let is_plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if may_be_fetched && is_plain && url.has_host() { Ok(url) } else { Err(wrong()) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_host() {
        for good in [
            "https://auth.example",
            "https://auth.example/tenant",
            "http://localhost:8080",
            "http://127.0.0.9",
            "http://[::1]:1",
        ] {
            assert!(base(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://auth.example",
            "http://localhost.example",
            "ftp://auth.example",
            "auth.example",
            "https://auth.example/?a",
            "https://auth.example/#a",
            "https://user@auth.example",
            "https://",
            "",
        ] {
            assert!(base(bad, false).is_err(), "{bad}");
        }
        assert!(base("http://auth.internal", true).is_ok());
    }
}
