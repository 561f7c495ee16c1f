//! Revoked sessions and subjects, forgotten when no token of theirs can be alive.

use std::collections::HashMap;

use crate::claims::Body;

/// As many may be out of date before somebody looks.
const FEW: usize = 1024;

#[derive(Default)]
pub(crate) struct List {
    /// Session → until when it matters.
    sessions: HashMap<Box<str>, i64>,
    subjects: HashMap<Box<str>, Cut>,
    /// How many there may be before the next look for those that are over.
    next_look: usize,
}

/// A subject's tokens up to some instant.
struct Cut {
    issued_by: i64,
    until: i64,
}

impl List {
    pub(crate) fn revoke_session(&mut self, session: &str, until: i64, now: i64) {
        if until <= now {
            return;
        }
        let known = self.sessions.entry(session.into()).or_insert(until);
        *known = until.max(*known);
        self.tidy(now);
    }

    pub(crate) fn revoke_subject(&mut self, subject: &str, issued_by: i64, until: i64, now: i64) {
        let cut = self.subjects.entry(subject.into()).or_insert(Cut { issued_by, until });
        cut.issued_by = issued_by.max(cut.issued_by);
        cut.until = until.max(cut.until);
        self.tidy(now);
    }

    pub(crate) fn has(&self, token: &Body) -> bool {
        token.session.as_deref().is_some_and(|session| self.sessions.contains_key(session))
            || self.subjects.get(token.subject.as_str()).is_some_and(|cut| token.issued_at <= cut.issued_by)
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len() + self.subjects.len()
    }

    /// Forgets what is over, whenever the list has doubled: each entry pays for a look or two.
    fn tidy(&mut self, now: i64) {
        if self.len() < self.next_look.max(FEW) {
            return;
        }
        self.sessions.retain(|_, until| *until > now);
        self.subjects.retain(|_, cut| cut.until > now);
        self.next_look = self.len().saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(session: &str, subject: &str, issued_at: i64) -> Body {
        Body { session: Some(session.into()), subject: subject.into(), issued_at, ..Body::default() }
    }

    #[test]
    fn a_session_is_revoked_by_its_id_and_a_subject_up_to_an_instant() {
        let mut list = List::default();
        list.revoke_session("s", 900, 0);
        list.revoke_subject("u", 10, 900, 0);
        assert!(list.has(&token("s", "x", 100)));
        assert!(list.has(&token("t", "u", 10)));
        assert!(!list.has(&token("t", "u", 11)));
        assert!(!list.has(&token("u", "s", 0)));
    }

    #[test]
    fn a_later_word_only_ever_revokes_more() {
        let mut list = List::default();
        list.revoke_session("s", 900, 0);
        list.revoke_session("s", 100, 0);
        assert_eq!(list.sessions["s"], 900);
        list.revoke_subject("u", 20, 900, 0);
        list.revoke_subject("u", 10, 800, 0);
        assert!(list.has(&token("t", "u", 20)));
    }

    #[test]
    fn memory_is_bounded_by_the_life_of_tokens() {
        let mut list = List::default();
        // A thousand revocations a second, each good for a minute, for ten minutes.
        for now in 0..600 {
            for one in 0..1000 {
                list.revoke_session(&format!("{now}/{one}"), now + 60, now);
                list.revoke_subject(&format!("{now}/{one}"), now, now + 60, now);
            }
        }
        assert!(list.len() <= 2 * 60 * 2000 + FEW, "{}", list.len());
        assert!(list.has(&token("599/0", "", 0)) && list.has(&token("", "540/999", 0)));
        list.revoke_session("over", 600, 600);
        assert!(!list.has(&token("over", "", 0)), "what is over when it is said is not kept");
    }
}
