//! Everything that is kept of an account, as one JSON document. The audit trail in it is as long as it is: it is written as
//! fast as the reader takes it.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use poem::http::StatusCode;
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, OpenApi};
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::ExportAccount;
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::{AuditId, UserId};
use portcullis_domain::origin::Origin as DomainOrigin;
use serde_json::{Value, json};

use crate::answer::{Refused, header as described};
use crate::body::JSON;
use crate::caller::{Calling, Staying, Takes};
use crate::origin::From as Origin;
use crate::path::PathWord;
use crate::problem::Problem;
use crate::schema::{Documented, instant, pointer, register, schema_ref};
use crate::state::State;

use super::Tag;
use super::audit_view::AuditView;
use super::refusals::Exporting;
use super::stream::{pages, saved_as, unending};

/// How many entries of the trail one look at the store reads.
const PAGE: u32 = 500;

/// The accounts, as they are written out.
pub(crate) struct UserExportApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Users")]
impl UserExportApi {
    /// Everything that is kept of an account
    ///
    /// For somebody who asks for it (GDPR article 15). It needs every permission that the account has. That it was read is
    /// recorded. An answer that breaks off without its proper end is not whole.
    #[oai(path = "/users/:id/export", method = "get", operation_id = "exportUser")]
    async fn export(
        &self,
        calling: Calling,
        origin: Origin,
        request: &Request,
        /// Which account.
        id: PathWord<UserId>,
    ) -> Result<AccountDocument, Refused<Exporting>> {
        Ok(write_out(&self.0, Staying::new(calling, request)?, id.0, origin.0).await?)
    }
}

/// Everything that is kept of an account.
pub(crate) struct AccountDocument(Body);

/// Writes out everything that is kept of an account; refusals come before the answer begins.
pub(crate) async fn write_out<K: Takes>(
    state: &Arc<State>,
    mut staying: Staying<K>,
    user: UserId,
    origin: DomainOrigin,
) -> Result<AccountDocument, Problem> {
    let (id, caller) = (staying.id(), staying.caller().await?.clone());
    let cmd = ExportAccount { caller: caller.clone(), user, origin };
    let export = state.app.accounts.export_account(cmd).await?;
    let mut head = serde_json::to_vec(&export).map_err(Problem::internal)?;
    // The object goes on with the trail.
    head.pop();
    head.extend_from_slice(b",\"audit\":[");

    let state = state.clone();
    let first = trail(&state, &caller, user, None).await?;
    let next = move |caller: Caller, before| {
        let state = state.clone();
        async move { trail(&state, &caller, user, Some(before)).await }
    };
    let mut is_first = true;
    let entries = pages(staying, first, next).and_then(move |page| {
        let text = joined(&page, &mut is_first);
        async { text.map_err(Problem::internal) }
    });
    let whole = stream::iter([Ok(head)]).chain(entries).chain(stream::iter([Ok(b"]}".to_vec())]));
    Ok(AccountDocument(unending(id, whole)))
}

type Place = (Timestamp, AuditId);

/// A page of the trail about an account, and the place of its last entry when there are more.
async fn trail(
    state: &State,
    caller: &Caller,
    user: UserId,
    before: Option<Place>,
) -> Result<(Vec<AuditEntry>, Option<Place>), Problem> {
    let (entries, more) = state.app.audit.about(caller, user, before, PAGE).await?;
    let next = entries.last().filter(|_| more).map(|entry| (entry.at, entry.id));
    Ok((entries, next))
}

/// Entries as the next items of an array.
fn joined(entries: &[AuditEntry], is_first: &mut bool) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    for entry in entries {
        if !std::mem::take(is_first) {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, entry)?;
    }
    Ok(text)
}

impl IntoResponse for AccountDocument {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::OK).content_type(JSON).body(self.0);
        saved_as(&mut response, "account.json");
        response
    }
}

impl ApiResponse for AccountDocument {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "Everything that is kept. An answer that breaks off is no JSON: it is not whole.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: JSON, schema: schema_ref::<Self>() }],
            headers: vec![described("Content-Disposition", "The name of a file.", true)],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        register::<Self>(registry);
    }
}

impl Documented for AccountDocument {
    const NAME: &'static str = "AccountExport";

    fn schema() -> Value {
        let object = |description: &str| json!({ "type": "object", "description": description });
        let all =
            |description: &str| json!({ "type": "array", "description": description, "items": { "type": "object" } });
        let mut account = object("The account.");
        account["required"] = json!(["id", "email", "created_at"]);
        account["properties"] = json!({
            "id": crate::schema::id("Who it is."),
            "email": { "type": "string", "description": "The e-mail address." },
            "created_at": instant("When it was opened."),
        });
        json!({
            "type": "object",
            "description": "Everything that is kept of an account: no secret, and no digest of one. Members may be added.",
            "required": ["account", "roles", "permissions", "sessions", "api_keys", "audit"],
            "properties": {
                "account": account,
                "roles": { "type": "array", "items": { "type": "string" }, "description": "Its roles by name." },
                "permissions": { "type": "array", "items": { "type": "string" }, "description": "What they allow." },
                "sessions": all("Its sessions, live ones and those that ended and are still kept, the newest first."),
                "api_keys": all("Its API keys, live ones and others, the newest first."),
                "audit": {
                    "type": "array", "items": pointer(AuditView::NAME),
                    "description": "The audit trail on or by it, the newest first. From where others acted is left out.",
                },
            },
        })
    }
}
