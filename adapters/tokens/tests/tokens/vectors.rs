//! Published test vectors, which are not a part of this project.

use std::path::PathBuf;

use serde_json::Value;

/// The vector file, from `PORTCULLIS_VECTORS` or beside the checkout. Without the folder: `None` and a line that says
/// so, and a failure on a build server.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "where the vectors are is no setting")]
pub(crate) fn load(file: &str) -> Option<Value> {
    let folder = std::env::var_os("PORTCULLIS_VECTORS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors")), PathBuf::from);
    if !folder.is_dir() {
        let missing = format!("no test vectors at {}: set PORTCULLIS_VECTORS", folder.display());
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing}");
        println!("{file} not read, {missing}");
        return None;
    }
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The list at `name`.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no list {name}"))
}

/// The text at `name`.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}"))
}

/// Hexadecimal digits as bytes.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal")).collect()
}
