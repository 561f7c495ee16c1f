//! The shared test vectors.

use std::path::PathBuf;

use serde::de::DeserializeOwned;

/// Reads a file of the shared vectors; `None`, and a line saying so, in a clone without them. In CI they have to be
/// there.
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to see what was not run")]
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> Option<T> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = PathBuf::from(std::env::var_os("PORTCULLIS_VECTORS").unwrap_or_else(|| beside.into()));
    if !folder.is_dir() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "the test vectors are not at {}",
            folder.display()
        );
        println!("not run: the test vectors are not at {}", folder.display());
        return None;
    }
    let text = std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}
