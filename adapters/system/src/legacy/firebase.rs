//! Firebase: scrypt gives a key, the key encrypts the project's secret, and that is the hash.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use portcullis_domain::ports::security::HashRefused;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::encoding::{base64, decimal, parameters};
use super::limits::{MAX_TAG, MIN_TAG};
use super::refusal::malformed;
use super::scrypt::Cost;
use crate::hashing::EngineError;

const SCHEME: &str = "firebase scrypt";

/// A hash that can be computed.
pub(crate) struct Firebase {
    cost: Cost,
    /// The user's salt and the project's separator.
    salt: Vec<u8>,
    signer_key: Vec<u8>,
    tag: Vec<u8>,
}

type Read = Result<Firebase, HashRefused>;

fn broken(why: &str) -> HashRefused {
    malformed(SCHEME, why)
}

/// What follows `$fbscrypt$`: `v=1,n=…,r=…,p=…,ss=…,sk=…$salt$hash`.
pub(super) fn supabase(rest: &str) -> Read {
    let parts: Vec<_> = rest.split('$').collect();
    let [head, salt, tag] = parts[..] else { return Err(broken("there are not three fields")) };
    let Some([version, n, r, p, separator, key]) = parameters(head, ["v", "n", "r", "p", "ss", "sk"]) else {
        return Err(broken("it has other parameters than v, n, r, p, ss and sk"));
    };
    if version != "1" {
        return Err(broken("it is not of version 1"));
    }
    read([n, r, p], salt, separator, key, tag)
}

/// What follows `$firescrypt$`: `ln=…,r=…,p=…$salt$hash$ss$sk`.
pub(super) fn ory(rest: &str) -> Read {
    let parts: Vec<_> = rest.split('$').collect();
    let [head, salt, tag, separator, key] = parts[..] else { return Err(broken("there are not five fields")) };
    let Some(cost) = parameters(head, ["ln", "r", "p"]) else {
        return Err(broken("it has other parameters than ln, r and p"));
    };
    read(cost, salt, separator, key, tag)
}

fn read(cost: [&str; 3], salt: &str, separator: &str, key: &str, tag: &str) -> Read {
    let [Some(log_n), Some(r), Some(p)] = cost.map(decimal) else { return Err(broken("n, r or p is no number")) };
    let cost = Cost::of_logarithm(log_n, r, p)?;
    let bytes = |text| base64(text).ok_or_else(|| broken("a field is not Base64"));
    let (mut salt, signer_key, tag) = (bytes(salt)?, bytes(key)?, bytes(tag)?);
    if salt.is_empty() {
        return Err(broken("there is no salt"));
    }
    salt.extend(bytes(separator)?);
    if tag.len() != signer_key.len() || !(MIN_TAG..=MAX_TAG).contains(&tag.len()) {
        return Err(broken("the hash is not as long as the signer key"));
    }
    Ok(Firebase { cost, salt, signer_key, tag })
}

impl Firebase {
    /// Whether the password is the one.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, EngineError> {
        let mut key = Zeroizing::new([0; 32]);
        self.cost.derive(password, &self.salt, &mut *key)?;
        let key = UnboundCipherKey::new(&AES_256, &*key).and_then(DecryptingKey::ctr)?;
        let mut secret = Zeroizing::new(self.tag.clone());
        // A key is used for one text only: the counter may begin at zero.
        let opened = key.decrypt(&mut secret, DecryptionContext::Iv128(FixedLength::from([0; 16])))?;
        Ok(opened.ct_eq(&self.signer_key[..]).into())
    }
}
