//! Instants as the two formats write them: whole seconds.

use portcullis_domain::Timestamp;
use serde::{Deserialize, Serialize};

/// How a format spells an instant.
pub(crate) trait Instant: Sized {
    /// The spelling of `at`, without its fraction of a second.
    fn spell(at: Timestamp) -> Self;

    /// The instant, when it is one within the calendar.
    fn read(&self) -> Option<Timestamp>;
}

/// `NumericDate` as an integer (RFC 7519 §2).
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnixSeconds(i64);

impl Instant for UnixSeconds {
    fn spell(at: Timestamp) -> Self {
        Self(at.as_unix_seconds())
    }

    fn read(&self) -> Option<Timestamp> {
        let at = Timestamp::from_unix_seconds(self.0);
        (at.as_unix_seconds() == self.0).then_some(at)
    }
}

/// RFC 3339 in UTC with `Z`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rfc3339(String);

impl Instant for Rfc3339 {
    fn spell(at: Timestamp) -> Self {
        Self(at.floor_to_second().to_rfc3339())
    }

    fn read(&self) -> Option<Timestamp> {
        let at = Timestamp::parse_rfc3339(&self.0)?;
        (self.0.ends_with('Z') && at == at.floor_to_second()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_beyond_the_calendar_are_no_instant() {
        assert_eq!(UnixSeconds(1).read(), Some(Timestamp::from_unix_seconds(1)));
        for beyond in [i64::MAX, i64::MIN, 253_402_300_800] {
            assert_eq!(UnixSeconds(beyond).read(), None, "{beyond}");
        }
    }

    #[test]
    fn rfc_3339_is_read_in_our_spelling_only() {
        let read = |text: &str| Rfc3339(text.to_owned()).read();
        assert_eq!(read("1970-01-01T00:00:01Z"), Some(Timestamp::from_unix_seconds(1)));
        for other in ["1970-01-01T00:00:01+00:00", "1970-01-01T00:00:01.5Z", "1970-01-01", "1", ""] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }
}
