//! How many connections the system lets us have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the database, the broker, the log and the like may need besides the connections of clients.
const RESERVED: u64 = 128;

/// As many of the `wanted` connections as there can be open files (`RLIMIT_NOFILE`); the soft limit is raised as far as
/// that takes and the hard limit allows.
pub(crate) fn connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let mut current = limit.current;
    if current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }).is_ok() {
            current = Some(raised);
        }
    }
    let possible = fit(wanted, current);
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            "the limit of open files (RLIMIT_NOFILE) is too low for server.max_connections; raise it, for instance \
             with LimitNOFILE= or ulimit -n"
        );
    }
    possible
}

/// As many of the `wanted` connections as fit under a limit of open files.
fn fit(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    let left = limit.saturating_sub(RESERVED).max(limit / 2).max(1);
    usize::try_from(left).map_or(wanted, |left| left.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_for_everything_else() {
        assert_eq!(fit(10_000, None), 10_000);
        assert_eq!(fit(10_000, Some(20_000)), 10_000);
        assert_eq!(fit(10_000, Some(10_128)), 10_000);
        assert_eq!(fit(10_000, Some(10_127)), 9_999);
        assert_eq!(fit(10_000, Some(1_024)), 896);
        assert_eq!(fit(10_000, Some(64)), 32);
        assert_eq!(fit(10_000, Some(0)), 1);
        assert_eq!(fit(5, Some(1_024)), 5);
    }

    #[test]
    fn what_is_possible_is_never_more_than_what_is_wanted() {
        assert!((1..=100).contains(&connections(100)));
    }
}
