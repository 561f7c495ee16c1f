//! The form of API keys.

use uuid::Uuid;

use crate::ids::ApiKeyId;
use crate::ports::ambient::Randomness;
use crate::secret::{SecretString, hex};

/// What the holder of an API key presents: `pk_<id>_<secret>`, the id as 32 hexadecimal digits, the secret as 64 of them
/// and 8 more, the CRC-32 of everything before: scanners of leaked secrets tell a key from other texts by it, and a
/// mistyped one is refused without asking the store.
#[derive(Clone, Debug)]
pub struct KeyText {
    /// Which key.
    pub id: ApiKeyId,
    /// What proves it: 64 hexadecimal digits.
    pub secret: SecretString,
}

/// The text is not an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct NotAnApiKey;

const PREFIX: &str = "pk_";
const ID: usize = 32;
const SECRET: usize = 64;
const CHECKSUM: usize = 8;

impl KeyText {
    /// With a fresh secret of 256 random bits.
    pub(super) fn fresh(id: ApiKeyId, random: &dyn Randomness) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; SECRET / 2]);
        random.fill(&mut bytes[..]);
        Self { id, secret: SecretString::new(hex(&bytes[..])) }
    }

    /// Reads what was presented; one spelling only.
    pub fn parse(text: &str) -> Result<Self, NotAnApiKey> {
        let fine = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let (id, rest) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(NotAnApiKey)?;
        if id.len() != ID || rest.len() != SECRET + CHECKSUM || !fine(id) || !fine(rest) {
            return Err(NotAnApiKey);
        }
        let (secret, sum) = rest.split_at(SECRET);
        if checksum(&text[..text.len() - CHECKSUM]) != sum {
            return Err(NotAnApiKey);
        }
        let id = Uuid::try_parse(id).map_err(|_| NotAnApiKey)?;
        Ok(Self { id: ApiKeyId::from_uuid(id), secret: SecretString::new(secret.to_owned()) })
    }

    /// As its holder keeps it.
    pub fn text(&self) -> SecretString {
        let mut text = format!("{PREFIX}{}_{}", self.id.as_uuid().as_simple(), self.secret.expose());
        // Room for all of it: no piece of a secret stays behind in memory that was grown out of.
        let mut whole = String::with_capacity(text.len() + CHECKSUM);
        whole.push_str(&text);
        whole.push_str(&checksum(&text));
        zeroize::Zeroize::zeroize(&mut text);
        SecretString::new(whole)
    }
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> KeyText {
        let id = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
        KeyText { id: ApiKeyId::from_uuid(id), secret: SecretString::new("ab".repeat(32)) }
    }

    #[test]
    fn a_key_survives_its_text_and_shows_its_secret_to_nobody() {
        let text = key().text();
        let plain = text.expose();
        assert!(plain.starts_with("pk_01980000000070008000000000000001_abab") && plain.len() == 108, "{plain}");
        let read = KeyText::parse(plain).expect("a key");
        assert_eq!((read.id, read.secret.expose()), (key().id, key().secret.expose()));
        assert!(!format!("{read:?} {text:?}").contains("abab"));
    }

    #[test]
    fn the_checksum_is_the_crc_32_that_everybody_computes() {
        assert_eq!(checksum("123456789"), "cbf43926");
    }

    #[test]
    fn a105_one_wrong_character_is_no_key() {
        let text = key().text().expose().to_owned();
        for place in 0..text.len() {
            for other in ["0", "f", "A", "_", " ", "é"] {
                let mut wrong = text.clone();
                wrong.replace_range(place..=place, other);
                assert_eq!(KeyText::parse(&wrong).is_ok(), wrong == text, "{wrong}");
            }
        }
        let upper = text.to_uppercase();
        let id = "01980000-0000-7000-8000-000000000001";
        let hyphens = format!("pk_{id}_{}", &text[36..]);
        for wrong in ["", "pk_", "pk__", &text[..107], &format!("{text}0"), &format!(" {text}"), &upper, &hyphens] {
            assert!(KeyText::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
