//! API keys: for programs that act for a user.

use std::net::IpAddr;

use ipnet::IpNet;
use subtle::{Choice, ConstantTimeEq};

use crate::Timestamp;
use crate::accounts::UserStatus;
use crate::ids::{ApiKeyId, UserId};
use crate::ports::limits::Quota;
use crate::secret::SecretDigest;

use super::{Permissions, RoleName};

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Which key; a part of what its holder presents.
    pub id: ApiKeyId,
    /// For whom it acts.
    pub owner: UserId,
    /// What its owner calls it; 1 to 100 characters, no control characters.
    pub name: String,
    /// The digest of its secret.
    pub secret: SecretDigest,
    /// The digest of the secret before, and until when that one still works.
    pub previous: Option<(SecretDigest, Timestamp)>,
    /// What it may do: at any moment only as much of it as its owner may do then.
    pub permissions: Permissions,
    /// The roles that it has besides, and what they hold: at any moment only those that its owner has then.
    pub roles: Vec<RoleName>,
    /// The networks that it may be used from; from everywhere when there is none.
    pub networks: Vec<IpNet>,
    /// How often it may be used; without one, as often as its owner.
    pub quota: Option<Quota>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub version: u32,
}

impl ApiKey {
    /// The most characters of a name.
    pub const NAME_MAX: usize = 100;
    /// The most networks of a key.
    pub const NETWORKS_MAX: usize = 50;
    /// The most permissions of a key.
    pub const PERMISSIONS_MAX: usize = 200;
    /// The most roles of a key.
    pub const ROLES_MAX: usize = 20;
    /// The most live keys of an account.
    pub const PER_ACCOUNT_MAX: u32 = 100;

    /// Whether it may be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Whether a secret of this digest proves the key at `now`. All digests are compared, in full.
    pub fn is_proved_by(&self, presented: &SecretDigest, now: Timestamp) -> bool {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until).map(|(digest, _)| digest);
        let same = std::iter::once(&self.secret).chain(previous).map(|digest| presented.0.ct_eq(&digest.0));
        bool::from(same.fold(Choice::from(0), |any, one| any | one))
    }

    /// Whether it may be used from `ip`; an address that is not known is in no network. An IPv4 address is the same when it
    /// is written as an IPv6 one.
    pub fn is_allowed_from(&self, ip: Option<IpAddr>) -> bool {
        let within = |ip: IpAddr| self.networks.iter().any(|network| network.contains(&ip));
        self.networks.is_empty() || ip.is_some_and(|ip| within(ip) || within(ip.to_canonical()))
    }
}

/// How an API key has been used; counted in memory and written now and then, never a row for each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// How often it was used.
    pub uses: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Everything that decides what an API key may do now, in one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInUse {
    /// The key, live or not.
    pub key: ApiKey,
    /// Whether its owner may be served.
    pub owner_status: UserStatus,
    /// The roles that were granted to its owner.
    pub owner_roles: Vec<RoleName>,
}
