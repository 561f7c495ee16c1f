//! Why an administrator did something, in their own words.

use crate::plain_text::is_plain;

/// The most characters of a reason.
const MAX: usize = 200;

/// A reason that stays on its line and reads from left to right wherever it is shown: 1 to 200 characters, no control
/// characters, no separators of lines, nothing that turns the direction of writing. Blanks around it are left out.
pub(super) fn reason(text: &str) -> Option<&str> {
    if !is_plain(text) {
        return None;
    }
    let text = text.trim();
    (!text.is_empty() && text.chars().count() <= MAX).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stays_on_its_line_a112_b51() {
        for fine in ["x", "left the company", "Ça va — 離職", &"ä".repeat(200)] {
            assert_eq!(reason(fine), Some(fine));
        }
        assert_eq!(reason("  left  "), Some("left"));
        let long = "a".repeat(201);
        for wrong in
            ["", "   ", "a\nb", "a\r", "\u{1b}[2J", "a\0", "a\u{2028}b", "a\u{2029}", "a\u{202e}b", "\u{2066}a", &long]
        {
            assert_eq!(reason(wrong), None, "{wrong:?}");
        }
    }
}
