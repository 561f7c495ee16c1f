//! The revoked grants, as every request asks for them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::RevocationList;

const SHARDS: usize = 64;

/// The revoked grants in memory. A question costs some tens of nanoseconds, and next to nothing while nobody is
/// revoked; writers hold back one of 64 parts of the list at a time.
pub struct MemoryRevocations {
    shards: Box<[Shard]>,
}

#[derive(Default)]
struct Shard {
    /// How many there are, to answer without a lock when there are none.
    count: AtomicUsize,
    until: RwLock<HashMap<u128, Timestamp, BuildHasherDefault<Mix>>>,
}

/// Ids are random, and only ids that this service signed are ever asked for: nobody can choose them to
/// collide, so mixing once is enough.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517C_C1B7_2722_0A95);
        }
    }

    fn write_u128(&mut self, value: u128) {
        let folded = (value as u64) ^ ((value >> 64) as u64);
        self.0 = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for MemoryRevocations {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryRevocations {
    /// An empty list.
    pub fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    /// How many revocations are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.count.load(Ordering::SeqCst)).sum()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, id: u128) -> Option<&Shard> {
        // The last bits of a UUIDv7 are random (RFC 9562 §5.7).
        self.shards.get(id as usize % SHARDS)
    }
}

impl Shard {
    fn change(&self, change: impl FnOnce(&mut HashMap<u128, Timestamp, BuildHasherDefault<Mix>>)) {
        let mut until: RwLockWriteGuard<'_, _> = self.until.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut until);
        self.count.store(until.len(), Ordering::SeqCst);
    }
}

impl RevocationList for MemoryRevocations {
    fn revoke(&self, grant: GrantId, until: Timestamp) {
        let id = grant.as_uuid().as_u128();
        if let Some(shard) = self.shard(id) {
            shard.change(|known| {
                let entry = known.entry(id).or_insert(until);
                *entry = until.max(*entry);
            });
        }
    }

    fn is_revoked(&self, grant: GrantId) -> bool {
        let id = grant.as_uuid().as_u128();
        let Some(shard) = self.shard(id) else { return false };
        shard.count.load(Ordering::SeqCst) > 0
            && shard.until.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    fn forget(&self, now: Timestamp) {
        for shard in self.shards.iter().filter(|shard| shard.count.load(Ordering::SeqCst) > 0) {
            shard.change(|known| known.retain(|_, until| *until > now));
        }
    }
}
