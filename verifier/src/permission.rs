//! Permissions, as the issuer reads them: `resource:action`, with `*` for all words.

/// A word of a permission that stands for all words.
const ALL: &str = "*";
/// The most letters of a word.
const LONGEST: usize = 32;

/// What somebody may do to which kind of thing.
#[derive(Clone, Copy)]
pub(crate) struct Permission<'a> {
    resource: &'a str,
    action: &'a str,
}

impl<'a> Permission<'a> {
    /// Two words of `a-z 0-9 - _` that begin with a letter, or `*`; `None` for anything else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (resource, action) = text.split_once(':')?;
        (is_word(resource) && is_word(action)).then_some(Self { resource, action })
    }

    /// Whether whoever has this one may do what `needed` names; of `*` only `*` is a part.
    pub(crate) fn covers(self, needed: Self) -> bool {
        let part = |held: &str, needed: &str| held == ALL || held == needed;
        part(self.resource, needed.resource) && part(self.action, needed.action)
    }
}

fn is_word(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    text == ALL || (begins && text.len() <= LONGEST && text.bytes().all(fine))
}
