//! Where the limiter keeps its buckets: bounded, forgetful, without a task of its own.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

const SHARDS: usize = 64;

/// How many buckets one part holds at most: 262,144 in all, which take 7 to 14 MB.
const SHARD_LIMIT: usize = 4_096;

/// A key in 128 bits of two hashes with seeds of this process: keys of any length take the same room, and nobody
/// outside can choose two that meet.
pub(crate) type Digest = [u64; 2];

/// The buckets of one quota: for each key the instant at which its bucket is full again, since the limiter's start.
#[derive(Clone)]
pub(crate) struct Buckets(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<HashMap<Digest, u64>>]>,
    seeds: [RandomState; 2],
    /// What one permit takes of a bucket, in nanoseconds.
    interval: u64,
    /// The part to sweep next.
    next: AtomicUsize,
    /// Whether a flood of keys is in the log and not over.
    flooded: AtomicBool,
}

impl Buckets {
    pub(crate) fn new(interval: u64) -> Self {
        Self(Arc::new(Inner {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            seeds: [RandomState::new(), RandomState::new()],
            interval,
            next: AtomicUsize::new(0),
            flooded: AtomicBool::new(false),
        }))
    }

    pub(crate) fn digest(&self, key: &str) -> Digest {
        self.0.seeds.each_ref().map(|seed| seed.hash_one(key))
    }

    /// Forgets, in one of the parts, the buckets that were full at `now`; each call takes the next part.
    pub(crate) fn sweep(&self, now: u64) {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let Some(shard) = self.0.shards.get(number) else { return };
        let mut full_at = lock(shard);
        full_at.retain(|_, full_at| *full_at > now);
        if full_at.capacity() > 64 && full_at.len() < full_at.capacity() / 4 {
            let room = full_at.len() * 2;
            full_at.shrink_to(room);
        }
        if full_at.len() < SHARD_LIMIT / 2 {
            self.0.flooded.store(false, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).len()).sum()
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
        if !self.0.flooded.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                limit = SHARDS * SHARD_LIMIT,
                "more addresses and clients than the limiter remembers: those that knocked least are forgotten early"
            );
        }
    }
}

impl StateStore for Buckets {
    type Key = Digest;

    fn measure_and_replace<T, F, E>(&self, key: &Digest, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let [half, _] = *key;
        // The map uses the bits from both ends of its own hash; any bits of this one are good for the choice of a part.
        let Some(shard) = self.0.shards.get(half as usize % SHARDS) else {
            return measure(None).map(|(outcome, _)| outcome);
        };
        let mut full_at = lock(shard);
        let before = full_at.get(key).copied();
        let (outcome, after) = measure(before.map(Nanos::from))?;
        if before.is_none() && full_at.len() >= SHARD_LIMIT {
            self.make_room(&mut full_at, after.as_u64().saturating_sub(self.0.interval));
        }
        full_at.insert(*key, after.as_u64());
        Ok(outcome)
    }
}

fn lock(shard: &Mutex<HashMap<Digest, u64>>) -> MutexGuard<'_, HashMap<Digest, u64>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
