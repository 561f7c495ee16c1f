//! The records of a CSV file, each of bounded length and with its place.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};

use super::{MAX_ROW, Place};

/// No record has more cells.
const MAX_CELLS: usize = 64;

/// A record, taken apart.
pub(super) struct Record<'a> {
    /// The cells, one behind the other, without quotes.
    pub(super) bytes: &'a [u8],
    /// Where each cell ends.
    pub(super) ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let cell = bytes.get(start..*end).unwrap_or_default();
            start = *end;
            cell
        })
    }
}

/// The records of a file. One that does not fit is skipped and told.
pub(super) struct Records<R> {
    input: R,
    parser: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    line: u64,
}

impl<R: BufRead> Records<R> {
    /// Of a file.
    pub(super) fn new(input: R) -> Self {
        Self { input, parser: Reader::new(), bytes: vec![0; 4096], ends: vec![0; MAX_CELLS], line: 1 }
    }

    /// The next record with its place; or why it cannot be looked at.
    pub(super) fn next(&mut self) -> io::Result<Option<(Place, Result<Record<'_>, String>)>> {
        self.skip_line_ends()?;
        let first = self.line;
        let (mut filled, mut cells, mut fits, mut ended) = (0, 0, true, false);
        loop {
            let input = match self.input.fill_buf() {
                Ok(input) => input,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let space = self.bytes.get_mut(filled..).unwrap_or_default();
            let ends = self.ends.get_mut(cells..).unwrap_or_default();
            let (result, used, written, ended_cells) = self.parser.read_record(input, space, ends);
            let consumed = input.get(..used).unwrap_or_default();
            let breaks = consumed.iter().filter(|byte| **byte == b'\n').count();
            self.line += u64::try_from(breaks).unwrap_or(0);
            ended = if consumed.is_empty() { ended } else { consumed.ends_with(b"\n") };
            self.input.consume(used);
            (filled, cells) = (filled + written, cells + ended_cells);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if fits && self.bytes.len() < MAX_ROW => {
                    self.bytes.resize((2 * self.bytes.len()).min(MAX_ROW), 0);
                }
                // What does not fit is written over.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (filled, cells, fits) = (0, 0, false);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        let last = if ended { self.line - 1 } else { self.line };
        let place = if last > first { Place::Lines(first, last) } else { Place::Line(first) };
        if !fits {
            return Ok(Some((
                place,
                Err("is longer than 1 MiB, or has far too many cells; is a quote not closed?".to_owned()),
            )));
        }
        let bytes = self.bytes.get(..filled).unwrap_or_default();
        let ends = self.ends.get(..cells).unwrap_or_default();
        Ok(Some((place, Ok(Record { bytes, ends }))))
    }

    /// The parser would skip them, too, and not say so.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            let skipped = match self.input.fill_buf()?.first() {
                Some(b'\n') => 1,
                Some(b'\r') => 0,
                _ => return Ok(()),
            };
            self.line += skipped;
            self.input.consume(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<(Place, Result<Vec<String>, String>)> {
        // A small buffer, so that records span several of them.
        let mut records = Records::new(BufReader::with_capacity(7, bytes));
        let mut found = Vec::new();
        while let Some((place, record)) = records.next().unwrap() {
            let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            found.push((place, record.map(|record| record.cells().map(text).collect())));
        }
        found
    }

    fn cells(cells: &[&str]) -> Result<Vec<String>, String> {
        Ok(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn places_are_right_with_quotes_line_ends_of_both_kinds_and_blank_lines() {
        let found = all(b"\n\"a,\"\"b\",c\r\n\r\nd,\n\n\"e\nf\",g\r\nh");
        let expected = [
            (Place::Line(2), cells(&["a,\"b", "c"])),
            (Place::Line(4), cells(&["d", ""])),
            (Place::Lines(6, 7), cells(&["e\nf", "g"])),
            (Place::Line(8), cells(&["h"])),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_does_not_fit_is_skipped_and_the_next_record_follows() {
        let mut bytes = b"a,".to_vec();
        bytes.extend(vec![b'x'; MAX_ROW]);
        bytes.extend(b"\nb\n");
        bytes.extend(b",".repeat(2 * MAX_CELLS));
        bytes.extend(b"\nc,d\n\"");
        bytes.extend(b"line\n".repeat(MAX_ROW));
        let found = all(&bytes);
        let places: Vec<Place> = found.iter().map(|(place, _)| *place).collect();
        let last = 5 + u64::try_from(MAX_ROW).unwrap();
        let expected = [Place::Line(1), Place::Line(2), Place::Line(3), Place::Line(4), Place::Lines(5, last - 1)];
        assert_eq!(places, expected);
        assert_eq!((&found[1].1, &found[3].1), (&cells(&["b"]), &cells(&["c", "d"])));
        for at in [0, 2, 4] {
            assert!(found[at].1.as_ref().is_err_and(|why| why.contains("is a quote not closed?")), "{at}");
        }
    }
}
