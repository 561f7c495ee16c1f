//! Columns whose stored form is not the domain's: numbers, instants, digests. What cannot be is named, never guessed.

use std::net::IpAddr;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::store::StoreError;

/// A value of `column` that cannot be.
pub(crate) fn corrupt(column: &str) -> StoreError {
    StoreError::Corrupt(column.to_owned())
}

/// An instant: unix microseconds.
pub(crate) fn instant(column: &str, micros: i64) -> Result<Timestamp, StoreError> {
    let instant = Timestamp::from_unix_micros(micros);
    if instant.as_unix_micros() == micros { Ok(instant) } else { Err(corrupt(column)) }
}

/// An instant that need not be there.
pub(crate) fn maybe_instant(column: &str, micros: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    micros.map(|micros| instant(column, micros)).transpose()
}

/// A count.
pub(crate) fn count(column: &str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| corrupt(column))
}

/// The version that follows one.
pub(crate) fn next(column: &str, version: u32) -> Result<i64, StoreError> {
    version.checked_add(1).map(i64::from).ok_or_else(|| corrupt(column))
}

/// An address of a client.
pub(crate) fn maybe_ip(column: &str, text: Option<String>) -> Result<Option<IpAddr>, StoreError> {
    text.map(|text| text.parse().map_err(|_| corrupt(column))).transpose()
}

/// An instant as it is stored.
pub(crate) fn micros(instant: Option<Timestamp>) -> Option<i64> {
    instant.map(Timestamp::as_unix_micros)
}

/// A digest of 32 bytes.
pub(crate) fn digest(column: &str, bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| corrupt(column))
}
