//! Texts that people choose and other people read.

/// Whether a text stays on its line and reads from left to right wherever it is shown: no control characters, no separators
/// of lines, nothing that turns the direction of writing.
pub(crate) fn is_plain(text: &str) -> bool {
    let turns =
        |c: char| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().all(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}') && !turns(c))
}

/// Whether a text can be a name: [plain](is_plain), not blank, at most `max` characters.
pub(crate) fn is_name(text: &str, max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max && is_plain(text)
}
