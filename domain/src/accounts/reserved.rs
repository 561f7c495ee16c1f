//! Names that nobody may take: they are routes, roles, mailboxes, hosts and files that a site may serve.

use std::sync::LazyLock;

/// One canonical name a line, in the order of their bytes; none shorter than a username may be.
///
/// Among them are the names of The Big Username Blocklist (MIT licence, copyright 2015-2021 Martin Sandström).
const RESERVED: &str = include_str!("reserved.txt");

static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| RESERVED.lines().collect());

/// Whether the canonical name is reserved.
pub(super) fn is_reserved(key: &str) -> bool {
    NAMES.binary_search(&key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Username;

    #[test]
    fn the_list_is_sorted_without_repetition() {
        assert!(NAMES.windows(2).all(|pair| pair[0] < pair[1]), "a binary search needs sorted names");
        assert!(NAMES.len() > 600);
    }

    #[test]
    fn every_reserved_name_is_the_canonical_form_of_a_username() {
        for name in NAMES.iter() {
            assert_eq!(Username::stored(name).map(|username| username.key().to_owned()).as_deref(), Ok(*name));
        }
    }
}
