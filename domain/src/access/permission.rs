//! Permissions: what somebody may do to which kind of thing.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `resource:action`, for instance `users:read`. Each of the two is a word of 1 to 32 of `a-z 0-9 - _` that begins with a
/// letter, or `*` for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Permission {
    resource: String,
    action: String,
}

/// The text is not a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a permission is `resource:action`, each a word of 1 to 32 of a-z, 0-9, '-' and '_' that begins with a letter, or `*`"
)]
pub struct NotAPermission;

/// A word of a permission that stands for all words.
const ALL: &str = "*";

impl Permission {
    /// The most bytes of a permission.
    pub const MAX: usize = 65;

    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, NotAPermission> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        let word = |text: &str| {
            let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
            text == ALL || (begins && text.len() <= 32 && text.bytes().all(fine))
        };
        match text.split_once(':') {
            Some((resource, action)) if word(resource) && word(action) => {
                Ok(Self { resource: resource.to_owned(), action: action.to_owned() })
            }
            _ => Err(NotAPermission),
        }
    }

    /// Whether whoever has this one may do what `other` names; of `*` only `*` is a part.
    pub fn covers(&self, other: &Self) -> bool {
        (self.resource == ALL || self.resource == other.resource) && (self.action == ALL || self.action == other.action)
    }

    /// `*:*`.
    pub(super) fn everything() -> Self {
        Self { resource: ALL.to_owned(), action: ALL.to_owned() }
    }

    /// What can cover it, besides itself.
    fn covering(&self) -> [Self; 3] {
        let of = |resource: &str, action: &str| Self { resource: resource.to_owned(), action: action.to_owned() };
        [of(ALL, ALL), of(&self.resource, ALL), of(ALL, &self.action)]
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

impl FromStr for Permission {
    type Err = NotAPermission;

    fn from_str(text: &str) -> Result<Self, NotAPermission> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Permission {
    type Error = NotAPermission;

    fn try_from(text: String) -> Result<Self, NotAPermission> {
        Self::parse(&text)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

/// A set of permissions, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// The most permissions that come of resources that meet actions.
    const CROSSED_MAX: usize = 10_000;

    /// Everything: `*:*`.
    pub fn all() -> Self {
        Self::from_iter([Permission::everything()])
    }

    /// Reading, of everything: `*:read`.
    pub fn reading() -> Self {
        Self::from_iter([Permission { resource: ALL.to_owned(), action: "read".to_owned() }])
    }

    /// What any of these sets allow, in the fewest words.
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let all: BTreeSet<&Permission> = sets.into_iter().flat_map(Self::iter).collect();
        let is_covered = |one: &Permission| one.covering().iter().any(|wider| wider != one && all.contains(wider));
        all.iter().filter(|one| !is_covered(one)).map(|one| (*one).clone()).collect()
    }

    /// Whether it allows what `permission` names.
    pub fn allow(&self, permission: &Permission) -> bool {
        self.0.contains(permission) || permission.covering().iter().any(|wider| self.0.contains(wider))
    }

    /// Whether it allows everything that `others` allow, judged one by one.
    pub fn cover(&self, others: &Self) -> bool {
        others.0.iter().all(|other| self.allow(other))
    }

    /// What both allow. Sets in which very many resources and very many actions meet have less in common than that: so
    /// much work it is not worth.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let of_both = |a: &Self, b: &Self| a.0.iter().filter(|one| b.allow(one)).cloned().collect::<BTreeSet<_>>();
        let mut common = of_both(self, other);
        common.extend(of_both(other, self));
        common.extend(self.crossed(other).chain(other.crossed(self)).take(Self::CROSSED_MAX));
        Self(common)
    }

    /// What all actions of a resource have in common with an action on all resources.
    fn crossed(&self, other: &Self) -> impl Iterator<Item = Permission> {
        let resources = self.0.iter().filter(|one| one.resource != ALL && one.action == ALL);
        // In alphabetical order `*` comes first.
        let actions = || other.0.iter().take_while(|one| one.resource == ALL).filter(|one| one.action != ALL);
        resources.flat_map(move |one| {
            actions().map(|other| Permission { resource: one.resource.clone(), action: other.action.clone() })
        })
    }

    /// The same in fewer words: without those that another one covers.
    #[must_use]
    pub fn shortest(&self) -> Self {
        Self::union([self])
    }

    /// Adds what others allow.
    pub fn extend(&mut self, more: &Self) {
        self.0.extend(more.0.iter().cloned());
    }

    /// One by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Permission> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

/// What the service itself asks for. Roles may hold any other permission, for other services to ask about.
macro_rules! asked {
    ($($name:ident = $text:literal $about:literal;)*) => {
        /// A permission that a use case of this service asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Asked {
            $(#[doc = $about] $name,)*
        }

        impl Asked {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it allows.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }
    };
}

asked! {
    UsersRead = "users:read" "Look at accounts, search them, and list their roles and sessions.";
    UsersWrite = "users:write" "Open accounts, change, disable and enable them, end their sessions, and ask for a new password.";
    UsersDelete = "users:delete" "Delete accounts for good.";
    UsersExport = "users:export" "Read everything that is kept of an account.";
    RolesRead = "roles:read" "Look at roles and permissions.";
    RolesWrite = "roles:write" "Create, change and delete roles, as far as one has what they hold.";
    RolesGrant = "roles:grant" "Give roles to accounts and take them away, as far as one has what they hold.";
    ApiKeysRead = "api-keys:read" "Look at everybody's API keys; never their secrets.";
    ApiKeysWrite = "api-keys:write" "Create, change, rotate and revoke everybody's API keys.";
    ClientsRead = "clients:read" "Look at OAuth 2 clients.";
    ClientsWrite = "clients:write" "Create, rotate and delete OAuth 2 clients.";
    AuditRead = "audit:read" "Read the audit trail.";
    StatsRead = "stats:read" "Read how much of everything there is.";
    Impersonate = "users:impersonate" "Look at the service as another user sees it, changing nothing.";
    ImpersonateWrite = "users:impersonate-write" "Act as another user.";
}

impl From<Asked> for Permission {
    fn from(asked: Asked) -> Self {
        let (resource, action) = asked.as_str().split_once(':').unwrap_or_default();
        Self { resource: resource.to_owned(), action: action.to_owned() }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Permissions {
        texts.iter().map(|text| Permission::parse(text).expect("a permission")).collect()
    }

    #[test]
    fn a_permission_is_two_words() {
        for fine in
            ["users:read", "*:*", "users:*", "*:read", "api-keys:write_all", "a:b", &format!("{0}:{0}", "a".repeat(32))]
        {
            assert_eq!(Permission::parse(fine).map(String::from).as_deref(), Ok(fine));
        }
        let long = format!("{}:read", "a".repeat(33));
        for wrong in [
            "",
            ":",
            "users",
            "users:",
            ":read",
            "Users:read",
            "users:read:all",
            "us*:read",
            "users: read",
            "1a:b",
            "users:**",
            "users:réad",
            "users:read\n",
            &long,
        ] {
            assert_eq!(Permission::parse(wrong), Err(NotAPermission), "{wrong:?}");
        }
    }

    #[test]
    fn a_star_covers_every_word_and_no_word_covers_a_star() {
        assert!(of(&["*:*"]).cover(&of(&["users:read", "*:write", "*:*"])));
        assert!(of(&["users:*"]).cover(&of(&["users:read", "users:*"])));
        assert!(!of(&["users:*"]).cover(&of(&["*:read"])));
        assert!(!of(&["users:read"]).cover(&of(&["users:*"])));
        assert!(of(&[]).cover(&of(&[])) && !of(&[]).cover(&of(&["a:b"])));
    }

    #[test]
    fn what_two_sets_allow_in_common_is_no_more_than_either() {
        assert_eq!(of(&["users:*", "audit:read"]).common(&of(&["*:read"])), of(&["users:read", "audit:read"]));
        assert_eq!(of(&["*:*"]).common(&of(&["users:*"])), of(&["users:*"]));
        assert_eq!(of(&["users:read"]).common(&of(&["users:write"])), of(&[]));
        assert_eq!(of(&["users:*"]).common(&of(&["*:read", "*:write", "audit:*"])), of(&["users:read", "users:write"]));
        // All sets of these against each other: whatever one asks for, both allow it or what they have in common does not.
        let some = ["a:b", "a:c", "a:*", "*:b", "*:c", "*:*"];
        let set = |bits: usize| (0..some.len()).filter(move |bit| bits >> bit & 1 == 1).map(|bit| some[bit]);
        let sets: Vec<_> = (0..1 << some.len()).map(|bits| of(&set(bits).collect::<Vec<_>>())).collect();
        let asked = of(&["a:b", "a:c", "a:z", "d:b", "d:z", "z:b", "z:z", "a:*", "z:*", "*:b", "*:z", "*:*"]);
        for (a, b) in sets.iter().flat_map(|a| sets.iter().map(move |b| (a, b))) {
            let common = a.common(b);
            for one in asked.iter() {
                assert_eq!(common.allow(one), a.allow(one) && b.allow(one), "{one}: {a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn a109_sets_of_very_many_permissions_are_joined_and_cut_in_bounded_work() {
        let many = |of: &dyn Fn(usize) -> String| -> Vec<Permissions> {
            let role = |role: usize| (0..200).map(|one| of(role * 200 + one).parse().expect("a permission")).collect();
            (0..100).map(role).collect()
        };
        let resources = Permissions::union(&many(&|number| format!("r{number}:*")));
        let actions = Permissions::union(&many(&|number| format!("*:a{number}")));
        let exact = Permissions::union(&many(&|number| format!("r{number}:a{number}")));
        assert_eq!((resources.iter().len(), actions.iter().len(), exact.iter().len()), (20_000, 20_000, 20_000));
        assert_eq!(resources.common(&exact), exact);
        assert_eq!(exact.common(&actions), exact);
        assert!(resources.cover(&exact) && !exact.cover(&resources));
        // Four hundred million in common, of which some are left out: never is more allowed.
        let crossed = resources.common(&actions);
        assert_eq!(crossed.iter().len(), Permissions::CROSSED_MAX);
        assert!(resources.cover(&crossed) && actions.cover(&crossed));
        assert_eq!(Permissions::union([&resources, &Permissions::all(), &exact]), Permissions::all());
    }

    #[test]
    fn what_another_one_covers_is_left_out_and_nothing_is_lost() {
        let long = of(&["users:read", "users:*", "*:read", "audit:read", "audit:write"]);
        assert_eq!(long.shortest(), of(&["users:*", "*:read", "audit:write"]));
        assert!(long.shortest().cover(&long));
        assert_eq!(of(&["*:*", "a:b"]).shortest(), Permissions::all());
    }

    #[test]
    fn whatever_the_service_asks_for_is_a_permission() {
        for asked in Asked::ALL {
            assert_eq!(Permission::parse(asked.as_str()), Ok(Permission::from(*asked)));
        }
    }
}
