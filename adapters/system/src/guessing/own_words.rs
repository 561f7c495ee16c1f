//! The words that belong to a user or to the product.

use zeroize::Zeroizing;

use super::fingerprint::fold;

/// A shorter word is too short to be what a password is made of.
const MIN_WORD: usize = 3;
/// What has fewer characters besides the user's own words adds nothing to them.
const MIN_REST: usize = 4;
/// More than a name and an address have between them; whoever calls gives a handful.
const MAX_WORDS: usize = 64;

/// Words that a password must not be made of: folded, the longest first.
pub(super) struct OwnWords(Vec<Zeroizing<String>>);

impl OwnWords {
    /// The texts themselves, and the parts of names and addresses, with and without the digits at their ends.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words = Vec::new();
        for text in texts {
            let text = Zeroizing::new(fold(text));
            let parts = text.split(|c: char| !c.is_alphanumeric());
            let names = parts.clone().map(|part| part.trim_matches(char::is_numeric));
            let all = std::iter::once(text.as_str()).chain(text.split('@')).chain(parts).chain(names);
            words.extend(
                all.filter(|word| word.chars().count() >= MIN_WORD).map(|word| Zeroizing::new(word.to_owned())),
            );
        }
        words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        words.dedup();
        words.truncate(MAX_WORDS);
        Self(words)
    }

    /// The words, for the estimate.
    pub(super) fn as_strs(&self) -> Vec<&str> {
        self.0.iter().map(|word| word.as_str()).collect()
    }

    /// Whether this is one of the words, as it is or read backwards.
    pub(super) fn include(&self, found: &str) -> bool {
        let backwards: Zeroizing<String> = Zeroizing::new(found.chars().rev().collect());
        self.0.iter().any(|word| word.as_str() == found || *word == backwards)
    }

    /// Whether hardly anything is left of the folded password without these words.
    pub(super) fn make_up(&self, folded: &str) -> bool {
        let mut rest = Zeroizing::new(folded.to_owned());
        let mut found = false;
        for word in &self.0 {
            if rest.contains(word.as_str()) {
                rest = Zeroizing::new(rest.replace(word.as_str(), ""));
                found = true;
            }
        }
        found && rest.chars().filter(|c| c.is_alphanumeric()).count() < MIN_REST
    }
}
