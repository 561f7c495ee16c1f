//! What verifiers elsewhere must stop to trust, told to those that have no broker: a long poll.
//!
//! A poll that waits holds a connection and nothing else.

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::make;
use poem::http::Method;
use poem::{Request, Response};
use portcullis_domain::ports::tokens::PublishedKeys;
use portcullis_domain::sessions::{Cursor, Withdrawal, Withdrawn};
use portcullis_domain::tokens::Bulletin;
use portcullis_domain::{Failure, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::body::JSON;
use crate::documents::digest_of;
use crate::health::Health;
use crate::limits;
use crate::oauth::{CLIENT_SCHEME, authenticate};
use crate::openapi::{answered, faults, refused};
use crate::page::{invalid, parameter};
use crate::places::Places;
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::schema::instant;
use crate::state::{State, Visit};

/// The path of the feed.
const REVOCATIONS: &str = "/api/v1/revocations";

/// The longest wait: shorter than proxies and the limit on requests allow.
const LONGEST: Duration = Duration::from_secs(25);
/// What a request needs besides its wait.
const RESERVE: Duration = Duration::from_secs(2);
/// Revocations come in flocks: so long after the first one they are told together.
const GATHERING: Duration = Duration::from_millis(50);
/// How often a poll that waits looks whether there are other keys, and whether this replica still knows what it must.
const LOOK: Duration = Duration::from_secs(5);

/// Adds the feed.
pub(crate) fn add_routes(routes: &mut Routes, state: &Arc<State>, health: &Arc<Health>) {
    let (state, health, places) = (state.clone(), health.clone(), Places::default());
    let feed = make(move |request| answer(state.clone(), health.clone(), places.clone(), request));
    routes.add_asked(Method::GET, REVOCATIONS, &["cursor", "wait"], feed);
}

async fn answer(state: Arc<State>, health: Arc<Health>, places: Places, request: Request) -> Result<Response, Problem> {
    let client = authenticate(&request, None).await?;
    limits::count_poll(Visit::of(&request)?, client.id()).await?;
    let cursor = parameter(&request, "cursor")?.map(read_cursor).transpose()?;
    let wait = parameter(&request, "wait")?.map_or(Ok(LONGEST), read_wait)?;
    drop(request);
    let bulletin = match cursor {
        None => state.app.tokens.withdrawals(None)?,
        Some(cursor) => {
            let place = places.take(client.id());
            // Where there is no place to wait, the answer is at once what there is.
            let wait = if place.is_some() { bounded(wait, state.settings.request_timeout) } else { Duration::ZERO };
            news(&state, &health, cursor, wait).await?
        }
    };
    let page = Page::new(bulletin, &state.app.tokens.published_keys());
    let body = serde_json::to_vec(&page).map_err(Problem::internal)?;
    Ok(Response::builder().content_type(JSON).body(body))
}

/// What came after `cursor`: at once when there is some, else when there is some, else at the end of the wait. A service
/// that drains answers at once.
async fn news(state: &State, health: &Health, cursor: Cursor, wait: Duration) -> Result<Bulletin, Failure> {
    let tokens = &state.app.tokens;
    if wait.is_zero() {
        return tokens.withdrawals(Some(cursor));
    }
    let keys = tokens.published_keys();
    let over = async {
        tokio::select! {
            () = health.drained() => {}
            () = sleep(wait) => {}
        }
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            biased;
            told = tokens.more_withdrawals(cursor) => {
                told?;
                tokio::select! {
                    () = &mut over => {}
                    () = sleep(GATHERING) => {}
                }
                return tokens.withdrawals(Some(cursor));
            }
            () = &mut over => return tokens.withdrawals(Some(cursor)),
            () = sleep(LOOK) => {
                let bulletin = tokens.withdrawals(Some(cursor))?;
                if tokens.published_keys() != keys {
                    return Ok(bulletin);
                }
            }
        }
    }
}

/// The wait, but shorter than a request may take.
fn bounded(wait: Duration, request_timeout: Duration) -> Duration {
    wait.min(request_timeout - RESERVE.min(request_timeout / 2))
}

fn read_cursor(text: &str) -> Result<Cursor, Problem> {
    text.parse().map_err(|_| invalid("cursor", "malformed", "a cursor is the `next_cursor` of an answer before"))
}

fn read_wait(text: &str) -> Result<Duration, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse().map(Duration::from_secs) {
        Ok(wait) if digits && wait <= LONGEST => Ok(wait),
        _ => Err(invalid("wait", "out-of-range", "a wait is a number of seconds from 0 to 25")),
    }
}

/// An answer.
#[derive(Serialize)]
struct Page {
    items: Vec<Item>,
    next_cursor: String,
    keys: String,
    complete_until: Timestamp,
}

#[derive(Serialize)]
struct Item {
    kind: &'static str,
    id: String,
    revoked_at: Timestamp,
    until: Timestamp,
}

impl Page {
    fn new(bulletin: Bulletin, keys: &PublishedKeys) -> Self {
        Self {
            items: bulletin.items.into_iter().map(Item::from).collect(),
            next_cursor: bulletin.cursor.to_string(),
            keys: digest_of(format!("{}\n{}", keys.jwks, keys.paserk).as_bytes()),
            complete_until: bulletin.complete_until,
        }
    }
}

impl From<Withdrawal> for Item {
    fn from(Withdrawal { what, at: revoked_at, until }: Withdrawal) -> Self {
        let (kind, id) = match what {
            Withdrawn::Grant(grant) => ("grant", grant.to_string()),
            Withdrawn::Client(id) => ("client", id),
            Withdrawn::Key(kid) => ("key", kid),
        };
        Self { kind, id, revoked_at, until }
    }
}

/// The operation in the OpenAPI document.
pub(crate) fn paths() -> Value {
    let mut responses = faults();
    responses["200"] = answered("What there is to tell.", "RevocationPage");
    responses["400"] = refused(&[Code::MalformedRequest, Code::InvalidParameter]);
    responses["401"] = refused(&[Code::InvalidClient]);
    responses["503"] = refused(&[Code::Unavailable, Code::Timeout]);
    let cursor = json!({
        "name": "cursor", "in": "query", "schema": { "type": "string", "minLength": 1, "maxLength": 80 },
        "description": "The `next_cursor` of the answer before, of whichever replica. Without it everything that still matters is told, at once.",
    });
    let wait = json!({
        "name": "wait", "in": "query",
        "schema": { "type": "integer", "format": "int32", "minimum": 0, "maximum": LONGEST.as_secs(), "default": LONGEST.as_secs() },
        "description": "With a cursor: for how many seconds to wait for news.",
    });
    json!({ REVOCATIONS: { "get": {
        "tags": ["Metadata"],
        "operationId": "revocations",
        "summary": "What verifiers must stop to trust",
        "description": "A long poll for services that verify tokens by themselves: it answers when there is news, at the end of the wait, and at once when the service stops. \
                        The same thing may be told twice. 503 `unavailable`: this replica does not know itself; ask again, and trust what is known only as long as your own bound allows.",
        "security": [{ CLIENT_SCHEME: [] }],
        "parameters": [cursor, wait],
        "responses": responses,
    } } })
}

/// The schemas of this operation.
pub(crate) fn schemas() -> Value {
    json!({
        "RevocationPage": {
            "type": "object",
            "description": "What verifiers must stop to trust, the oldest first.",
            "required": ["items", "next_cursor", "keys", "complete_until"],
            "properties": {
                "items": { "type": "array", "items": {
                    "type": "object",
                    "required": ["kind", "id", "revoked_at", "until"],
                    "properties": {
                        "kind": {
                            "type": "string", "enum": ["grant", "client", "key"],
                            "description": "`grant`: the tokens with this `sid` or `jti`. `client`: the tokens with this `client_id` and no `sid`. `key`: the tokens signed with the key of this `kid`. New kinds may come; ignore what you do not know.",
                        },
                        "id": { "type": "string", "description": "Which one." },
                        "revoked_at": instant("Since when."),
                        "until": instant("When it may be forgotten: its last token has expired."),
                    },
                } },
                "next_cursor": { "type": "string", "description": "Where to go on from." },
                "keys": { "type": "string", "description": "The published keys, as a fingerprint: when it changes, fetch them." },
                "complete_until": instant("Everything that was revoked before is in this answer or in one before."),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_shorter_than_a_request_may_take() {
        let seconds = Duration::from_secs;
        assert_eq!(bounded(seconds(25), seconds(30)), seconds(25));
        assert_eq!(bounded(seconds(25), seconds(10)), seconds(8));
        assert_eq!(bounded(seconds(25), seconds(1)), Duration::from_millis(500));
        assert_eq!(bounded(seconds(3), seconds(10)), seconds(3));
    }

    #[test]
    fn a_wait_is_a_number_from_0_to_25() {
        assert_eq!(read_wait("0").expect("fine"), Duration::ZERO);
        assert_eq!(read_wait("25").expect("fine"), LONGEST);
        for wrong in ["", "-1", "+1", "26", "1.5", "x", "99999999999999999999", "1%20"] {
            assert!(read_wait(wrong).is_err(), "{wrong}");
        }
    }
}
