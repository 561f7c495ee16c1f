//! Instants, as the whole service keeps them.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant in UTC with microsecond precision: unix microseconds, from year 1 to year 9999.
///
/// Every store keeps exactly this number, so an instant survives a round trip on every adapter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MIN_MICROS: i64 = -62_135_596_800_000_000;
const MAX_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after the unix epoch, clamped to the years 1 to 9999.
    pub const fn from_unix_micros(micros: i64) -> Self {
        if micros < MIN_MICROS {
            Self(MIN_MICROS)
        } else if micros > MAX_MICROS {
            Self(MAX_MICROS)
        } else {
            Self(micros)
        }
    }

    /// The instant `seconds` seconds after the unix epoch, clamped to the years 1 to 9999.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self::from_unix_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the unix epoch.
    pub const fn as_unix_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the unix epoch, rounded down.
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Milliseconds since the unix epoch, rounded down; 0 for instants before it.
    pub const fn as_unix_millis(self) -> u64 {
        if self.0 < 0 { 0 } else { (self.0 / 1_000) as u64 }
    }

    /// This instant without its fraction of a second.
    pub const fn floor_to_second(self) -> Self {
        Self::from_unix_seconds(self.as_unix_seconds())
    }

    /// `duration` later, clamped to year 9999.
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_unix_micros(self.0.saturating_add(micros))
    }

    /// `duration` earlier, clamped to year 1.
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_unix_micros(self.0.saturating_sub(micros))
    }

    /// How much later this is than `earlier`; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with `Z`; the fraction only when there is one.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|instant| instant.format(&Rfc3339).ok())
            .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
    }

    /// Reads RFC 3339 with any offset; `None` when it is anything else. Digits below a microsecond are dropped.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let micros = i64::try_from(instant.unix_timestamp_nanos().div_euclid(1_000)).ok()?;
        (MIN_MICROS..=MAX_MICROS).contains(&micros).then_some(Self(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_its_text() {
        for micros in [0, 1, 999_999, 1_763_721_600_123_456, MIN_MICROS, MAX_MICROS] {
            let instant = Timestamp::from_unix_micros(micros);
            assert_eq!(Timestamp::parse_rfc3339(&instant.to_rfc3339()), Some(instant));
        }
    }

    #[test]
    fn arithmetic_never_leaves_the_calendar() {
        let forever = Duration::from_secs(u64::MAX);
        assert_eq!(Timestamp::UNIX_EPOCH.plus(forever).as_unix_micros(), MAX_MICROS);
        assert_eq!(Timestamp::UNIX_EPOCH.minus(forever).as_unix_micros(), MIN_MICROS);
        assert_eq!(Timestamp::UNIX_EPOCH.since(Timestamp::from_unix_seconds(5)), Duration::ZERO);
    }

    #[test]
    fn seconds_round_down_also_before_the_epoch() {
        assert_eq!(Timestamp::from_unix_micros(-1).as_unix_seconds(), -1);
        assert_eq!(Timestamp::from_unix_micros(1_999_999).floor_to_second(), Timestamp::from_unix_seconds(1));
    }
}
