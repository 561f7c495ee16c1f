//! Making and reading the secrets of links.

use std::time::Duration;

use crate::Timestamp;
use crate::access::{OneTimeToken, Purpose};
use crate::accounts::User;
use crate::audit::Actor;
use crate::ids::UserId;
use crate::ports::ambient::Randomness;
use crate::ports::security::Mac;
use crate::ports::store::{StoreError, Tx};
use crate::secret::{SecretDigest, SecretString, hex};

use super::Link;

const ONE_TIME: &str = "one-time token v1";
/// How long a link works.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

const fn prefix(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SetPassword => "psl_",
        Purpose::Setup => "psu_",
    }
}

/// A fresh link, and what is stored of it. It is good for the account as it is now, in this very version.
pub(super) fn fresh(
    purpose: Purpose,
    owner: Option<&User>,
    maker: Actor,
    now: Timestamp,
    mac: &dyn Mac,
    random: &dyn Randomness,
) -> (Link, OneTimeToken) {
    let mut secret = [0; 32];
    random.fill(&mut secret);
    let token = SecretString::from(format!("{}{}", prefix(purpose), hex(&secret)));
    let expires_at = now.plus(LIFETIME);
    let (user, version) = (owner.map(|owner| owner.id), owner.map(|owner| owner.version));
    let digest = digest(token.expose(), mac);
    let stored = OneTimeToken { digest, purpose, user, version, maker, created_at: now, expires_at };
    (Link { token, expires_at }, stored)
}

/// The digest of what somebody presents; `None` for what is not of the form.
pub(super) fn presented(token: &SecretString, purpose: Purpose, mac: &dyn Mac) -> Option<SecretDigest> {
    let secret = token.expose().strip_prefix(prefix(purpose))?;
    let fine = secret.len() == 64 && secret.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fine.then(|| digest(token.expose(), mac))
}

fn digest(token: &str, mac: &dyn Mac) -> SecretDigest {
    SecretDigest(mac.tag(ONE_TIME, token.as_bytes()))
}

/// Makes the links by which the owner of an account could choose a password stop working: another one takes their place
/// that nobody knows, and is used up.
pub(crate) async fn void_links(
    tx: &mut dyn Tx,
    user: UserId,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<(), StoreError> {
    let mut unknown = [0; 32];
    random.fill(&mut unknown);
    let (digest, purpose) = (SecretDigest(unknown), Purpose::SetPassword);
    let (user, expires_at) = (Some(user), now.plus(LIFETIME));
    let maker = Actor::Service;
    let token = OneTimeToken { digest, purpose, user, version: None, maker, created_at: now, expires_at };
    tx.one_time_tokens().put(&token).await?;
    tx.one_time_tokens().redeem(&digest, purpose, now).await?;
    Ok(())
}
