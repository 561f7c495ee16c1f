//! The master key of an embedded database: made at first start, kept beside the database.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::secret::SecretString;

use crate::config::ConfigError;

/// The key file of a database file: `portcullis.db` has `portcullis.key`.
fn key_file(database: &Path) -> PathBuf {
    database.with_extension("key")
}

/// Reads the key beside `database`, or makes one if the database does not exist yet.
pub(crate) fn beside(database: &Path, random: &dyn Randomness) -> Result<SecretString, ConfigError> {
    let path = key_file(database);
    let shown = path.display().to_string();
    let error = |problem: String| ConfigError::new("secret_key", &shown, problem);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(SecretString::new(text.trim().to_owned())),
        Ok(_) => return Err(error("the key file is damaged: restore it, or set SECRET_KEY to its value".to_owned())),
        Err(cause) if cause.kind() == ErrorKind::NotFound => {}
        Err(cause) => return Err(error(format!("the key file cannot be read: {cause}"))),
    }
    if database.exists() {
        let remedy = "the database exists and its key file does not: restore the file, or set SECRET_KEY to its value";
        return Err(error(remedy.to_owned()));
    }
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let text = hex(&bytes);
    let mut draft = [0; 8];
    random.fill(&mut draft);
    match write_new(&path, &text, &hex(&draft)) {
        Ok(()) => Ok(SecretString::new(text)),
        // Another process was first: its key is the key.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => beside(database, random),
        Err(cause) => Err(error(format!("the key file cannot be written: {cause}"))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the whole file under another name first, so that nobody ever reads half a key.
fn write_new(path: &Path, text: &str, draft: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = path.with_extension(format!("key.{draft}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let placed = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    placed?;
    std::fs::File::open(folder)?.sync_all()
}
