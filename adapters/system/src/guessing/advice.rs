//! Telling people what is wrong with a password and what to do.

use zxcvbn::Entropy;
use zxcvbn::feedback::Warning;
use zxcvbn::matching::patterns::MatchPattern;

use super::own_words::OwnWords;

/// A sentence about what is wrong and one about what to do; never a part of the password.
pub(super) type Advice = &'static str;

/// For passwords on the list.
pub(super) const COMMON: Advice =
    "This is one of the passwords that everybody tries first. Choose several words that do not belong together.";

/// For passwords made of the user's own words.
pub(super) const OWN_WORDS: Advice = "Your name, your address or the name of this service make up most of this. Choose words that have nothing to do with \
     them.";

/// For passwords that can be guessed in few attempts.
pub(super) fn about(estimate: &Entropy, own: &OwnWords) -> Advice {
    let is_own = |pattern: &MatchPattern| match pattern {
        MatchPattern::Dictionary(found) => own.include(&found.matched_word),
        _ => false,
    };
    if estimate.sequence().iter().any(|found| is_own(&found.pattern)) {
        return OWN_WORDS;
    }
    let Some(warning) = estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning) else {
        return "This can be guessed in a few million attempts. Make it longer: add two or three uncommon words.";
    };
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => {
            "Keys next to each other are easy to guess. Choose several words that do not belong together."
        }
        Warning::RepeatsLikeAaaAreEasyToGuess | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => {
            "Repeating something hardly makes it harder to guess. Add different, uncommon words instead."
        }
        Warning::SequencesLikeAbcAreEasyToGuess => {
            "Sequences like abc or 6543 are easy to guess. Choose several words that do not belong together."
        }
        Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword => COMMON,
        Warning::ThisIsSimilarToACommonlyUsedPassword => {
            "This is a small change of a common password, and such changes are tried too. Choose several words that do \
             not belong together."
        }
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => {
            "Years and dates are easy to guess. Add two or three uncommon words."
        }
        Warning::AWordByItselfIsEasyToGuess => "A single word is easy to guess. Add two or three uncommon words.",
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess | Warning::CommonNamesAndSurnamesAreEasyToGuess => {
            "Names are easy to guess. Add two or three uncommon words that are no names."
        }
    }
}
