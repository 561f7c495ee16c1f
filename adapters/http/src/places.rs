//! Who may wait: each client has so many places, and all together have so many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many requests of one client may wait at once: a service of many replicas is one client.
pub(crate) const OF_ONE: usize = 256;
/// How many may wait at once in all: each holds a connection.
const OF_ALL: usize = 4_000;

/// The places for requests that wait for news.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    by_client: HashMap<String, usize>,
}

/// A place, free again when it is dropped.
pub(crate) struct Place {
    places: Places,
    client: String,
}

impl Places {
    /// A place for a request of this client; `None` when there is none left.
    pub(crate) fn take(&self, client: &str) -> Option<Place> {
        let mut taken = self.lock();
        let of_this = taken.by_client.get(client).copied().unwrap_or_default();
        if of_this >= OF_ONE || taken.all >= OF_ALL {
            return None;
        }
        taken.all += 1;
        taken.by_client.insert(client.to_owned(), of_this + 1);
        Some(Place { places: self.clone(), client: client.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_client.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_places_and_no_more_and_a_place_that_is_left_is_free() {
        let places = Places::default();
        let mut held: Vec<_> = (0..OF_ONE).map(|_| places.take("a").expect("a place")).collect();
        assert!(places.take("a").is_none());
        assert!(places.take("b").is_some(), "others have their own");
        held.pop();
        assert!(places.take("a").is_some());
        drop(held);
        assert_eq!(places.lock().by_client.len(), 0, "nothing is kept of who is gone");
    }

    #[test]
    fn all_together_have_so_many() {
        let places = Places::default();
        let of_many = (0..OF_ALL).map(|number| places.take(&format!("client-{}", number / 100)).expect("a place"));
        let held: Vec<_> = of_many.collect();
        assert!(places.take("another").is_none());
        drop(held);
        assert!(places.take("another").is_some());
    }
}
