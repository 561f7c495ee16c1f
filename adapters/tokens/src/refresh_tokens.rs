//! Refresh tokens that carry their session, sealed.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac;
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::sessions::RefreshTokenCodec;
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::{RefreshToken, TokenDigest};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::base64url;
use crate::subkey::subkey;

const SECRET: usize = 32;
const SESSION: usize = 16;
/// Session, generation, and the version of this form: with the tag a multiple of 3, so every letter of the text is
/// as random as the next.
const PLAIN: usize = SESSION + 4 + 1;
const TAG: usize = 16;
const TOKEN: usize = SECRET + PLAIN + TAG;
const TEXT: usize = TOKEN / 3 * 4;
const VERSION: u8 = 1;

/// Makes and opens refresh tokens: `secret ‖ AES-256-GCM-SIV(session ‖ generation ‖ version)` in base64url, 92 letters.
///
/// The secret is authenticated data and gives the nonce, so a token looks random from its first letter to its last and
/// opens, without a database, only for whoever holds the master key. GCM-SIV (RFC 8452) because the nonce is a part of
/// the secret: it needs no counter and forgives repetition.
pub struct SealedRefreshTokens {
    seal: LessSafeKey,
    succession: hmac::Key,
}

impl SealedRefreshTokens {
    /// Over the master key, which should hold at least 256 random bits.
    pub fn new(master_key: &[u8]) -> Self {
        let seal = subkey(master_key, "refresh token v1: seal");
        let seal = UnboundKey::new(&AES_256_GCM_SIV, &*seal).expect("AES-256 takes any 32 bytes");
        let succession = subkey(master_key, "refresh token v1: succession");
        Self { seal: LessSafeKey::new(seal), succession: hmac::Key::new(hmac::HMAC_SHA256, &*succession) }
    }

    fn token(&self, session: SessionId, generation: u32, secret: &[u8; SECRET]) -> RefreshToken {
        let mut sealed = Vec::with_capacity(PLAIN + TAG);
        sealed.extend_from_slice(session.as_uuid().as_bytes());
        sealed.extend_from_slice(&generation.to_be_bytes());
        sealed.push(VERSION);
        self.seal
            .seal_in_place_append_tag(nonce_of(secret), Aad::from(secret), &mut sealed)
            .expect("21 bytes are never too many to seal");
        let mut token = Zeroizing::new([0; TOKEN]);
        let (head, tail) = token.split_at_mut(SECRET);
        head.copy_from_slice(secret);
        tail.copy_from_slice(&sealed);
        let value = base64url::encode(&token[..]);
        let digest = digest_of(&value);
        RefreshToken { session, generation, value: SecretString::new(value), digest }
    }
}

impl RefreshTokenCodec for SealedRefreshTokens {
    fn first(&self, session: SessionId, secret: [u8; 32]) -> RefreshToken {
        self.token(session, 0, &Zeroizing::new(secret))
    }

    fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut context = hmac::Context::with_key(&self.succession);
        context.update(token.session.as_uuid().as_bytes());
        context.update(&token.generation.to_be_bytes());
        context.update(token.value.expose().as_bytes());
        let mut secret = Zeroizing::new([0; SECRET]);
        secret.copy_from_slice(context.sign().as_ref());
        self.token(token.session, token.generation.saturating_add(1), &secret)
    }

    fn open(&self, presented: &str) -> Option<RefreshToken> {
        if presented.len() != TEXT {
            return None;
        }
        let mut token = Zeroizing::new(base64url::decode(presented)?);
        let (secret, sealed) = token.split_first_chunk_mut::<SECRET>()?;
        let plain = self.seal.open_in_place(nonce_of(secret), Aad::from(&*secret), sealed).ok()?;
        let (session, rest) = plain.split_first_chunk::<SESSION>()?;
        let (generation, version) = rest.split_first_chunk::<4>()?;
        if version != [VERSION] {
            return None;
        }
        Some(RefreshToken {
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            generation: u32::from_be_bytes(*generation),
            value: SecretString::new(presented.to_owned()),
            digest: digest_of(presented),
        })
    }
}

fn nonce_of(secret: &[u8; SECRET]) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&secret[..NONCE_LEN]);
    Nonce::assume_unique_for_key(nonce)
}

fn digest_of(text: &str) -> TokenDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&SHA256, text.as_bytes()).as_ref());
    TokenDigest(bytes)
}
