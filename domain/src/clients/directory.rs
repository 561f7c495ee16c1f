//! The clients as every request asks for them: in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Client;

/// What this replica knows of the clients. Knowing less than the store is fine: who is missing is looked up there.
#[derive(Debug, Default)]
pub struct ClientDirectory {
    known: RwLock<HashMap<String, Arc<Client>>>,
}

impl ClientDirectory {
    /// The client, deleted or not, as it was last learned.
    pub fn get(&self, id: &str) -> Option<Arc<Client>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Whether a client of this id is known to have been deleted.
    pub fn is_deleted(&self, id: &str) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).is_some_and(|client| !client.is_live())
    }

    /// Takes over what was read; older news never replaces newer.
    pub fn learn(&self, clients: Vec<Client>) {
        if clients.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for client in clients {
            match known.get(client.id.as_str()) {
                Some(old) if old.version >= client.version => {}
                _ => {
                    known.insert(client.id.as_str().to_owned(), Arc::new(client));
                }
            }
        }
    }

    /// The deleted ones.
    pub fn deleted(&self) -> Vec<Arc<Client>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter(|client| !client.is_live()).cloned().collect()
    }
}
