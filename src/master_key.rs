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
    let key = fresh(random);
    let mut draft = [0; 8];
    random.fill(&mut draft);
    match write_new(&path, key.expose(), &hex(&draft)) {
        Ok(()) => Ok(key),
        // Another process was first: its key is the key.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => beside(database, random),
        Err(cause) => Err(error(format!("the key file cannot be written: {cause}"))),
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
    use std::os::unix::fs::PermissionsExt;
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
    fn the_first_start_makes_a_key_that_only_its_owner_can_read_and_later_starts_find_it() {
        let folder = folder("first");
        let (database, random) = (folder.join("data/p.db"), Counting(AtomicU8::new(1)));
        let first = beside(&database, &random).unwrap();
        assert_eq!(first.expose().len(), 64);
        std::fs::write(&database, "").unwrap();
        assert_eq!(beside(&database, &random).unwrap(), first);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.join("data")), mode(&key_file(&database))), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(folder.join("data")).unwrap().count(), 2, "no draft is left");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_database_without_its_key_and_a_damaged_key_are_refused_with_the_remedy() {
        let folder = folder("lost");
        let (database, random) = (folder.join("p.db"), Counting(AtomicU8::new(1)));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&database, "").unwrap();
        let lost = beside(&database, &random).unwrap_err();
        assert!(lost.problem.contains("restore the file, or set SECRET_KEY"), "{lost}");
        assert!(!key_file(&database).exists(), "no other key takes its place");
        std::fs::write(key_file(&database), "half").unwrap();
        assert!(beside(&database, &random).unwrap_err().problem.contains("damaged"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let folder = folder("race");
        let (database, random) = (folder.join("p.db"), Counting(AtomicU8::new(1)));
        let keys: Vec<String> = std::thread::scope(|scope| {
            let start = || beside(&database, &random).unwrap().expose().to_owned();
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
