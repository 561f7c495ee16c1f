//! What is in SQLite's log.

use super::{Folder, Fresh};

/// The COMMITs in the log: each ends with a frame that says how large the database is.
pub(crate) fn commits(folder: &Folder) -> usize {
    let log = std::fs::read(folder.file().with_extension("db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let ends = |frame: &[u8]| frame[8..16] == log[16..24] && frame[4..8] != [0; 4];
    log[32..].chunks_exact(24 + page).filter(|frame| ends(frame)).count()
}

pub(crate) fn folder(fresh: &Fresh) -> &Folder {
    let Fresh::Sqlite(folder) = fresh else { panic!("a SQLite database") };
    folder
}
