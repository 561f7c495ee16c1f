//! Makes the fingerprints of common passwords: `common_passwords LIST.json OUTPUT.bin`.
//!
//! The list is a JSON array of strings. Entries of fewer than 8 characters are left out: no policy accepts them.

use std::error::Error;
use std::path::PathBuf;

#[path = "../src/guessing/fingerprint.rs"]
mod fingerprint;

const MIN_CHARS: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(list), Some(output), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: common_passwords LIST.json OUTPUT.bin".into());
    };
    let list: Vec<String> = serde_json::from_slice(&std::fs::read(list)?)?;
    let mut entries: Vec<_> = list
        .iter()
        .map(|entry| fingerprint::fold(entry))
        .filter(|entry| entry.chars().count() >= MIN_CHARS)
        .map(|entry| fingerprint::fingerprint(&entry))
        .collect();
    entries.sort_unstable();
    entries.dedup();
    std::fs::write(output, entries.concat())?;
    Ok(())
}
