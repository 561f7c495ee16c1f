//! What is told while an import runs: a line for each refused row, and how far it is.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where refusals go.
enum Refusals {
    File(BufWriter<File>),
    StandardError,
}

/// The report of an import, and its progress bar on a terminal.
pub(super) struct Report {
    refusals: Refusals,
    bar: ProgressBar,
    position: Arc<AtomicU64>,
}

impl Report {
    /// Into a file, or onto standard error. `input` must not be that file.
    pub(super) fn new(
        file: Option<&Path>,
        input: &Path,
        length: Option<u64>,
        position: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let refusals = match file {
            Some(path) if is_same(path, input) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is the file to import"));
            }
            Some(path) => Refusals::File(BufWriter::new(File::create(path)?)),
            None => Refusals::StandardError,
        };
        // Drawn on a terminal only.
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let template = match length {
            Some(_) => "{bar:32} {percent:>3}%  {msg}  {eta} left",
            None => "{spinner}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Ok(Self { refusals, bar, position })
    }

    /// A refused row, in a line.
    pub(super) fn refuse(&mut self, line: &str) -> io::Result<()> {
        match &mut self.refusals {
            Refusals::File(file) => writeln!(file, "{line}"),
            Refusals::StandardError => self.bar.suspend(|| writeln!(io::stderr(), "{line}")),
        }
    }

    /// How far it is.
    pub(super) fn progress(&self, rows: u64, refused: u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(self.position.load(Ordering::Relaxed));
        self.bar.set_message(format!("{rows} rows, {refused} refused"));
    }

    /// Nothing more will be told.
    pub(super) fn finish(self) -> io::Result<()> {
        self.bar.finish_and_clear();
        match self.refusals {
            Refusals::File(mut file) => file.flush(),
            Refusals::StandardError => Ok(()),
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()) && one.is_file(),
        _ => false,
    }
}
