//! What the issuer says was revoked.

use std::borrow::Cow;

use serde::Deserialize;

use crate::instant::any_rfc3339;
use crate::revocations::FeedSink;

/// Longer cursors and fingerprints are refused: each cursor is sent back in a URL.
const LONGEST: usize = 1024;

/// Members that are added later are passed over.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
    next_cursor: String,
    keys: String,
    #[serde(borrow)]
    complete_until: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    until: Cow<'a, str>,
}

/// What is left of an answer once its revocations hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bulletin {
    pub(crate) next_cursor: String,
    /// Changes whenever the published keys do.
    pub(crate) keys: String,
    /// Up to when the issuer knew all, in seconds since 1970, by its clock.
    pub(crate) complete_until: i64,
}

/// Reads an answer, and lets what it revokes hold from here on. `None`, and nothing is done, when it is no such answer.
pub(crate) fn take_in(json: &[u8], sink: &FeedSink) -> Option<Bulletin> {
    let written: Written<'_> = serde_json::from_slice(json).ok()?;
    let complete_until = any_rfc3339(&written.complete_until)?;
    if written.next_cursor.is_empty() || written.next_cursor.len() > LONGEST || written.keys.len() > LONGEST {
        return None;
    }
    for Item { kind, id, until } in &written.items {
        // `until` may have a fraction; one that cannot be read is as late as any token can live.
        let until = any_rfc3339(until).map_or(i64::MAX, |until| until.saturating_add(1));
        match &**kind {
            "grant" => sink.revoke_grant(id, until),
            "client" => sink.revoke_client(id, until),
            "key" => sink.withdraw_key(id),
            // The issuer's promise: who does not know a kind may ignore it.
            _ => tracing::debug!(%kind, "something is revoked that has no meaning here"),
        }
    }
    Some(Bulletin { next_cursor: written.next_cursor, keys: written.keys, complete_until })
}
