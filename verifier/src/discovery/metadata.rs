//! Where an issuer says its keys are (RFC 8414, OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
}

/// Where the metadata may be, in this order. RFC 8414 §3.1 puts the well-known part before the issuer's path, OpenID
/// Connect after it.
pub(crate) fn places(base: &Url) -> [Url; 2] {
    let path = base.path().trim_end_matches('/');
    let oauth = at(base, &format!("/.well-known/oauth-authorization-server{path}"));
    [oauth, below(base, ".well-known/openid-configuration")]
}

/// `base` with `rest` after its path.
pub(crate) fn below(base: &Url, rest: &str) -> Url {
    let path = base.path().trim_end_matches('/');
    at(base, &format!("{path}/{rest}"))
}

fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    url
}

/// The `jwks_uri` of an issuer's metadata. `None` when it is another issuer's (RFC 8414 §3.3), says nothing of keys, or
/// names a place that is less safe than the issuer's own.
pub(crate) fn jwks_uri(json: &[u8], issuer: &str, base: &Url) -> Option<Url> {
    let metadata: Metadata = serde_json::from_slice(json).ok()?;
    if metadata.issuer != issuer {
        return None;
    }
    let url = Url::parse(&metadata.jwks_uri?).ok()?;
    let is_safe = url.scheme() == "https" || url.origin() == base.origin();
    is_safe.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn the_well_known_part_goes_where_each_standard_puts_it() {
        let [oauth, openid] = places(&url("https://a.example"));
        assert_eq!(oauth.as_str(), "https://a.example/.well-known/oauth-authorization-server");
        assert_eq!(openid.as_str(), "https://a.example/.well-known/openid-configuration");
        let [oauth, openid] = places(&url("https://a.example/t/1/"));
        assert_eq!(oauth.as_str(), "https://a.example/.well-known/oauth-authorization-server/t/1");
        assert_eq!(openid.as_str(), "https://a.example/t/1/.well-known/openid-configuration");
    }

    #[test]
    fn metadata_counts_only_for_its_own_issuer_and_names_a_safe_place() {
        let read = |json: &str| jwks_uri(json.as_bytes(), "https://a.example", &url("https://a.example"));
        let good = r#"{"issuer":"https://a.example","jwks_uri":"https://keys.example/j","more":1}"#;
        assert_eq!(read(good), Some(url("https://keys.example/j")));
        for other in [
            r#"{"issuer":"https://a.example/","jwks_uri":"https://a.example/j"}"#,
            r#"{"issuer":"https://b.example","jwks_uri":"https://a.example/j"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":"http://a.example/j"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":"file:///etc/passwd"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":"/j"}"#,
            r#"{"issuer":"https://a.example"}"#,
            "<html>",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
