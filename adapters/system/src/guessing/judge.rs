//! The judgement.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use super::advice::{self, Advice};
use super::common::is_common;
use super::fingerprint::fold;
use super::leet::with_few_readings;
use super::own_words::OwnWords;

/// What an attacker needs at least. Eight characters without any pattern are just worth it; the estimate's own score
/// asks for a little more, and so refuses all passwords of eight characters.
const MIN_GUESSES: u64 = 100_000_000;

/// What the estimate looks at: it takes far more than linear time. A password that is weak up to here says what is
/// wrong with it already.
const JUDGED_CHARS: usize = 40;

/// Why the password is refused, and what to do; `None` when it is accepted.
pub(super) fn judge(password: &str, own: &OwnWords) -> Option<Advice> {
    let folded = Zeroizing::new(fold(password));
    if is_common(&folded) {
        return Some(advice::COMMON);
    }
    if own.make_up(&folded) {
        return Some(advice::OWN_WORDS);
    }
    let beginning = password.nfkc().take(JUDGED_CHARS).collect();
    let judged = Zeroizing::new(with_few_readings(beginning));
    let estimate = zxcvbn(&judged, &own.as_strs());
    (estimate.guesses() < MIN_GUESSES).then(|| advice::about(&estimate, own))
}
