//! Instants as the two formats write them, read as whole seconds since 1970.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339 as Format;

/// 9999-12-31T23:59:59Z.
const LATEST: i64 = 253_402_300_799;

/// An instant as one of the formats spells it.
pub(crate) trait Instant<'de>: Deserialize<'de> {
    /// Whole seconds since 1970.
    fn seconds(self) -> i64;
}

/// `NumericDate` as an integer (RFC 7519 §2); from 1970 to 9999.
pub(crate) struct UnixSeconds(i64);

/// RFC 3339 in UTC with `Z`, in whole seconds.
pub(crate) struct Rfc3339(i64);

impl Instant<'_> for UnixSeconds {
    fn seconds(self) -> i64 {
        self.0
    }
}

impl Instant<'_> for Rfc3339 {
    fn seconds(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        if (0..=LATEST).contains(&seconds) { Ok(Self(seconds)) } else { Err(D::Error::custom("beyond the calendar")) }
    }
}

impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Rfc3339;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 instant in UTC, in whole seconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Rfc3339, E> {
                whole_seconds(text).map(Rfc3339).ok_or_else(|| E::custom("not such an instant"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ` and no other spelling.
fn whole_seconds(text: &str) -> Option<i64> {
    let is_ours = text.len() == 20 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    is_ours.then(|| any_rfc3339(text)).flatten()
}

/// Whole seconds since 1970, rounded down, of any RFC 3339 text from 1970 to 9999.
pub(crate) fn any_rfc3339(text: &str) -> Option<i64> {
    let seconds = OffsetDateTime::parse(text, &Format).ok()?.unix_timestamp();
    (0..=LATEST).contains(&seconds).then_some(seconds)
}

/// Whole milliseconds since 1970, rounded down, of any RFC 3339 text from 1970 to 9999.
pub(crate) fn any_rfc3339_millis(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Format).ok()?;
    (0..=LATEST).contains(&at.unix_timestamp()).then(|| at.unix_timestamp() * 1_000 + i64::from(at.millisecond()))
}

/// The milliseconds since 1970 in a UUIDv7 (RFC 9562 §5.7) in its hyphenated form; `None` for any other text.
pub(crate) fn uuid_v7_millis(text: &str) -> Option<i64> {
    let is_v7 = text.len() == 36 && text.is_ascii() && text.as_bytes().get(14) == Some(&b'7');
    let (high, low) = (text.get(..8)?, text.get(9..13)?);
    let is_hex = |word: &str| word.bytes().all(|b| b.is_ascii_hexdigit());
    let number = |word: &str| i64::from_str_radix(word, 16).ok().filter(|_| is_hex(word));
    if is_v7 { Some(number(high)? << 16 | number(low)?) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(json: &str) -> Option<i64> {
        serde_json::from_str::<UnixSeconds>(json).ok().map(Instant::seconds)
    }

    #[test]
    fn a_numeric_date_is_a_whole_number_within_the_calendar() {
        assert_eq!(unix("1"), Some(1));
        assert_eq!(unix("253402300799"), Some(LATEST));
        for other in ["-1", "1.0", "1e3", "\"1\"", "null", "true", "[1]", "253402300800", "9223372036854775808"] {
            assert_eq!(unix(other), None, "{other}");
        }
    }

    #[test]
    fn milliseconds_are_read_from_an_instant_and_from_an_id() {
        assert_eq!(any_rfc3339_millis("1970-01-01T00:00:01.2349Z"), Some(1_234));
        assert_eq!(any_rfc3339_millis("1970-01-01T01:00:01+01:00"), Some(1_000));
        assert_eq!(any_rfc3339_millis("1969-12-31T23:59:59.999Z"), None);
        assert_eq!(any_rfc3339_millis("soon"), None);
        // RFC 9562 appendix A.6.
        assert_eq!(uuid_v7_millis("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), Some(1_645_557_742_000));
        for other in ["", "t-1", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e279b07cc398c4dc0c0c07398f"] {
            assert_eq!(uuid_v7_millis(other), None, "{other}");
        }
        assert_eq!(uuid_v7_millis("+17f22e2-79b0-7cc3-98c4-dc0c0c07398f"), None);
        assert_eq!(uuid_v7_millis("é17f22e-79b0-7cc3-98c4-dc0c0c07398f"), None);
    }

    #[test]
    fn rfc_3339_is_read_in_one_spelling_only() {
        assert_eq!(whole_seconds("1970-01-01T00:00:01Z"), Some(1));
        assert_eq!(whole_seconds("2026-02-28T23:59:59Z"), Some(1_772_323_199));
        for other in [
            "1970-01-01T00:00:01+00:00",
            "1970-01-01T00:00:01.5Z",
            "1970-01-01 00:00:01Z",
            "1970-01-01t00:00:01z",
            "1970-02-30T00:00:01Z",
            "1969-12-31T23:59:59Z",
            "1",
            "",
        ] {
            assert_eq!(whole_seconds(other), None, "{other:?}");
        }
    }
}
