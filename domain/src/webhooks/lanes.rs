//! How much goes to one webhook at once: one that answers slowly or not at all holds up nobody but itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event as Bell;

use crate::ids::WebhookId;

/// As many webhooks to which nothing is on its way are remembered as failing: nobody says which of them are deleted.
const IDLE: usize = 1_000;

/// The deliveries that are on their way, by webhook.
pub(super) struct Lanes {
    each: u32,
    lanes: Mutex<HashMap<WebhookId, Lane>>,
    moved: Bell,
}

#[derive(Default)]
struct Lane {
    admitted: u32,
    running: u32,
    /// Its last delivery failed: one at a time goes there, until one goes through.
    failing: bool,
}

impl Lanes {
    /// At most `each` on their way to one webhook, and as many that wait for their turn.
    pub(super) fn new(each: u32) -> Self {
        Self { each: each.max(1), lanes: Mutex::default(), moved: Bell::new() }
    }

    /// A place in the lane of a webhook; none when the lane is full.
    pub(super) fn admit(self: &Arc<Self>, id: WebhookId) -> Option<Place> {
        let mut lanes = self.lock();
        let lane = lanes.entry(id).or_default();
        let room = if lane.failing { 1 } else { self.each.saturating_mul(2) };
        if lane.admitted >= room {
            return None;
        }
        lane.admitted += 1;
        Some(Place { lanes: Arc::clone(self), id, running: false })
    }

    /// Whether the last delivery to a webhook failed.
    pub(super) fn is_failing(&self, id: WebhookId) -> bool {
        self.lock().get(&id).is_some_and(|lane| lane.failing)
    }

    /// The webhook is sent to no more.
    pub(super) fn forget(&self, id: WebhookId) {
        if let Some(lane) = self.lock().get_mut(&id) {
            lane.failing = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WebhookId, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a lane; dropped, it is free again.
pub(super) struct Place {
    lanes: Arc<Lanes>,
    id: WebhookId,
    running: bool,
}

impl Place {
    /// Waits for the turn; `false` when the webhook began to fail in the meantime and another one tries it.
    pub(super) async fn turn(&mut self) -> bool {
        loop {
            let bell = self.lanes.moved.listen();
            {
                let mut lanes = self.lanes.lock();
                let lane = lanes.entry(self.id).or_default();
                if lane.failing && lane.running > 0 {
                    return false;
                }
                if lane.running < self.lanes.each {
                    lane.running += 1;
                    self.running = true;
                    return true;
                }
            }
            bell.await;
        }
    }

    /// What came of it.
    pub(super) fn note(&self, went_through: bool) {
        if let Some(lane) = self.lanes.lock().get_mut(&self.id) {
            lane.failing = !went_through;
        }
        self.lanes.moved.notify(usize::MAX);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get_mut(&self.id) {
            lane.admitted -= 1;
            lane.running -= u32::from(self.running);
            if lane.admitted == 0 && !lane.failing {
                lanes.remove(&self.id);
            }
            if lanes.len() > IDLE {
                // One that is forgotten and fails on is noticed at its next delivery.
                lanes.retain(|_, lane| lane.admitted > 0);
            }
        }
        drop(lanes);
        self.lanes.moved.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn webhook(number: usize) -> WebhookId {
        WebhookId::from_uuid(Uuid::from_u128(u128::try_from(number).expect("a small number")))
    }

    #[test]
    fn a_lane_is_there_while_somebody_is_in_it_or_its_webhook_fails() {
        let lanes = Arc::new(Lanes::new(2));
        let place = lanes.admit(webhook(1)).expect("there is room");
        place.note(false);
        drop(place);
        assert!(lanes.is_failing(webhook(1)), "it is remembered");
        let place = lanes.admit(webhook(1)).expect("one may try");
        assert!(lanes.admit(webhook(1)).is_none(), "and no other");
        place.note(true);
        drop(place);
        assert_eq!(lanes.lock().len(), 0);
    }

    #[test]
    fn webhooks_that_fail_and_are_deleted_do_not_fill_the_memory() {
        let lanes = Arc::new(Lanes::new(2));
        let waiting = lanes.admit(webhook(0)).expect("there is room");
        waiting.note(false);
        for number in 1..3 * IDLE {
            let place = lanes.admit(webhook(number)).expect("there is room");
            place.note(false);
            drop(place);
            assert!(lanes.lock().len() <= IDLE, "after {number}");
        }
        assert!(lanes.is_failing(webhook(3 * IDLE - 1)), "those of late are remembered");
        assert!(lanes.is_failing(webhook(0)), "and those to which something is on its way");
        drop(waiting);
    }
}
