//! Names that nobody may take: they are routes, roles and mailboxes.

/// Sorted, one canonical name a line.
const RESERVED: &str = include_str!("reserved.txt");

/// Whether the canonical name is reserved.
pub(super) fn is_reserved(key: &str) -> bool {
    RESERVED.lines().any(|name| name == key)
}
