//! The webhooks as every commit asks for them: in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use event_listener::Event as Bell;

use crate::event::Event;
use crate::ids::WebhookId;

use super::Webhook;

/// What this process knows of the webhooks, and the bell that rings when it has left something for them.
#[derive(Default)]
pub struct WebhookDirectory {
    known: RwLock<Known>,
    /// How many are known, and how many of these are enabled: asked at every unit of work.
    all: AtomicUsize,
    enabled: AtomicUsize,
    /// Rings when the first webhook becomes known.
    peopled: Bell,
    /// Rings when something was committed for a webhook; the flag remembers it until somebody looks.
    posted: Bell,
    unseen: AtomicBool,
}

#[derive(Default)]
struct Known {
    generation: u64,
    webhooks: HashMap<WebhookId, Webhook>,
}

impl WebhookDirectory {
    /// Whether anything is sent at all.
    pub fn has_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire) > 0
    }

    /// Whether there are no webhooks, not even disabled ones.
    pub fn is_empty(&self) -> bool {
        self.all.load(Ordering::Acquire) == 0
    }

    /// The enabled webhooks that want an event, by id. None is told of its own end.
    pub fn who_wants(&self, event: &Event) -> Vec<WebhookId> {
        let own = match event {
            Event::WebhookDisabled { webhook_id, .. } => Some(*webhook_id),
            _ => None,
        };
        let known = self.read();
        let wants = |webhook: &&Webhook| webhook.is_enabled() && own != Some(webhook.id) && webhook.wants(event.name());
        let mut ids: Vec<WebhookId> = known.webhooks.values().filter(wants).map(|webhook| webhook.id).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether a webhook has been disabled since it was as given.
    pub(super) fn has_disabled(&self, given: &Webhook) -> bool {
        let later = |known: &Webhook| known.version > given.version && !known.is_enabled();
        self.read().webhooks.get(&given.id).is_some_and(later)
    }

    /// Returns as soon as there are webhooks.
    pub async fn peopled(&self) {
        loop {
            let bell = self.peopled.listen();
            if !self.is_empty() {
                return;
            }
            bell.await;
        }
    }

    /// Returns once something has been committed for a webhook through this process since the last call, or at once
    /// when something has.
    pub async fn posted(&self) {
        loop {
            let bell = self.posted.listen();
            if self.unseen.swap(false, Ordering::AcqRel) {
                return;
            }
            bell.await;
        }
    }

    /// Something was committed for a webhook.
    pub(super) fn post(&self) {
        self.unseen.store(true, Ordering::Release);
        self.posted.notify(usize::MAX);
    }

    /// Changes with each change that was made here.
    pub(super) fn generation(&self) -> u64 {
        self.read().generation
    }

    /// Takes over all that is stored; `false` when something was changed here since `generation`.
    pub(super) fn replace(&self, generation: u64, stored: &[Webhook]) -> bool {
        let mut known = self.write();
        if known.generation != generation {
            return false;
        }
        known.webhooks = stored.iter().map(|webhook| (webhook.id, webhook.clone())).collect();
        self.count(&known);
        true
    }

    /// Takes over a webhook that was created or changed here; older news never replaces newer.
    pub(super) fn note(&self, webhook: &Webhook) {
        let mut known = self.write();
        known.generation += 1;
        if known.webhooks.get(&webhook.id).is_none_or(|old| old.version < webhook.version) {
            known.webhooks.insert(webhook.id, webhook.clone());
        }
        self.count(&known);
    }

    /// One that was deleted here.
    pub(super) fn forget(&self, id: WebhookId) {
        let mut known = self.write();
        known.generation += 1;
        known.webhooks.remove(&id);
        self.count(&known);
    }

    fn count(&self, known: &Known) {
        let enabled = known.webhooks.values().filter(|webhook| webhook.is_enabled()).count();
        self.enabled.store(enabled, Ordering::Release);
        if self.all.swap(known.webhooks.len(), Ordering::AcqRel) == 0 && !known.webhooks.is_empty() {
            self.peopled.notify(usize::MAX);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
