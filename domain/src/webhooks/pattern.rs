//! Which events a webhook may ask for.

use std::sync::LazyLock;

use crate::event::{Event, EventSchema};

/// The names of all events that are published.
pub static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| Event::schemas().iter().map(EventSchema::name).map(str::to_owned).collect());

/// No event is ever called so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no event {0:?}: give the name of an event, or `family.*`, or nothing for all events")]
pub struct NotAnEvent(pub String);

/// The patterns in the order of their first mention, each once. A pattern is the name of an event, or `family.*`.
pub(super) fn check(patterns: Vec<String>) -> Result<Vec<String>, NotAnEvent> {
    let mut checked: Vec<String> = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let known = match pattern.strip_suffix(".*") {
            Some(family) => NAMES.iter().any(|name| name.split('.').next() == Some(family)),
            None => NAMES.contains(&pattern),
        };
        if !known {
            return Err(NotAnEvent(pattern));
        }
        if !checked.contains(&pattern) {
            checked.push(pattern);
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_that_is_published_can_be_asked_for() {
        let published: Vec<_> = Event::examples().iter().map(|delivery| delivery.event.name().to_owned()).collect();
        assert_eq!(*NAMES, published);
        assert_eq!(check(published.clone()), Ok(published));
    }

    #[test]
    fn names_and_families_are_patterns_and_nothing_else_is() {
        let fine = ["user.registered", "user.*", "session.reuse_detected", "user.registered"].map(str::to_owned);
        assert_eq!(check(fine.to_vec()).expect("known names"), &fine[..3], "each is kept once");
        assert_eq!(check(Vec::new()), Ok(Vec::new()), "none is all");
        for wrong in
            ["", "*", ".*", "user", "user.", "user.*.*", "us.*", "User.*", "user.registred", "user.registered.v1"]
        {
            assert_eq!(check(vec![wrong.to_owned()]), Err(NotAnEvent(wrong.to_owned())));
        }
    }
}
