//! The search for accounts.

use std::cmp::Ordering;

use portcullis_domain::accounts::User;
use portcullis_domain::administration::{UserPlace, UserQuery};

use crate::view::View;

fn begins(name: &str, prefix: Option<&String>) -> bool {
    prefix.is_none_or(|prefix| name.starts_with(prefix.as_str()))
}

fn matches(view: &View<'_>, query: &UserQuery, user: &User) -> bool {
    let username = user.username.as_ref().map(|name| name.key());
    begins(user.email.key(), query.email.as_ref())
        && (query.username.is_none() || username.is_some_and(|name| begins(name, query.username.as_ref())))
        && query.status.is_none_or(|status| user.status == status)
        && query.role.as_ref().is_none_or(|role| view.granted(user.id).any(|granted| granted == role))
        && query.created_from.is_none_or(|from| user.created_at >= from)
        && query.created_until.is_none_or(|until| user.created_at < until)
}

/// How two places of one order stand to each other; `None` for places of two orders.
fn compared(a: &UserPlace, b: &UserPlace) -> Option<Ordering> {
    match (a, b) {
        (UserPlace::CreatedAt(at, id), UserPlace::CreatedAt(other_at, other_id)) => {
            Some((at, id).cmp(&(other_at, other_id)))
        }
        (UserPlace::Email(a), UserPlace::Email(b)) | (UserPlace::Username(a), UserPlace::Username(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// The accounts that match, in the order asked for.
pub(crate) fn found(view: &View<'_>, query: &UserQuery) -> Vec<User> {
    let directed = |order: Ordering| if query.descending { order.reverse() } else { order };
    let behind = |place: &UserPlace| match &query.after {
        Some(after) => compared(place, after).map(directed) == Some(Ordering::Greater),
        None => true,
    };
    let matching = view.users().filter(|user| matches(view, query, user));
    let placed = matching.filter_map(|user| Some((UserPlace::of(user, query.sort)?, user)));
    let mut found: Vec<_> = placed.filter(|(place, _)| behind(place)).collect();
    // All places are of one order.
    found.sort_unstable_by(|(a, _), (b, _)| directed(compared(a, b).unwrap_or(Ordering::Equal)));
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    found.into_iter().take(limit).map(|(_, user)| user.clone()).collect()
}
