//! Devices that have logged in before: guesses from elsewhere do not hold them up.

use std::time::Duration;

use uuid::Uuid;

use crate::Timestamp;
use crate::ids::UserId;
use crate::ports::ambient::Randomness;
use crate::ports::security::Mac;
use crate::secret::SecretString;

use super::PasswordHash;

/// A device that has logged in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceId(pub(super) Uuid);

const DEVICE: &str = "device token v1";
/// How long a device is known after its last login.
const KNOWN_FOR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Device id and instant, as text.
const HEAD: usize = 32 + 16;

impl DeviceId {
    /// A fresh one.
    pub fn new(random: &dyn Randomness) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(Uuid::from_bytes(bytes))
    }

    /// What the device keeps to be known again at this account, as long as its password is this one: id, instant and tag
    /// in hexadecimal, 112 characters.
    pub fn token(self, user: UserId, password: &PasswordHash, now: Timestamp, mac: &dyn Mac) -> SecretString {
        let head = format!("{}{:016x}", self.0.as_simple(), now.as_unix_micros());
        let tag = mac.tag(DEVICE, &message(user, password, &head));
        let (left, right) = tag.split_at(16);
        let hex = |half: &[u8]| Uuid::from_slice(half).unwrap_or_default().as_simple().to_string();
        SecretString::from(format!("{head}{}{}", hex(left), hex(right)))
    }

    /// The device that presents this, if it has logged in to this account with this password within a year. Whoever knew
    /// an earlier password has no devices left to guess the next one from.
    pub fn open(presented: &str, user: UserId, password: &PasswordHash, now: Timestamp, mac: &dyn Mac) -> Option<Self> {
        if presented.len() != HEAD + 64 || !presented.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let (head, tag) = presented.split_at(HEAD);
        let bytes = |text: &str| Uuid::try_parse(text).map(Uuid::into_bytes).ok();
        let tag = [bytes(tag.get(..32)?)?, bytes(tag.get(32..)?)?].concat();
        if !mac.verify(DEVICE, &message(user, password, head), &tag) {
            return None;
        }
        let micros = i64::from_str_radix(head.get(32..)?, 16).ok()?;
        let since = Timestamp::from_unix_micros(micros);
        let known = since <= now && now < since.plus(KNOWN_FOR);
        known.then(|| bytes(head.get(..32)?).map(|id| Self(Uuid::from_bytes(id)))).flatten()
    }
}

fn message(user: UserId, password: &PasswordHash, head: &str) -> Vec<u8> {
    // User and head have one length each: no two triples give the same message.
    [user.as_uuid().as_bytes(), head.as_bytes(), password.as_str().as_bytes()].concat()
}
