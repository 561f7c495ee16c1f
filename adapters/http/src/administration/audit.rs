//! `/api/v1/audit`: who did what.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{Action, AuditEntry, AuditQuery};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::AuditId;

use crate::answer::{Found, Refused};
use crate::caller::{Calling, Staying};
use crate::origin::From as Origin;
use crate::page::{Cursor, Limit, List};
use crate::problem::Problem;
use crate::state::State;

use super::Tag;
use super::audit_view::{AuditPage, AuditView};
use super::filter::{Account, ByActor, Filter, Instant, OfAction};
use super::refusals::Listing;
use super::stream::{Lines, pages};

/// How many entries one look at the store reads for an export.
const EXPORT_PAGE: u32 = 1_000;

/// The audit trail.
pub(crate) struct AuditApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Audit")]
impl AuditApi {
    /// Search the audit trail
    ///
    /// The newest first.
    #[oai(path = "/audit", method = "get", operation_id = "listAudit")]
    #[expect(clippy::too_many_arguments, reason = "one argument a parameter")]
    async fn list(
        &self,
        calling: Calling,
        /// Who acted: `user:<id>`, `api_key:<id>`, `client:<id>`, `operator`, `service` or `anonymous`.
        actor: Filter<ByActor>,
        /// On which account.
        subject: Filter<Account>,
        /// On or by which account.
        about: Filter<Account>,
        /// What was done.
        action: Filter<OfAction>,
        /// At this instant or later.
        from: Filter<Instant>,
        /// Before this instant.
        until: Filter<Instant>,
        /// At most so many items.
        limit: Limit,
        /// The `next_cursor` of the page before; it is good for the same search only.
        cursor: Cursor,
    ) -> Result<Found<AuditPage>, Refused<Listing>> {
        let mut query = AuditQuery {
            actor: actor.0,
            subject: subject.0,
            about: about.0,
            action: action.0,
            from: from.0,
            until: until.0,
            limit: limit.0,
            ..AuditQuery::default()
        };
        let list = List::new("audit", &*self.0.settings.mac).of(fingerprint(&query));
        query.before = cursor.read::<(i64, AuditId)>(&list)?.map(|(at, id)| (Timestamp::from_unix_micros(at), id));
        let (entries, next) = looked_up(&self.0, &calling.caller, &query).await?;
        let next_cursor = next.map(|(at, id)| list.cursor(&(at.as_unix_micros(), id))).transpose()?;
        Ok(Found(AuditPage { items: entries, next_cursor }))
    }

    /// Write the audit trail out
    ///
    /// All that matches, the newest first, one JSON document a line, as long as it takes: the next are looked up when the
    /// reader has taken those before. An answer that breaks off without its proper end is not whole.
    #[oai(path = "/audit/export", method = "get", operation_id = "exportAudit")]
    #[expect(clippy::too_many_arguments, reason = "one argument a parameter")]
    async fn export(
        &self,
        calling: Calling,
        origin: Origin,
        request: &Request,
        /// Who acted, as in a search.
        actor: Filter<ByActor>,
        /// On which account.
        subject: Filter<Account>,
        /// On or by which account.
        about: Filter<Account>,
        /// What was done.
        action: Filter<OfAction>,
        /// At this instant or later.
        from: Filter<Instant>,
        /// Before this instant.
        until: Filter<Instant>,
    ) -> Result<Lines<AuditView>, Refused<Listing>> {
        let query = AuditQuery {
            actor: actor.0,
            subject: subject.0,
            about: about.0,
            action: action.0,
            from: from.0,
            until: until.0,
            limit: EXPORT_PAGE,
            ..AuditQuery::default()
        };
        let (state, caller) = (self.0.clone(), calling.caller.clone());
        let staying = Staying::new(calling, request)?;
        let first = looked_up(&state, &caller, &query).await?;
        state.app.audit.record(caller.actor(), Action::Export, "audit", &origin.0).await?;
        let next = move |caller: Caller, before: (Timestamp, AuditId)| {
            let state = state.clone();
            let query = AuditQuery { before: Some(before), ..query.clone() };
            async move { looked_up(&state, &caller, &query).await }
        };
        Ok(Lines::of(staying.id(), pages(staying, first, next)).saved_as("audit.jsonl"))
    }
}

/// A page, and the place of its last entry when there are more.
async fn looked_up(
    state: &State,
    caller: &Caller,
    query: &AuditQuery,
) -> Result<(Vec<AuditView>, Option<(Timestamp, AuditId)>), Problem> {
    let (entries, more) = state.app.audit.search(caller, query).await?;
    let place = |entry: &AuditEntry| (entry.at, entry.id);
    let next = entries.last().filter(|_| more).map(place);
    Ok((entries.into_iter().map(AuditView).collect(), next))
}

/// Everything by which two searches differ, but for the page: a cursor is good for one of them only.
fn fingerprint(query: &AuditQuery) -> String {
    let AuditQuery { actor, subject, about, action, from, until, keys: _, before: _, limit: _ } = query;
    format!("{actor:?} {subject:?} {about:?} {action:?} {from:?} {until:?}")
}
