//! Looking for API keys.

use std::sync::LazyLock;

use portcullis_domain::access::KeyQuery;
use sea_orm::{DbBackend, Iterable, Statement};

use crate::draft::Draft;
use crate::entity::{api_key, names};

/// A key's columns and its roles, separated by commas: no name has one.
static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let own = names(api_key::Column::iter()).replace(", ", ", api_keys.");
    format!("api_keys.{own}, (SELECT string_agg(role, ',') FROM api_key_roles WHERE key_id = api_keys.id) AS key_roles")
});

/// A key.
pub(crate) static BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM api_keys WHERE id = $1", *COLUMNS));

/// A key with what its owner is and has: what every use of a key asks.
pub(crate) static IN_USE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, users.status AS owner_status, \
         (SELECT string_agg(role, ',') FROM user_roles WHERE user_id = api_keys.owner) AS owner_roles \
         FROM api_keys JOIN users ON users.id = api_keys.owner WHERE api_keys.id = $1",
        *COLUMNS
    )
});

/// The keys that match, the newest first.
pub(crate) fn statement(backend: DbBackend, query: &KeyQuery) -> Statement {
    let mut draft = Draft::default();
    if let Some(owner) = query.owner {
        draft.term("owner =", *owner.as_uuid());
    }
    if let Some(after) = query.after {
        draft.term("id <", *after.as_uuid());
    }
    if let Some(now) = query.live_at {
        let now = draft.place(now.as_unix_micros());
        draft.words(format!("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {now})"));
    }
    let limit = draft.place(i64::from(query.limit));
    let condition = draft.condition(&[]);
    draft.statement(backend, format!("SELECT {} FROM api_keys {condition}ORDER BY id DESC LIMIT {limit}", *COLUMNS))
}
