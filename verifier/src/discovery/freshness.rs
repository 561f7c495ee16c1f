//! How long an answer may be kept (RFC 9111 §4.2).

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// When an answer does not say.
const USUAL: Duration = Duration::from_secs(300);
/// Even if an answer says less.
const SHORTEST: Duration = Duration::from_secs(10);
/// Even if an answer says more.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the answer with these headers is fresh: `max-age` less `Age`, between 10 s and a day.
pub(crate) fn of(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut life = USUAL;
    for directive in directives.flat_map(|value| value.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return SHORTEST;
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            // What cannot be read counts as stale (RFC 9111 §4.2.1).
            life = Duration::from_secs(seconds.trim_matches('"').parse().unwrap_or(0));
        }
    }
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
    life.saturating_sub(Duration::from_secs(age.unwrap_or(0))).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(cache_control: Option<&str>, age: Option<&str>) -> u64 {
        let mut headers = HeaderMap::new();
        if let Some(value) = cache_control {
            headers.insert(CACHE_CONTROL, value.parse().expect("a header"));
        }
        if let Some(value) = age {
            headers.insert(AGE, value.parse().expect("a header"));
        }
        of(&headers).as_secs()
    }

    #[test]
    fn an_answer_is_fresh_for_as_long_as_it_says_within_reason() {
        assert_eq!(fresh(Some("public, max-age=300"), None), 300);
        assert_eq!(fresh(Some("PUBLIC,Max-Age=\"60\""), None), 60);
        assert_eq!(fresh(Some("max-age=300"), Some("250")), 50);
        assert_eq!(fresh(None, None), 300);
        assert_eq!(fresh(Some("public"), Some("x")), 300);
        for now in ["no-store", "no-cache, max-age=300", "max-age=0", "max-age=-1", "max-age=x", "max-age="] {
            assert_eq!(fresh(Some(now), None), 10, "{now}");
        }
        assert_eq!(fresh(Some("max-age=300"), Some("9999")), 10);
        assert_eq!(fresh(Some("max-age=999999999"), None), 86_400);
    }
}
