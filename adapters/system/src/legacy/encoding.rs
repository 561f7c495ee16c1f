//! Bytes and numbers as producers write them, read strictly.

use base64::Engine;
use base64::alphabet::{BCRYPT, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new();
const UNPADDED: GeneralPurposeConfig =
    CONFIG.with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone);
const LAX: GeneralPurposeConfig = UNPADDED.with_decode_allow_trailing_bits(true);

const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
/// passlib and its kin cut a text where the bits end, or later, and ignore what is left over.
const BASE64_CUT: GeneralPurpose = GeneralPurpose::new(&STANDARD, LAX);
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, UNPADDED);
const BCRYPT64_CUT: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LAX);

/// Base64 with or without padding, in the standard alphabet, the one for URLs, or passlib's (`.` for `+`).
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .chars()
        .map(|c| match c {
            '.' | '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let engine = if standard.ends_with('=') { &BASE64 } else { &BASE64_CUT };
    engine.decode(standard).ok()
}

/// bcrypt's salt: 22 characters of its own Base64. The last one has four bits too many, and producers differ in them.
pub(super) fn bcrypt_salt(text: &str) -> Option<[u8; 16]> {
    BCRYPT64_CUT.decode(text).ok()?.try_into().ok()
}

/// bcrypt's output: 31 characters.
pub(super) fn bcrypt_tag(text: &str) -> Option<[u8; 23]> {
    BCRYPT64.decode(text).ok()?.try_into().ok()
}

/// Hexadecimal in either case.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// Lower-case hexadecimal.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Base64 without padding, as PHC strings have it.
pub(super) fn to_b64(bytes: &[u8]) -> String {
    BASE64_CUT.encode(bytes)
}

/// A number in one spelling only: digits without leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    number(text, 10)
}

/// The same to base 16, in lower case.
pub(super) fn hexadecimal(text: &str) -> Option<u64> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { None } else { number(text, 16) }
}

fn number(text: &str, radix: u32) -> Option<u64> {
    let canonical = text.chars().all(|c| c.is_digit(radix)) && (text == "0" || !text.starts_with('0'));
    if canonical { u64::from_str_radix(text, radix).ok() } else { None }
}

/// `name=value,…`: each of the names once, in any order, and nothing else.
pub(super) fn parameters<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut found = [None; N];
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let place = found.get_mut(names.iter().position(|wanted| *wanted == name)?)?;
        if place.replace(value).is_some() {
            return None;
        }
    }
    if found.iter().any(Option::is_none) { None } else { Some(found.map(Option::unwrap_or_default)) }
}
