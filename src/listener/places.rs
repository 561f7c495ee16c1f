//! Who is connected: so many at once in all, and so many from one address. When there is no place left, the connections
//! that have waited longest for a request give theirs up; one that is being answered never does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::wiring::{TrustedProxies, network_of};

/// A connection whose request is being answered.
const BUSY: u64 = 0;
/// A connection that has to go.
const GONE: u64 = u64::MAX;
/// One in so many gives its place up at a time, so that looking for the idlest costs each newcomer little.
const AT_A_TIME: usize = 64;
/// How long a newcomer waits before it looks again whether somebody has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_of_one: usize,
    proxies: TrustedProxies,
    begun: Instant,
    taken: Mutex<Taken>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    by_network: HashMap<IpAddr, Vec<Arc<Seat>>>,
}

/// One connection, as the others see it.
#[derive(Debug)]
struct Seat {
    network: IpAddr,
    /// Since when it has waited for a request, in microseconds, at least 1; or [`BUSY`], or [`GONE`]. While a body is
    /// on its way: since its head was there.
    waiting: AtomicU64,
    told_to_go: Notify,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// All connections of this address are being answered.
    Address,
    /// All connections are being answered.
    All,
}

impl Places {
    /// `most` in all, `most_of_one` of one address; proxies speak for many and may have all.
    pub(crate) fn new(most: usize, most_of_one: usize, proxies: TrustedProxies) -> Self {
        let (begun, taken, left) = (Instant::now(), Mutex::default(), Notify::new());
        Self { most, most_of_one, proxies, begun, taken, left }
    }

    /// A place for a connection from this address, as soon as there is one; `None` when the address has too many.
    pub(crate) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            match self.try_take(address) {
                Ok(place) => return Some(place),
                Err(Full::Address) => return None,
                Err(Full::All) => drop(tokio::time::timeout(LOOK_AGAIN, self.left.notified()).await),
            }
        }
    }

    fn try_take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let network = network_of(address);
        let mut taken = self.lock();
        let of_one = taken.by_network.get(&network).map_or(0, Vec::len);
        if of_one >= self.most_of_one && !self.proxies.contain(address) && taken.make_room(Some(network)) == 0 {
            return Err(Full::Address);
        }
        if taken.count >= self.most && taken.make_room(None) == 0 {
            return Err(Full::All);
        }
        let waiting = AtomicU64::new(self.now());
        let seat = Arc::new(Seat { network, waiting, told_to_go: Notify::new() });
        taken.by_network.entry(network).or_default().push(seat.clone());
        taken.count += 1;
        Ok(Place { seat, places: self.clone() })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(GONE - 1).clamp(1, GONE - 1)
    }

    /// What a thread left that panicked is whole: nothing in here panics half-way.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Sends the idlest connections away, of one network or of all, and says how many.
    fn make_room(&mut self, network: Option<IpAddr>) -> usize {
        let waiting = |seat: &Arc<Seat>| {
            let since = seat.waiting.load(Ordering::Relaxed);
            (since != BUSY && since != GONE).then(|| (since, seat.clone()))
        };
        let mut idle: Vec<(u64, Arc<Seat>)> = match network {
            Some(network) => self.by_network.get(&network).into_iter().flatten().filter_map(waiting).collect(),
            None => self.by_network.values().flatten().filter_map(waiting).collect(),
        };
        let count = idle.len().div_ceil(AT_A_TIME);
        if let Some(last) = count.checked_sub(1) {
            idle.select_nth_unstable_by_key(last, |(since, _)| *since);
        }
        let mut sent = 0;
        for (since, seat) in idle.into_iter().take(count) {
            // Its next request may have come in between.
            if seat.waiting.compare_exchange(since, GONE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                seat.told_to_go.notify_one();
                self.remove(&seat);
                sent += 1;
            }
        }
        sent
    }

    fn remove(&mut self, seat: &Arc<Seat>) {
        let Some(seats) = self.by_network.get_mut(&seat.network) else { return };
        if let Some(index) = seats.iter().position(|other| Arc::ptr_eq(other, seat)) {
            seats.swap_remove(index);
            self.count -= 1;
        }
        if seats.is_empty() {
            self.by_network.remove(&seat.network);
        }
    }
}

/// The place of one connection; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Place {
    seat: Arc<Seat>,
    places: Arc<Places>,
}

impl Place {
    /// Returns once somebody else needs the place more.
    pub(crate) async fn told_to_go(&self) {
        self.seat.told_to_go.notified().await;
    }

    /// A request has come; `false` when the place was given away before.
    pub(crate) fn begin(&self) -> bool {
        let old = self.seat.waiting.swap(BUSY, Ordering::AcqRel);
        if old == GONE {
            self.seat.waiting.store(GONE, Ordering::Release);
        }
        old != GONE
    }

    /// The running request has to wait for more of its body, and counts as idle since then; whether it was running.
    pub(crate) fn pause(&self, since: u64) -> bool {
        self.seat.waiting.compare_exchange(BUSY, since, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The wait that began with [`Place::pause`] is over; `false` when the place was given away before.
    pub(crate) fn resume(&self, since: u64) -> bool {
        self.seat.waiting.compare_exchange(since, BUSY, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The request is answered. What is still being sent does not count as work: whoever takes an answer slowly is as
    /// idle as whoever sends a request slowly. A place that was given away stays so.
    pub(crate) fn end(&self) {
        let now = self.now();
        let idle = |old| (old != GONE).then_some(now);
        // It fails when the place is gone, which is as it should be.
        let _gone = self.seat.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, idle);
    }

    /// The time, as [`Place::pause`] wants it.
    pub(crate) fn now(&self) -> u64 {
        self.places.now()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(&self.seat);
        self.places.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_of_one: usize) -> Arc<Places> {
        Arc::new(Places::new(most, most_of_one, TrustedProxies::new(&["10.0.0.0/8".parse().expect("a network")])))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn busy(places: &Arc<Places>, address: &str) -> Place {
        let place = places.try_take(ip(address)).expect("a place");
        assert!(place.begin());
        place
    }

    #[test]
    fn an_address_whose_connections_are_all_answered_gets_no_more() {
        let places = places(100, 2);
        let held = [busy(&places, "203.0.113.7"), busy(&places, "::ffff:203.0.113.7")];
        assert_eq!(places.try_take(ip("203.0.113.7")).expect_err("full"), Full::Address);
        busy(&places, "203.0.113.8");
        drop(held);
        busy(&places, "203.0.113.7");
    }

    #[test]
    fn b25_an_ipv6_network_is_one_address_here_too() {
        let places = places(100, 2);
        let _held = [busy(&places, "2001:db8::1"), busy(&places, "2001:db8::2")];
        assert_eq!(places.try_take(ip("2001:db8::3")).expect_err("full"), Full::Address);
        busy(&places, "2001:db8:0:1::3");
    }

    #[test]
    fn a_proxy_may_have_all_places() {
        let places = places(4, 1);
        let held: Vec<Place> = (0..4).map(|_| busy(&places, "10.0.0.1")).collect();
        assert_eq!(places.try_take(ip("10.0.0.1")).expect_err("full"), Full::All);
        drop(held);
        assert!(places.lock().by_network.is_empty(), "nothing is left of those who left");
        assert_eq!(places.lock().count, 0);
    }

    #[test]
    fn the_idlest_gives_its_place_up() {
        let places = places(100, 3);
        let first = places.try_take(ip("203.0.113.7")).expect("a place");
        let second = places.try_take(ip("203.0.113.7")).expect("a place");
        let third = busy(&places, "203.0.113.7");
        assert!(first.begin());
        std::thread::sleep(Duration::from_millis(2));
        first.end();
        let fourth = places.try_take(ip("203.0.113.7")).expect("the place of the second");
        assert!(!second.begin(), "it was told to go");
        assert!(!second.begin(), "for good");
        assert!(first.begin() && third.begin() && fourth.begin());
        drop(second);
        assert_eq!(places.lock().count, 3);
    }

    #[tokio::test]
    async fn a_newcomer_waits_until_somebody_is_idle_or_leaves() {
        let places = places(1, 1);
        let held = busy(&places, "203.0.113.7");
        let newcomer = tokio::spawn({
            let places = places.clone();
            async move { places.take(ip("203.0.113.8")).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!newcomer.is_finished());
        held.end();
        assert!(newcomer.await.expect("no panic").is_some());
        held.told_to_go().await;
    }
}
