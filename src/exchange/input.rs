//! The file that is read, or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of the beginning is looked at to tell the format.
const HEAD: u64 = 64 * 1024;

/// A file that is read from its beginning, once.
pub(crate) struct Input {
    bytes: Chain<Cursor<Vec<u8>>, BufReader<Counted>>,
    /// Its length, when it is a file.
    pub(crate) length: Option<u64>,
    /// How much of it has been read.
    pub(crate) position: Arc<AtomicU64>,
}

impl Input {
    /// Opens a file; `-` is standard input. A byte order mark of UTF-8 is skipped.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::new(Box::new(io::stdin()), None);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder"));
        }
        Self::new(Box::new(file), metadata.is_file().then_some(metadata.len()))
    }

    fn new(source: Box<dyn Read + Send>, length: Option<u64>) -> io::Result<Self> {
        let position = Arc::new(AtomicU64::new(0));
        let counted = Counted { source, position: position.clone() };
        let mut rest = BufReader::with_capacity(64 * 1024, counted);
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head)?;
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is UTF-16: convert it to UTF-8 first"));
        }
        let mark = if head.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
        let mut head = Cursor::new(head);
        head.set_position(mark);
        Ok(Self { bytes: head.chain(rest), length, position })
    }

    /// The beginning of the file, for a look at its form. Only before anything is read.
    pub(crate) fn head(&mut self) -> io::Result<&[u8]> {
        self.bytes.fill_buf()
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buf)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.bytes.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

/// Counts what is read.
struct Counted {
    source: Box<dyn Read + Send>,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buf)?;
        self.position.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(bytes: &'static [u8]) -> io::Result<Input> {
        Input::new(Box::new(bytes), None)
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let mut input = open(b"\xEF\xBB\xBFemail\n").unwrap();
        assert_eq!(input.head().unwrap(), b"email\n");
        let mut text = String::new();
        input.read_to_string(&mut text).unwrap();
        assert_eq!(text, "email\n");
        assert_eq!(input.position.load(Ordering::Relaxed), 9);
    }

    #[test]
    fn utf_16_is_refused_with_the_remedy() {
        for bytes in [&b"\xFF\xFEe\0"[..], b"\xFE\xFF\0e"] {
            let error = open(bytes).err().map(|error| error.to_string()).unwrap();
            assert!(error.contains("convert it to UTF-8"), "{error}");
        }
    }
}
