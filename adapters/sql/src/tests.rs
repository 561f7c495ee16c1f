//! What can be seen only from inside: pragmas at run time, query plans, the last statements of a unit, a full disk, what
//! is left of what was deleted.

mod deleted;
mod full_disk;
mod last;
mod plans;
mod plans_access;
mod pragmas;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_domain::ports::ambient::Randomness;

use crate::{SqlSettings, SqlStore};

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counter;

impl Randomness for Counter {
    fn fill(&self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            let next = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

fn unique_name() -> String {
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("portcullis_unit_{}_{time}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A folder that goes when this is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

async fn sqlite() -> (SqlStore, Folder) {
    let folder = Folder(std::env::temp_dir().join(unique_name()));
    let url = format!("sqlite://{}/portcullis.db", folder.0.display());
    let store = SqlStore::connect(&url, SqlSettings::default(), Arc::new(Counter)).await.unwrap();
    store.migrate().await.unwrap();
    (store, folder)
}
