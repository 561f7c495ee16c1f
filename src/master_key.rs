//! The master key: configured, or beside an embedded database and made with it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::secret::SecretString;

use crate::config::{Config, ConfigError};
use crate::start_error::StartError;
use crate::wiring::SqlStore;

/// The key file of a database file: `portcullis.db` has `portcullis.key`.
fn key_file(database: &Path) -> PathBuf {
    database.with_extension("key")
}

/// The master key that was configured, or the one beside the embedded database: made when there is none and nothing is
/// sealed with it yet.
pub(crate) async fn of(
    config: &Config,
    sql: Option<&SqlStore>,
    random: &dyn Randomness,
) -> Result<SecretString, StartError> {
    if let Some(key) = &config.secret_key {
        return Ok(key.clone());
    }
    let path = config.database.url.expose().strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
    let path = path.and_then(|path| path.split('?').next()).filter(|path| !path.is_empty() && *path != ":memory:");
    let (Some(path), Some(sql)) = (path.map(Path::new), sql) else { return Ok(fresh(random)) };
    if let Some(key) = beside(path)? {
        return Ok(key);
    }
    if !sql.has_sealed().await.map_err(StartError::database)? {
        return Ok(make_beside(path, random)?);
    }
    // Whoever has sealed something in the meantime has made the key before.
    beside(path)?.ok_or_else(|| lost(path).into())
}

fn error(path: &Path, problem: String) -> ConfigError {
    ConfigError::new("secret_key", &path.display().to_string(), problem)
}

/// Reads the key beside `database`; `None` when there is none.
fn beside(database: &Path) -> Result<Option<SecretString>, ConfigError> {
    let path = key_file(database);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => {
            warn_of_readers(&path);
            Ok(Some(SecretString::new(text.trim().to_owned())))
        }
        Ok(_) => {
            let remedy = "the key file is damaged: restore it, or set SECRET_KEY to its value";
            Err(error(&path, remedy.to_owned()))
        }
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(error(&path, format!("the key file cannot be read: {cause}"))),
    }
}

/// Makes a key beside `database`.
fn make_beside(database: &Path, random: &dyn Randomness) -> Result<SecretString, ConfigError> {
    let path = key_file(database);
    let key = fresh(random);
    let mut draft = [0; 8];
    random.fill(&mut draft);
    match write_new(&path, key.expose(), &hex(&draft)) {
        Ok(()) => Ok(key),
        // Another process was first: its key is the key.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => beside(database)?.ok_or_else(|| lost(database)),
        Err(cause) => Err(error(&path, format!("the key file cannot be written: {cause}"))),
    }
}

/// The database holds what a key has sealed that is not there.
fn lost(database: &Path) -> ConfigError {
    let remedy = "the database holds what this key has sealed, and the key file is not there: restore the file, or set \
                  SECRET_KEY to its value";
    error(&key_file(database), remedy.to_owned())
}

/// A key that others can read is still the key.
fn warn_of_readers(path: &Path) {
    let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!("others than its owner can use the key file (mode {mode:04o}): run `chmod 600 {path}`");
    }
}

/// A new key of 256 random bits.
pub(crate) fn fresh(random: &dyn Randomness) -> SecretString {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    SecretString::new(hex(&bytes))
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Fills each buffer with the next number.
    struct Counting(AtomicU8);

    impl Randomness for Counting {
        fn fill(&self, buf: &mut [u8]) {
            buf.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("portcullis-key-{name}-{}", std::process::id()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        folder
    }

    #[test]
    fn a_key_that_was_made_is_for_its_owner_only_and_later_starts_find_it() {
        let folder = folder("first");
        let (database, random) = (folder.join("data/p.db"), Counting(AtomicU8::new(1)));
        assert_eq!(beside(&database).unwrap(), None);
        let first = make_beside(&database, &random).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert_eq!(beside(&database).unwrap().as_ref(), Some(&first));
        assert_eq!(make_beside(&database, &random).unwrap(), first, "no other key takes its place");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.join("data")), mode(&key_file(&database))), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(folder.join("data")).unwrap().count(), 1, "no draft is left");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lost_and_a_damaged_key_are_told_with_the_remedy() {
        let folder = folder("lost");
        let database = folder.join("p.db");
        let lost = lost(&database);
        assert!(lost.problem.contains("restore the file, or set SECRET_KEY"), "{lost}");
        assert!(lost.origin.ends_with("p.key"), "{lost}");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(key_file(&database), "half").unwrap();
        assert!(beside(&database).unwrap_err().problem.contains("damaged"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let folder = folder("race");
        let (database, random) = (folder.join("p.db"), Counting(AtomicU8::new(1)));
        let keys: Vec<String> = std::thread::scope(|scope| {
            let start = || make_beside(&database, &random).unwrap().expose().to_owned();
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
