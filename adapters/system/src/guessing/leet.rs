//! Keeping the estimate quick.

/// The signs that the estimate reads as one letter, for the letters that have several. It tries every combination of
/// readings on every part of the text, which takes seconds for a long text with all of them.
const READINGS: [&str; 7] = ["4@", "({[<", "69", "1!|", "1|7", "$5", "+7"];

/// A text with more combinations is a mixture of signs, and no word is spelt with it.
const MAX_COMBINATIONS: usize = 8;

/// The text, or in its place one that is a little easier to guess and much quicker to judge: with one sign for each
/// letter.
pub(super) fn with_few_readings(text: String) -> String {
    let present = |signs: &&str| signs.chars().filter(|sign| text.contains(*sign)).count().max(1);
    if READINGS.iter().map(present).product::<usize>() <= MAX_COMBINATIONS {
        return text;
    }
    let one = |c| match c {
        '@' => '4',
        '{' | '[' | '<' => '(',
        '!' | '|' => '1',
        '$' => '5',
        '+' => '7',
        other => other,
    };
    text.chars().map(one).collect()
}
