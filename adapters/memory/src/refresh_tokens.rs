//! Refresh tokens for tests.

use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::{RefreshToken, TokenDigest};

use crate::toy::{from_hex, mix, to_hex, veil};

const SECRET: usize = 32;
const TAG: usize = 16;

/// Refresh tokens without cryptography, for tests only: they behave like real ones and protect nothing.
///
/// Hexadecimal of: the secret, then session and generation hidden under it, then a checksum over both.
pub struct ToyRefreshTokens {
    master: [u8; 32],
}

impl ToyRefreshTokens {
    /// Tokens under a master key.
    pub const fn new(master: [u8; 32]) -> Self {
        Self { master }
    }

    fn make(&self, session: SessionId, generation: u32, secret: [u8; SECRET]) -> RefreshToken {
        let mut bytes = secret.to_vec();
        let mut content = [session.as_uuid().as_bytes().as_slice(), &generation.to_be_bytes()].concat();
        veil(&self.master, &secret, &mut content);
        bytes.extend(content);
        bytes.extend(&mix(&self.master, "refresh tag", &[&bytes])[..TAG]);
        let value = to_hex(&bytes);
        let digest = TokenDigest(mix(&[], "refresh digest", &[value.as_bytes()]));
        RefreshToken { session, generation, value: SecretString::new(value), digest }
    }
}

impl RefreshTokenCodec for ToyRefreshTokens {
    fn first(&self, session: SessionId, secret: [u8; 32]) -> RefreshToken {
        self.make(session, 0, mix(&self.master, "refresh first", &[session.as_uuid().as_bytes(), &secret]))
    }

    fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let secret = mix(&self.master, "refresh successor", &[token.value.expose().as_bytes()]);
        self.make(token.session, token.generation.wrapping_add(1), secret)
    }

    fn open(&self, presented: &str) -> Option<RefreshToken> {
        if presented.len() != 2 * (SECRET + 16 + 4 + TAG) {
            return None;
        }
        let bytes = from_hex(presented)?;
        let (secret, rest) = bytes.split_first_chunk::<SECRET>()?;
        let mut content = rest.get(..20)?.to_vec();
        veil(&self.master, secret, &mut content);
        let (session, generation) = content.split_first_chunk::<16>()?;
        let session = to_hex(session);
        let session = [&session[..8], &session[8..12], &session[12..16], &session[16..20], &session[20..]].join("-");
        let generation = u32::from_be_bytes(generation.try_into().ok()?);
        let token = self.make(session.parse().ok()?, generation, *secret);
        (token.value.expose() == presented).then_some(token)
    }
}
