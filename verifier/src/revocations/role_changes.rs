//! Changes of roles: what older tokens say of roles and permissions holds no more.

use std::collections::HashMap;

use crate::claims::Body;

/// The role that every account has without its being granted.
const EVERYBODYS: &str = "user";

/// What was said before some instant about one user or one role.
type Cuts = HashMap<Box<str>, Cut>;

#[derive(Default)]
pub(crate) struct RoleChanges {
    /// Users whose roles changed.
    users: Cuts,
    /// Roles that changed or are gone.
    roles: Cuts,
    /// The latest of all changes of roles, for tokens that do not say by which roles they allow what they allow.
    latest: Option<i64>,
}

struct Cut {
    /// Tokens issued by then are concerned; milliseconds since 1970.
    issued_by: i64,
    /// When they have all expired; seconds since 1970.
    until: i64,
}

impl RoleChanges {
    /// The roles of a user changed; `issued_by` in milliseconds.
    pub(crate) fn user(&mut self, id: &str, issued_by: i64, until: i64) {
        note(&mut self.users, id, issued_by, until);
    }

    /// A role changed or is gone; `issued_by` in milliseconds.
    pub(crate) fn role(&mut self, name: &str, issued_by: i64, until: i64) {
        note(&mut self.roles, name, issued_by, until);
        self.latest = self.latest.max(Some(issued_by));
    }

    /// Whether a token says something of roles or permissions that changed since. One that says nothing is never
    /// concerned.
    pub(crate) fn concern(&self, token: &Body) -> bool {
        if token.roles.is_none() && token.permissions.is_none() {
            return false;
        }
        let issued_at = token.issued_at_millis();
        let is_over = |cuts: &Cuts, id: &str| cuts.get(id).is_some_and(|cut| issued_at <= cut.issued_by);
        // A list without everybody's role is not the whole of it. And what somebody may do in another's name depends on
        // their own roles, which the token does not tell.
        let is_whole = token.roles.iter().flatten().any(|role| role == EVERYBODYS) && token.actor.is_none();
        let unnamed = token.permissions.is_some() && !is_whole;
        is_over(&self.users, &token.subject)
            || token.actor.as_deref().is_some_and(|actor| is_over(&self.users, actor))
            || is_over(&self.roles, EVERYBODYS)
            || token.roles.iter().flatten().any(|role| is_over(&self.roles, role))
            || (unnamed && self.latest.is_some_and(|latest| issued_at <= latest))
    }

    pub(crate) fn len(&self) -> usize {
        self.users.len() + self.roles.len()
    }

    /// Forgets what concerns no token that lives at `now`, in seconds.
    pub(crate) fn tidy(&mut self, now: i64) {
        self.users.retain(|_, cut| cut.until > now);
        self.roles.retain(|_, cut| cut.until > now);
    }
}

/// The later instants count.
fn note(cuts: &mut Cuts, id: &str, issued_by: i64, until: i64) {
    let cut = cuts.entry(id.into()).or_insert(Cut { issued_by, until });
    cut.issued_by = issued_by.max(cut.issued_by);
    cut.until = until.max(cut.until);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(roles: Option<&[&str]>, permissions: Option<&[&str]>) -> Body {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (subject, issued_at) = ("alice".to_owned(), 10);
        Body { subject, issued_at, roles: roles.map(list), permissions: permissions.map(list), ..Body::default() }
    }

    fn changed(change: impl FnOnce(&mut RoleChanges)) -> RoleChanges {
        let mut changes = RoleChanges::default();
        change(&mut changes);
        changes
    }

    #[test]
    fn a_change_concerns_the_users_tokens_that_say_something_of_roles() {
        let alices = changed(|changes| changes.user("alice", 10_000, 900));
        let bobs = changed(|changes| changes.user("bob", 10_000, 900));
        for (token, is_concerned) in [
            (token(Some(&["clerk"]), None), true),
            (token(None, Some(&["orders:read"])), true),
            (token(Some(&[]), None), true),
            (token(None, Some(&[])), true),
            (token(None, None), false),
        ] {
            assert_eq!(alices.concern(&token), is_concerned);
            assert!(!bobs.concern(&token));
        }
        assert!(!alices.concern(&Body { issued_at: 11, ..token(Some(&["clerk"]), None) }), "a later token");
    }

    #[test]
    fn a_role_concerns_whoever_has_it_and_whoever_does_not_say() {
        let clerk = changed(|changes| changes.role("clerk", 10_000, 900));
        let everybodys = changed(|changes| changes.role("user", 10_000, 900));
        for (roles, permissions, by_clerk, by_everybodys) in [
            (Some(&["user", "clerk"][..]), Some(&["orders:read"][..]), true, true),
            (Some(&["user", "clerk"]), None, true, true),
            (Some(&["user", "guard"]), Some(&["orders:read"]), false, true),
            (Some(&["guard"]), None, false, true),
            (Some(&["guard"]), Some(&["orders:read"]), true, true),
            (Some(&[]), Some(&["orders:read"]), true, true),
            (None, Some(&["orders:read"]), true, true),
            (None, None, false, false),
        ] {
            let token = token(roles, permissions);
            assert_eq!(clerk.concern(&token), by_clerk, "{roles:?} {permissions:?}");
            assert_eq!(everybodys.concern(&token), by_everybodys, "{roles:?} {permissions:?}");
        }
    }

    #[test]
    fn who_acts_in_anothers_name_is_concerned_by_changes_of_their_own_roles() {
        let admins = Body { actor: Some("admin".into()), ..token(Some(&["clerk"]), Some(&["orders:read"])) };
        assert!(changed(|changes| changes.user("admin", 10_000, 900)).concern(&admins));
        assert!(changed(|changes| changes.role("support", 10_000, 900)).concern(&admins));
        assert!(!changed(|changes| changes.role("support", 9_999, 900)).concern(&admins));
        let names_only = Body { actor: Some("admin".into()), ..token(Some(&["clerk"]), None) };
        assert!(!changed(|changes| changes.role("support", 10_000, 900)).concern(&names_only));
    }

    #[test]
    fn what_concerns_no_living_token_is_forgotten_and_a_later_word_concerns_more() {
        let mut changes = RoleChanges::default();
        changes.user("alice", 10_000, 900);
        changes.user("alice", 5_000, 800);
        changes.role("clerk", 10_000, 900);
        changes.tidy(899);
        assert_eq!(changes.len(), 2);
        assert!(changes.concern(&token(Some(&[]), None)));
        changes.tidy(900);
        assert_eq!(changes.len(), 0);
    }
}
