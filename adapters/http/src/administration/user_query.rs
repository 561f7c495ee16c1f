//! Which accounts are asked for, and in which order.

use std::borrow::Cow;

use poem_openapi::registry::MetaSchema;
use portcullis_domain::Timestamp;
use portcullis_domain::administration::{UserPlace, UserQuery, UserSort};
use portcullis_domain::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

use super::filter::{EmailBeginning, Filter, Instant, Kind, Role, Status, UsernameBeginning, choice, wrong};

/// The orders that there are: their names, and what they are.
const ORDERS: [(&str, Order); 6] = [
    ("created_at", Order { by: UserSort::CreatedAt, descending: false }),
    ("-created_at", Order { by: UserSort::CreatedAt, descending: true }),
    ("email", Order { by: UserSort::Email, descending: false }),
    ("-email", Order { by: UserSort::Email, descending: true }),
    ("username", Order { by: UserSort::Username, descending: false }),
    ("-username", Order { by: UserSort::Username, descending: true }),
];

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    by: UserSort,
    descending: bool,
}

impl Order {
    /// The newest first.
    const NEWEST: Self = Self { by: UserSort::CreatedAt, descending: true };
}

/// In which order.
pub(crate) struct Sort;

impl Kind for Sort {
    type Value = Order;

    fn schema() -> MetaSchema {
        choice(ORDERS.map(|(name, _)| name))
    }

    fn read(text: &str) -> Result<Order, Cow<'static, str>> {
        let order = ORDERS.iter().find(|(name, _)| *name == text).map(|(_, order)| *order);
        order.ok_or_else(|| {
            "it is one of `created_at`, `-created_at`, `email`, `-email`, `username` and `-username`".into()
        })
    }
}

/// The filters and the order, as they were given.
pub(crate) struct Wanted {
    pub(crate) email: Filter<EmailBeginning>,
    pub(crate) username: Filter<UsernameBeginning>,
    pub(crate) status: Filter<Status>,
    pub(crate) role: Filter<Role>,
    pub(crate) created_from: Filter<Instant>,
    pub(crate) created_until: Filter<Instant>,
    pub(crate) sort: Filter<Sort>,
}

impl Wanted {
    /// What is to be looked for; its first page begins at the beginning.
    pub(crate) fn query(self, limit: u32) -> Result<UserQuery, Problem> {
        let (email, username) = (self.email.0, self.username.0);
        let order = order(email.is_some(), username.is_some(), self.sort.0)?;
        Ok(UserQuery {
            email,
            username,
            status: self.status.0,
            role: self.role.0,
            created_from: self.created_from.0,
            created_until: self.created_until.0,
            sort: order.by,
            descending: order.descending,
            after: None,
            limit,
        })
    }
}

/// The order: what is searched by its beginning is sorted by it.
fn order(by_email: bool, by_username: bool, asked: Option<Order>) -> Result<Order, Problem> {
    let forced = match (by_email, by_username) {
        (true, true) => {
            return Err(wrong("username", "conflicting", "`email` is given too: search by one of them".into()));
        }
        (true, false) => UserSort::Email,
        (false, true) => UserSort::Username,
        (false, false) => return Ok(asked.unwrap_or(Order::NEWEST)),
    };
    match asked {
        None => Ok(Order { by: forced, descending: false }),
        Some(order) if order.by == forced => Ok(order),
        Some(_) => Err(wrong("sort", "conflicting", "what is searched by its beginning is sorted by it".into())),
    }
}

/// Everything by which two queries differ, but for the page: a cursor is good for one of them only.
pub(super) fn fingerprint(query: &UserQuery) -> String {
    let UserQuery { email, username, status, role, created_from, created_until, sort, descending, after: _, limit: _ } =
        query;
    format!("{email:?} {username:?} {status:?} {role:?} {created_from:?} {created_until:?} {sort:?} {descending}")
}

/// The place of an account in an order, as a cursor has it.
#[derive(Serialize, Deserialize)]
pub(super) enum Place {
    /// Unix microseconds.
    At(i64, UserId),
    Email(String),
    Username(String),
}

impl From<UserPlace> for Place {
    fn from(place: UserPlace) -> Self {
        match place {
            UserPlace::CreatedAt(at, id) => Self::At(at.as_unix_micros(), id),
            UserPlace::Email(key) => Self::Email(key),
            UserPlace::Username(key) => Self::Username(key),
        }
    }
}

impl From<Place> for UserPlace {
    fn from(place: Place) -> Self {
        match place {
            Place::At(at, id) => Self::CreatedAt(Timestamp::from_unix_micros(at), id),
            Place::Email(key) => Self::Email(key),
            Place::Username(key) => Self::Username(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a107_only_the_listed_orders_are_orders() {
        for (name, order) in ORDERS {
            assert_eq!(Sort::read(name), Ok(order));
        }
        let payloads =
            ["", "id", "password_hash", "+email", "email,username", "email;--", "(SELECT 1)", "-", "--email"];
        for payload in payloads {
            assert!(Sort::read(payload).is_err(), "{payload}");
        }
    }

    #[test]
    fn what_is_searched_by_its_beginning_is_sorted_by_it() {
        let of = |name: &str| ORDERS.iter().find(|(known, _)| *known == name).map(|(_, order)| *order);
        assert_eq!(order(false, false, None).ok(), of("-created_at"));
        assert_eq!(order(true, false, None).ok(), of("email"));
        assert_eq!(order(false, true, of("-username")).ok(), of("-username"));
        assert!(order(true, false, of("created_at")).is_err());
        assert!(order(true, true, None).is_err());
    }
}
