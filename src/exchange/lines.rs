//! Lines of bounded length.

use std::io::{self, BufRead};

use super::MAX_ROW;

/// The lines of a file, each at most [`MAX_ROW`] bytes; what is longer is skipped and told.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Of a file.
    pub(super) const fn new(input: R) -> Self {
        Self { input, number: 0, line: Vec::new() }
    }

    /// The next line that is not blank, with its number and without its end; or why it cannot be read as text.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<&str, String>)>> {
        let fits = loop {
            let Some(fits) = self.fill()? else { return Ok(None) };
            if !fits || !self.line.trim_ascii().is_empty() {
                break fits;
            }
        };
        if !fits {
            return Ok(Some((self.number, Err("is longer than 1 MiB".to_owned()))));
        }
        let text = std::str::from_utf8(&self.line)
            .map(str::trim)
            .map_err(|error| format!("is not UTF-8, from byte {} on", error.valid_up_to() + 1));
        Ok(Some((self.number, text)))
    }

    /// Reads up to the next line end; `None` when nothing is left, `Some(false)` when there was more than fits.
    fn fill(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        let (mut any, mut fits) = (false, true);
        loop {
            let seen = match self.input.fill_buf() {
                Ok(seen) => seen,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if seen.is_empty() {
                break;
            }
            any = true;
            let end = seen.iter().position(|byte| *byte == b'\n');
            let part = end.and_then(|end| seen.get(..end)).unwrap_or(seen);
            fits = fits && self.line.len() + part.len() <= MAX_ROW;
            if fits {
                self.line.extend_from_slice(part);
            }
            let used = end.map_or(seen.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += u64::from(any);
        Ok(any.then_some(fits))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<(u64, Result<String, String>)> {
        // A small buffer, so that lines span several of them.
        let mut lines = Lines::new(BufReader::with_capacity(7, bytes));
        let mut found = Vec::new();
        while let Some((number, text)) = lines.next().unwrap() {
            found.push((number, text.map(str::to_owned)));
        }
        found
    }

    #[test]
    fn line_ends_of_both_kinds_and_blank_lines_keep_the_count() {
        let found = all(b"first\r\n\r\n\n  third one that is long\nlast");
        let expected = [(1, "first"), (4, "third one that is long"), (5, "last")];
        assert_eq!(found, expected.map(|(number, text)| (number, Ok(text.to_owned()))));
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_told_and_the_next_one_follows() {
        let mut bytes = vec![b'x'; MAX_ROW];
        bytes.push(b'\n');
        bytes.extend(vec![b'x'; MAX_ROW + 1]);
        bytes.extend(b"\nabc\xff\xfe\nfine");
        let found = all(&bytes);
        assert_eq!(found[0].1.as_ref().map(String::len), Ok(MAX_ROW));
        let rest: Vec<_> = found[1..].to_vec();
        let refused = |why: &str| Err(why.to_owned());
        assert_eq!(
            rest,
            [
                (2, refused("is longer than 1 MiB")),
                (3, refused("is not UTF-8, from byte 4 on")),
                (4, Ok("fine".to_owned()))
            ]
        );
    }
}
