//! What is revoked, forgotten when no token of it can be alive.

use std::collections::HashMap;

use super::role_changes::RoleChanges;
use crate::claims::Body;
use crate::rejected::Rejected;

/// As many may be out of date before somebody looks.
const FEW: usize = 1024;

/// An id → until when its revocation matters.
type Ends = HashMap<Box<str>, i64>;

#[derive(Default)]
pub(crate) struct List {
    /// Sessions (`sid`), and tokens that belong to none (`jti`): the ids of one issuer differ.
    grants: Ends,
    /// Clients, by the `client_id` of the tokens that they got in their own name.
    clients: Ends,
    subjects: HashMap<Box<str>, Cut>,
    role_changes: RoleChanges,
    /// How many there may be before the next look for those that are over.
    next_look: usize,
}

/// A subject's tokens up to some instant.
struct Cut {
    issued_by: i64,
    until: i64,
}

impl List {
    pub(crate) fn revoke_grant(&mut self, id: &str, until: i64, now: i64) {
        note(&mut self.grants, id, until, now);
        self.tidy(now);
    }

    pub(crate) fn revoke_client(&mut self, id: &str, until: i64, now: i64) {
        note(&mut self.clients, id, until, now);
        self.tidy(now);
    }

    pub(crate) fn revoke_subject(&mut self, subject: &str, issued_by: i64, until: i64, now: i64) {
        let cut = self.subjects.entry(subject.into()).or_insert(Cut { issued_by, until });
        cut.issued_by = issued_by.max(cut.issued_by);
        cut.until = until.max(cut.until);
        self.tidy(now);
    }

    pub(crate) fn change_roles_of(&mut self, user: &str, issued_by: i64, until: i64, now: i64) {
        self.role_changes.user(user, issued_by, until);
        self.tidy(now);
    }

    pub(crate) fn change_role(&mut self, role: &str, issued_by: i64, until: i64, now: i64) {
        self.role_changes.role(role, issued_by, until);
        self.tidy(now);
    }

    /// Whether the token still holds.
    pub(crate) fn verdict(&self, token: &Body) -> Result<(), Rejected> {
        if self.has(token) {
            return Err(Rejected::Revoked);
        }
        if self.role_changes.concern(token) { Err(Rejected::RolesChanged) } else { Ok(()) }
    }

    fn has(&self, token: &Body) -> bool {
        let of_its_own = || match token.session.as_deref() {
            Some(session) => self.grants.contains_key(session),
            None => self.clients.contains_key(token.client_id.as_str()),
        };
        let is_cut = |id: &str| self.subjects.get(id).is_some_and(|cut| token.issued_at <= cut.issued_by);
        self.grants.contains_key(token.id.as_str())
            || of_its_own()
            || is_cut(&token.subject)
            // Whoever may not be served does not act as somebody else either.
            || token.actor.as_deref().is_some_and(is_cut)
    }

    pub(crate) fn len(&self) -> usize {
        self.grants.len() + self.clients.len() + self.subjects.len() + self.role_changes.len()
    }

    /// Forgets what is over, whenever the list has doubled: each entry pays for a look or two.
    fn tidy(&mut self, now: i64) {
        if self.len() < self.next_look.max(FEW) {
            return;
        }
        self.grants.retain(|_, until| *until > now);
        self.clients.retain(|_, until| *until > now);
        self.subjects.retain(|_, cut| cut.until > now);
        self.role_changes.tidy(now);
        self.next_look = self.len().saturating_mul(2);
    }
}

/// The later end counts; what is over when it is said is not kept.
fn note(ends: &mut Ends, id: &str, until: i64, now: i64) {
    if until > now {
        let known = ends.entry(id.into()).or_insert(until);
        *known = until.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(session: &str, subject: &str, issued_at: i64) -> Body {
        Body { session: Some(session.into()), subject: subject.into(), issued_at, ..Body::default() }
    }

    fn client_token(id: &str, client_id: &str) -> Body {
        Body { id: id.into(), subject: client_id.into(), client_id: client_id.into(), ..Body::default() }
    }

    #[test]
    fn a_session_is_revoked_by_its_id_and_a_subject_up_to_an_instant() {
        let mut list = List::default();
        list.revoke_grant("s", 900, 0);
        list.revoke_subject("u", 10, 900, 0);
        assert!(list.has(&token("s", "x", 100)));
        assert!(list.has(&token("t", "u", 10)));
        assert!(!list.has(&token("t", "u", 11)));
        assert!(!list.has(&token("u", "s", 0)));
        let by = |actor: &str| Body { actor: Some(actor.into()), ..token("t", "x", 10) };
        assert!(list.has(&by("u")) && !list.has(&by("v")), "whoever is gone acts as nobody");
    }

    #[test]
    fn a_token_that_is_revoked_is_not_worth_a_refresh() {
        let mut list = List::default();
        list.change_roles_of("u", 10_000, 900, 0);
        list.revoke_grant("s", 900, 0);
        let roles = |session| Body { roles: Some(vec![]), ..token(session, "u", 10) };
        assert_eq!(list.verdict(&roles("s")), Err(Rejected::Revoked));
        assert_eq!(list.verdict(&roles("t")), Err(Rejected::RolesChanged));
        assert_eq!(list.verdict(&token("t", "u", 10)), Ok(()));
    }

    #[test]
    fn a_token_is_revoked_by_its_own_id_and_a_client_with_all_that_it_got_in_its_own_name() {
        let mut list = List::default();
        list.revoke_grant("j", 900, 0);
        list.revoke_client("reports", 900, 0);
        assert!(list.has(&client_token("j", "billing")));
        assert!(list.has(&client_token("k", "reports")));
        assert!(!list.has(&client_token("k", "billing")));
        assert!(list.has(&Body { id: "j".into(), ..token("s", "u", 0) }), "a user's token has an id, too");
        let through_it = Body { client_id: "reports".into(), ..token("s", "u", 0) };
        assert!(!list.has(&through_it), "a user's token ends with the session, not with the client");
    }

    #[test]
    fn a_later_word_only_ever_revokes_more() {
        let mut list = List::default();
        list.revoke_grant("s", 900, 0);
        list.revoke_grant("s", 100, 0);
        assert_eq!(list.grants["s"], 900);
        list.revoke_client("c", 100, 0);
        list.revoke_client("c", 900, 0);
        assert_eq!(list.clients["c"], 900);
        list.revoke_subject("u", 20, 900, 0);
        list.revoke_subject("u", 10, 800, 0);
        assert!(list.has(&token("t", "u", 20)));
    }

    #[test]
    fn memory_is_bounded_by_the_life_of_tokens() {
        let mut list = List::default();
        // A thousand revocations and changes of each kind a second, each good for a minute, for ten minutes.
        for now in 0..600 {
            for one in 0..1000 {
                let id = format!("{now}/{one}");
                list.revoke_grant(&id, now + 60, now);
                list.revoke_client(&id, now + 60, now);
                list.revoke_subject(&id, now, now + 60, now);
                list.change_roles_of(&id, now, now + 60, now);
            }
        }
        assert!(list.len() <= 2 * 60 * 4000 + FEW, "{}", list.len());
        assert!(list.has(&token("599/0", "", 0)) && list.has(&token("", "540/999", 0)));
        assert!(list.has(&client_token("", "540/999")));
        list.revoke_grant("over", 600, 600);
        list.revoke_client("over", 600, 600);
        assert!(!list.has(&token("over", "", 0)), "what is over when it is said is not kept");
        assert!(!list.has(&client_token("", "over")));
    }
}
