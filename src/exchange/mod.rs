//! Accounts in files: the records that other systems write, and our own.
//!
//! A reader takes a file apart in constant memory and hands over one [`Row`] after the other; what is wrong with a row
//! is told by its place in the file, and the next row follows. Only a file whose structure is broken ends the reading.

mod auth0;
mod base64;
mod cells;
mod csv;
mod document;
mod draft;
mod firebase;
mod format;
mod input;
mod json_lines;
mod keycloak;
mod lines;
mod members;
mod parameters;
mod printable;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufRead, Write};

use portcullis_domain::accounts::Import;

pub(crate) use format::{Format, WrittenFormat};
pub(crate) use input::Input;
pub(crate) use parameters::FirebaseParameters;
pub(crate) use printable::{json_line, printable};
pub(crate) use record::Record;

/// The most bytes of a line, of a CSV record, or of a user in a JSON document.
pub(crate) const MAX_ROW: usize = 1024 * 1024;

/// What a file says about one account, or why that cannot be an account here.
pub(crate) struct Row {
    /// Where it stands.
    pub(crate) place: Place,
    /// The account; or what is wrong with it, in one line, by field, without its values.
    pub(crate) account: Result<Import, String>,
}

/// Where a row stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this line, counted from 1.
    Line(u64),
    /// From one line to another.
    Lines(u64, u64),
    /// The how-manieth user of a document, counted from 1.
    User(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Lines(first, last) => write!(f, "lines {first} to {last}"),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

/// Why the reading of a file ended before the file did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is not what its format prescribes, from here on.
    #[error("{0}")]
    Structure(String),
    /// Whoever takes the rows wants no more.
    #[error("stopped")]
    Stopped,
}

/// Takes rows; `false` when it wants no more.
pub(crate) type Taker<'a> = &'a mut dyn FnMut(Row) -> bool;

/// Reads a file of accounts.
pub(crate) fn read(
    input: impl BufRead,
    format: Format,
    firebase: Option<&FirebaseParameters>,
    take: Taker<'_>,
) -> Result<(), Broken> {
    match format {
        Format::Jsonl => json_lines::read(input, &json_lines::account, take),
        Format::Csv => csv::read(input, take),
        Format::Keycloak => document::read(input, "users", &keycloak::account, take),
        Format::Auth0 => auth0::read(input, take),
        Format::Firebase => document::read(input, "users", &|user| firebase::account(user, firebase), take),
    }
}

/// Writes accounts, one after the other.
pub(crate) enum Writer<W: Write> {
    /// As JSON lines.
    Jsonl(W),
    /// As CSV with a header.
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Writer<W> {
    /// Into `out`.
    pub(crate) fn new(out: W, format: WrittenFormat, with_hashes: bool) -> io::Result<Self> {
        Ok(match format {
            WrittenFormat::Jsonl => Self::Jsonl(out),
            WrittenFormat::Csv => Self::Csv(Box::new(csv::Writer::new(out, with_hashes)?)),
        })
    }

    /// Adds an account.
    pub(crate) fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        match self {
            Self::Jsonl(out) => writeln!(out, "{}", json_line(record)?),
            Self::Csv(out) => out.write(record),
        }
    }

    /// Nothing of what was written is left behind.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Jsonl(mut out) => {
                out.flush()?;
                Ok(out)
            }
            Self::Csv(out) => out.finish(),
        }
    }
}
