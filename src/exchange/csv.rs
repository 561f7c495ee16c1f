//! CSV (RFC 4180) with a header of our field names, written and read so that spreadsheets compute nothing.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula
//! (CWE-1236), and an address may begin so. Such a cell, and one that begins with `'`, is written with a `'` in front;
//! reading drops a `'` in front of one of these characters, so that everything comes back as it was.

use std::io::{self, BufRead, Write};

use ::csv::{QuoteStyle, WriterBuilder};
use portcullis_domain::accounts::Import;

use super::cells::{Record, Records};
use super::draft::{Draft, Field};
use super::{Broken, Row, Taker, record};

const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

fn guard(cell: &str) -> String {
    if cell.starts_with(GUARDED) { format!("'{cell}") } else { cell.to_owned() }
}

fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(GUARDED)).unwrap_or(cell)
}

/// Writes accounts under a header.
pub(crate) struct Writer<W: Write> {
    out: ::csv::Writer<W>,
    with_hashes: bool,
}

impl<W: Write> Writer<W> {
    /// Begins with the header.
    pub(super) fn new(out: W, with_hashes: bool) -> io::Result<Self> {
        // Quoted, a cell stays one in spreadsheets that separate by semicolons, too.
        let mut out = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(out);
        let columns = Field::ALL.into_iter().filter(|field| with_hashes || *field != Field::PasswordHash);
        out.write_record(columns.map(Field::name))?;
        Ok(Self { out, with_hashes })
    }

    /// Adds an account.
    pub(super) fn write(&mut self, record: &record::Record<'_>) -> io::Result<()> {
        let columns = Field::ALL.into_iter().filter(|field| self.with_hashes || *field != Field::PasswordHash);
        let cells = columns.map(|field| match field {
            Field::Id => record.id.to_string(),
            Field::Username => guard(record.username.unwrap_or_default()),
            Field::Email => guard(record.email),
            Field::EmailVerified => record.email_verified.to_string(),
            Field::Status => record.status.to_owned(),
            Field::CreatedAt => record.created_at.to_string(),
            Field::PasswordHash => guard(record.password_hash.unwrap_or_default()),
        });
        Ok(self.out.write_record(cells)?)
    }

    /// Nothing is left behind.
    pub(super) fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(|error| io::Error::new(error.error().kind(), error.error().to_string()))
    }
}

/// Reads one account a record.
pub(super) fn read(input: impl BufRead, take: Taker<'_>) -> Result<(), Broken> {
    let mut records = Records::new(input);
    let header = match records.next()? {
        Some((_, Ok(record))) => header(&record)?,
        Some((_, Err(why))) => return Err(Broken::Structure(format!("the header: {why}"))),
        None => return Err(Broken::Structure("the file is empty: a CSV file begins with a header".to_owned())),
    };
    while let Some((place, record)) = records.next()? {
        let account = record.and_then(|record| account(&record, &header));
        if !take(Row { place, account }) {
            return Err(Broken::Stopped);
        }
    }
    Ok(())
}

fn header(record: &Record<'_>) -> Result<Vec<Field>, Broken> {
    let mut columns = Vec::new();
    for cell in record.cells() {
        let name = std::str::from_utf8(cell).map_or("�", str::trim);
        let hint = if name.contains([';', '\t']) { "; columns are separated by commas" } else { "" };
        let field = Field::parse(name).map_err(|why| Broken::Structure(format!("the header: {why}{hint}")))?;
        if columns.contains(&field) {
            return Err(Broken::Structure(format!("the header: {} is there twice", field.name())));
        }
        columns.push(field);
    }
    if columns.contains(&Field::Email) {
        Ok(columns)
    } else {
        Err(Broken::Structure("the header: email is missing: an account has an address".to_owned()))
    }
}

fn account(record: &Record<'_>, columns: &[Field]) -> Result<Import, String> {
    if record.bytes.contains(&b'\n') {
        return Err("has a line break within a cell; is a quote not closed?".to_owned());
    }
    if record.ends.len() != columns.len() {
        return Err(format!("has {} cells where the header has {}", record.ends.len(), columns.len()));
    }
    let mut draft = Draft::default();
    for (cell, field) in record.cells().zip(columns) {
        match std::str::from_utf8(cell) {
            Ok(cell) if cell.trim().is_empty() => {}
            Ok(cell) => draft.set(*field, unguard(cell.trim())),
            Err(_) => draft.refuse(*field, "is not UTF-8"),
        }
    }
    draft.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Place;

    type Told = (Place, Result<String, String>);

    fn rows(bytes: &[u8]) -> Result<Vec<Told>, String> {
        let mut rows = Vec::new();
        let read = read(bytes, &mut |row| {
            rows.push((row.place, row.account.map(|account| account.email.as_str().to_owned())));
            true
        });
        read.map(|()| rows).map_err(|error| error.to_string())
    }

    fn fine(email: &str) -> Result<String, String> {
        Ok(email.to_owned())
    }

    #[test]
    fn quotes_line_ends_of_both_kinds_and_blank_lines_keep_the_count() {
        let bytes = b"\"email\",username\r\n\"a@example.com\",ada\r\n\r\nb@example.com,\"\"\"bob\"\r\n\
              c@example.com,\n\n\nd@example.com,dora";
        let rows = rows(bytes).unwrap();
        let places: Vec<Place> = rows.iter().map(|row| row.0).collect();
        assert_eq!(places, [2, 4, 5, 8].map(Place::Line));
        assert_eq!(rows[0].1, fine("a@example.com"));
        assert!(rows[1].1.as_ref().is_err_and(|why| why.starts_with("username: ")), "{rows:?}");
        assert_eq!((&rows[2].1, &rows[3].1), (&fine("c@example.com"), &fine("d@example.com")));
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_swallow_rows_in_silence() {
        let found = rows(b"email,username\n\"a@example.com,ada\nb@example.com,bob\n").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Place::Lines(2, 3));
        assert!(found[0].1.as_ref().is_err_and(|why| why.contains("is a quote not closed?")), "{found:?}");
    }

    #[test]
    fn a_header_is_needed_and_a_mistyped_column_is_refused_with_the_nearest_one() {
        for (bytes, complaint) in [
            (&b""[..], "the file is empty: a CSV file begins with a header"),
            (b"username\nada\n", "the header: email is missing: an account has an address"),
            (b"email,emial\n", "the header: there is no field \"emial\"; did you mean email?"),
            (b"email,email\n", "the header: email is there twice"),
        ] {
            assert_eq!(rows(bytes), Err(complaint.to_owned()));
        }
        assert!(rows(b"email;username\n").is_err_and(|why| why.ends_with("columns are separated by commas")));
    }

    #[test]
    fn a_row_with_too_many_cells_or_bytes_that_are_no_text_is_refused_and_the_next_one_follows() {
        let rows = rows(b"email,username\na@example.com\nb@example.com,x\xffy\nc@example.com,\n").unwrap();
        assert_eq!(rows[0].1, Err("has 1 cells where the header has 2".to_owned()));
        assert_eq!(rows[1].1, Err("username: is not UTF-8".to_owned()));
        assert_eq!(rows[2], (Place::Line(4), fine("c@example.com")));
    }

    #[test]
    fn b51_no_cell_is_a_formula_and_every_cell_comes_back() {
        for cell in ["=1+1@example.com", "+a", "-a", "@a", "'a", "'=a", "''", "\ta", "a", "", "o'brien", "a=b"] {
            let guarded = guard(cell);
            assert!(!guarded.starts_with(['=', '+', '-', '@', '\t', '\r']), "{guarded}");
            assert_eq!(unguard(&guarded), cell);
        }
        assert_eq!(unguard("'plain"), "'plain");
    }
}
