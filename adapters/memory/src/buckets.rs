//! Where the limiter keeps its buckets: bounded, forgetful, without a task of its own.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SHARDS: usize = 64;

/// How many buckets one part holds at most: 262,144 in all, which take 7 to 14 MB.
const SHARD_LIMIT: usize = 4_096;

/// A key with its quota in 128 bits of two hashes with seeds of this process: keys of any length take the same room, and
/// nobody outside can choose two that meet.
pub(crate) type Digest = [u64; 2];

/// The buckets of all quotas: for each the instant at which it is full again, in nanoseconds since the limiter's start.
pub(crate) struct Buckets {
    shards: Box<[Mutex<HashMap<Digest, u64>>]>,
    seeds: [RandomState; 2],
    /// The part to sweep next.
    next: AtomicUsize,
    /// Whether a flood of keys is in the log and not over.
    flooded: AtomicBool,
}

impl Buckets {
    /// None that is not full.
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            seeds: [RandomState::new(), RandomState::new()],
            next: AtomicUsize::new(0),
            flooded: AtomicBool::new(false),
        }
    }

    /// The bucket of a key and a quota.
    pub(crate) fn digest(&self, key: &str, burst: u32, period: Duration) -> Digest {
        self.seeds.each_ref().map(|seed| seed.hash_one((key, burst, period)))
    }

    /// Tells `change` when a bucket is full, never earlier than `now`, and remembers when it is then by what `change` says.
    pub(crate) fn update<T>(&self, digest: Digest, now: u64, change: impl FnOnce(u64) -> (u64, T)) -> T {
        let [half, _] = digest;
        // The map uses the bits from both ends of its own hash; any bits of this one are good for the choice of a part.
        let Some(shard) = self.shards.get(half as usize % SHARDS) else { return change(now).1 };
        let mut full_at = lock(shard);
        let before = full_at.get(&digest).copied();
        let (after, outcome) = change(before.unwrap_or(now).max(now));
        if after <= now {
            full_at.remove(&digest);
            return outcome;
        }
        if before.is_none() && full_at.len() >= SHARD_LIMIT {
            self.make_room(&mut full_at, now);
        }
        full_at.insert(digest, after);
        outcome
    }

    /// Forgets, in one of the parts, the buckets that were full at `now`; each call takes the next part.
    pub(crate) fn sweep(&self, now: u64) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let Some(shard) = self.shards.get(number) else { return };
        let mut full_at = lock(shard);
        full_at.retain(|_, full_at| *full_at > now);
        if full_at.capacity() > 64 && full_at.len() < full_at.capacity() / 4 {
            let room = full_at.len() * 2;
            full_at.shrink_to(room);
        }
        if full_at.len() < SHARD_LIMIT / 2 {
            self.flooded.store(false, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Room for one more: first the full buckets go, and when that is not enough, a quarter of the rest, those that are
    /// nearest to being full. Whoever has used up much keeps it on the account.
    fn make_room(&self, full_at: &mut HashMap<Digest, u64>, now: u64) {
        full_at.retain(|_, full_at| *full_at > now);
        if full_at.len() < SHARD_LIMIT {
            return;
        }
        let mut instants: Vec<_> = full_at.values().copied().collect();
        let quarter = instants.len() / 4;
        let (_, limit, _) = instants.select_nth_unstable(quarter);
        let limit = *limit;
        let mut at_limit = quarter.saturating_sub(full_at.values().filter(|full_at| **full_at < limit).count());
        full_at.retain(|_, full_at| {
            let spared = *full_at == limit && at_limit == 0;
            at_limit -= usize::from(*full_at == limit && at_limit > 0);
            *full_at > limit || spared
        });
        if !self.flooded.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                limit = SHARDS * SHARD_LIMIT,
                "more addresses, clients and keys than the limiter remembers: those that knocked least are forgotten early"
            );
        }
    }
}

fn lock(shard: &Mutex<HashMap<Digest, u64>>) -> MutexGuard<'_, HashMap<Digest, u64>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
