//! Tokens that were verified a moment ago.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::tokens::{TokenError, TokenVerifier};
use portcullis_domain::tokens::Claims;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use crate::claims;
use crate::installed::{Epoch, KeyEpochs};
use crate::ring::MAX_TOKEN_BYTES;

/// Remembers the tokens that the verifier behind it accepted, so that a client that comes again costs no signature
/// check. Only accepted tokens are kept, a bounded number, and they are compared in full.
///
/// At every look expiry is checked again, and what was accepted under other keys is forgotten: it never accepts what
/// the verifier behind it would not accept at that moment.
pub struct CachedVerifier {
    verifier: Arc<dyn TokenVerifier>,
    keys: KeyEpochs,
    accepted: Cache<Token, Arc<Accepted>>,
}

struct Accepted {
    claims: Claims,
    epoch: Epoch,
}

/// The text of a token, wiped when dropped.
struct Token(Zeroizing<Box<str>>);

impl CachedVerifier {
    /// Over `verifier`, whose keys `keys` watches; remembers about `entries` tokens (some 1.5 KiB each).
    pub fn new(verifier: Arc<dyn TokenVerifier>, keys: KeyEpochs, entries: usize) -> Self {
        Self { verifier, keys, accepted: Cache::new(entries) }
    }
}

impl TokenVerifier for CachedVerifier {
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        // Before the check: keys that change meanwhile make the entry useless rather than wrong.
        let epoch = self.keys.at(now);
        if let Some(known) = self.accepted.get(token)
            && known.epoch == epoch
        {
            if claims::are_current(&known.claims, now) {
                return Ok(known.claims.clone());
            }
            return Err(TokenError::Invalid);
        }
        let claims = self.verifier.verify(token, now)?;
        let accepted = Accepted { claims: claims.clone(), epoch };
        self.accepted.insert(Token(Zeroizing::new(token.into())), Arc::new(accepted));
        Ok(claims)
    }
}

impl Borrow<str> for Token {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let text: &str = self.borrow();
        text.hash(state);
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Token {}
