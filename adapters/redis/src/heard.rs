//! What others revoked, on its way into the list that answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::sessions::RevocationList;

/// The longest that one word of a revocation is believed: nothing in Redis fills the list for ever. What matters longer
/// is read again before.
const BELIEVED: Duration = Duration::from_secs(86_400);

/// Takes in what Redis says.
pub(crate) struct Heard {
    list: Arc<dyn RevocationList>,
    clock: Arc<dyn Clock>,
    /// The last instant that was forgotten up to. What is on its way while the list forgets must not come back after.
    forgotten: Mutex<Timestamp>,
    malformed_told: AtomicBool,
}

impl Heard {
    pub(crate) fn new(list: Arc<dyn RevocationList>, clock: Arc<dyn Clock>) -> Self {
        Self { list, clock, forgotten: Mutex::new(Timestamp::UNIX_EPOCH), malformed_told: AtomicBool::new(false) }
    }

    /// Remembers a grant, unless it does not matter any more.
    pub(crate) fn revoked(&self, grant: GrantId, until: Timestamp) {
        let forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if until > now.max(*forgotten) {
            self.list.revoke(grant, until.min(now.plus(BELIEVED)));
        }
    }

    /// Forgets what does not matter any more at `now`.
    pub(crate) fn forget(&self, now: Timestamp) {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        // Not the latest of all instants: a clock that was once wrong must not make us deaf.
        *forgotten = now;
        self.list.forget(now);
    }

    /// Takes in a message: lines of the id of a grant, a space and unix microseconds.
    pub(crate) fn message(&self, bytes: &[u8]) {
        for line in bytes.split(|byte| *byte == b'\n') {
            match read(line) {
                Some((grant, until)) => self.revoked(grant, until),
                None => self.malformed("message"),
            }
        }
    }

    /// Takes in a member of the sorted set with its score.
    pub(crate) fn member(&self, member: &[u8], score: f64) {
        let grant = std::str::from_utf8(member).ok().and_then(|text| text.parse().ok());
        match grant {
            // The cast saturates, and no number becomes 0, which is long ago.
            Some(grant) if !score.is_nan() => self.revoked(grant, Timestamp::from_unix_micros(score as i64)),
            _ => self.malformed("member of the sorted set"),
        }
    }

    fn malformed(&self, what: &str) {
        if !self.malformed_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                what,
                "something among the revocations in Redis is not ours and is ignored: is the prefix used by somebody else?"
            );
        }
    }
}

fn read(line: &[u8]) -> Option<(GrantId, Timestamp)> {
    let (grant, until) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some((grant.parse().ok()?, Timestamp::from_unix_micros(until.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use portcullis_memory::{ManualClock, MemoryRevocations, SeededRandomness};

    use super::*;

    fn heard() -> (Arc<MemoryRevocations>, Arc<ManualClock>, Heard) {
        let (list, clock) = (Arc::new(MemoryRevocations::new()), Arc::new(ManualClock::default()));
        let heard = Heard::new(list.clone(), clock.clone());
        (list, clock, heard)
    }

    fn grant(seed: u64) -> GrantId {
        GrantId::new(Timestamp::UNIX_EPOCH, &SeededRandomness::new(seed))
    }

    #[test]
    fn a_message_is_taken_in_line_by_line_and_what_is_not_ours_is_ignored() {
        let (list, clock, heard) = heard();
        let until = clock.now().plus(Duration::from_secs(60)).as_unix_micros();
        let id = |seed| grant(seed).to_string();
        let message = format!(
            "{} {until}\nnonsense\n{} x\n{} {until}0000000000000000000\n{} {until} \n {}\n{}\n{} {until}",
            id(1),
            id(2),
            id(3),
            id(4),
            id(5),
            id(6).to_uppercase(),
            id(7)
        );
        heard.message(message.as_bytes());
        heard.message(b"");
        heard.message(&[0xFF, 0xFE, b'\n', 0]);
        let known: Vec<_> = (1..=7).filter(|seed| list.is_revoked(grant(*seed))).collect();
        assert_eq!(known, [1, 7]);
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn members_with_strange_scores_do_no_harm() {
        let (list, clock, heard) = heard();
        let until = clock.now().plus(Duration::from_secs(60)).as_unix_micros() as f64;
        for (seed, score) in [(1, until), (2, f64::NAN), (3, f64::NEG_INFINITY), (4, -1.0), (5, f64::INFINITY)] {
            heard.member(grant(seed).to_string().as_bytes(), score);
        }
        heard.member(b"nonsense", until);
        heard.member(&[0xFF], until);
        let known: Vec<_> = (1..=5).filter(|seed| list.is_revoked(grant(*seed))).collect();
        assert_eq!(known, [1, 5], "what is for ever is believed");
        list.forget(clock.now().plus(BELIEVED));
        assert!(list.is_empty(), "but for a day only");
    }

    #[test]
    fn what_was_forgotten_does_not_come_back_by_a_late_message() {
        let (list, clock, heard) = heard();
        let until = clock.now().plus(Duration::from_secs(60));
        heard.forget(until);
        heard.revoked(grant(1), until);
        assert!(list.is_empty());
        heard.forget(clock.now());
        heard.revoked(grant(1), until);
        assert!(list.is_revoked(grant(1)), "a clock that was once ahead makes nobody deaf");
    }
}
