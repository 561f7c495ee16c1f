//! Text that others chose, made fit for a line of its own on a terminal (CWE-117).

use std::fmt::Write;

use serde::Serialize;

/// Whether a character can end a line, steer a terminal, or hide or reorder what stands around it.
fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{FEFF}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// The text in quotes, on one line, at most `max` characters of it.
pub(crate) fn printable(text: &str, max: usize) -> String {
    let mut shown = String::from('"');
    for c in text.chars().take(max) {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_disruptive(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown.push('"');
    shown
}

/// A value as JSON on one line, whatever its texts hold: also what JSON itself leaves as it is (U+2028, C1 controls).
pub(crate) fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.chars().any(is_disruptive) {
        return Ok(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_disruptive(c) {
            // Outside of strings, JSON has no such characters.
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _written = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str = "a\r\nb\u{1b}[31mc\u{2028}d\u{202e}e\u{85}f\u{e0041}g\"h\\i";

    #[test]
    fn a112_b56_a_text_stays_on_its_line_and_steers_no_terminal() {
        let shown = printable(ODD, 100);
        assert!(!shown.chars().any(is_disruptive), "{shown}");
        assert!(shown.contains("\\u{1b}[31m") && shown.contains("\\r\\nb") && shown.contains("g\\\"h\\\\i"), "{shown}");
        assert_eq!(printable("abcdef", 3), "\"abc…\"");
        assert_eq!(printable("abc", 3), "\"abc\"");
    }

    #[test]
    fn a112_b56_json_stays_on_its_line_and_reads_back_the_same() {
        let line = json_line(&ODD).unwrap();
        assert!(!line.chars().any(is_disruptive), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), ODD);
    }
}
