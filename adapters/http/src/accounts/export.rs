//! Everything that is kept of an account, as one JSON document: written as fast as the reader takes it, for the audit
//! trail may be long.

use std::io;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt, stream};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AccountExport, ExportAccount};
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::{AuditId, UserId};
use portcullis_domain::origin::Origin;
use serde_json::{Value, json};

use crate::administration::AuditView;
use crate::answer::header as described;
use crate::body::JSON;
use crate::door::RequestId;
use crate::problem::Problem;
use crate::schema::{Documented, id, instant, pointer, register, schema_ref};
use crate::state::State;

/// How many entries of the trail are read at once.
const PAGE: u32 = 500;
/// How a browser saves it.
const ATTACHMENT: HeaderValue = HeaderValue::from_static("attachment; filename=\"account.json\"");

/// `200` with everything that is kept of an account.
pub(crate) struct Exported(Body);

/// Reads all of it but the trail, which follows while the answer is under way. When something fails then, the answer
/// breaks off without its proper end, so that no reader takes a part for the whole.
pub(crate) async fn export(
    state: &Arc<State>,
    request: RequestId,
    caller: Caller,
    user: UserId,
    origin: Origin,
) -> Result<Exported, Problem> {
    let cmd = ExportAccount { caller: caller.clone(), user, origin };
    let head = state.app.accounts.export_account(cmd).await?;
    let text = document(state.clone(), caller, user, opened(&head)?).map_err(move |problem| {
        let cause = problem.cause().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(id = request.as_str(), code = problem.code.slug(), cause, "an export broke off");
        io::Error::other("the answer broke off")
    });
    Ok(Exported(Body::from_bytes_stream(text)))
}

/// The document up to the first entry of its last member.
fn opened(head: &AccountExport) -> Result<Vec<u8>, Problem> {
    let mut text = serde_json::to_vec(head).map_err(Problem::internal)?;
    if text.pop() != Some(b'}') {
        return Err(Problem::internal("an export is an object"));
    }
    text.extend_from_slice(b",\"audit\":[");
    Ok(text)
}

/// What comes next of the document.
enum Next {
    Head(Vec<u8>),
    /// The entries before this one; `None` for the newest.
    Trail(Option<(Timestamp, AuditId)>),
    Nothing,
}

fn document(
    state: Arc<State>,
    caller: Caller,
    user: UserId,
    head: Vec<u8>,
) -> impl Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static {
    stream::try_unfold((Next::Head(head), state, caller), async move |(next, state, caller)| {
        let (text, next) = match next {
            Next::Head(head) => (head, Next::Trail(None)),
            Next::Trail(before) => {
                let (entries, more) = state.app.audit.about(&caller, user, before, PAGE).await?;
                let last = entries.last().filter(|_| more).map(|entry| (entry.at, entry.id));
                let mut text = written(entries, before.is_some())?;
                if last.is_none() {
                    text.extend_from_slice(b"]}\n");
                }
                (text, last.map_or(Next::Nothing, |last| Next::Trail(Some(last))))
            }
            Next::Nothing => return Ok(None),
        };
        Ok(Some((text, (next, state, caller))))
    })
}

/// Entries with commas between them, and one before the first if others went before.
fn written(entries: Vec<AuditEntry>, others_before: bool) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    let mut comma = others_before;
    for entry in entries {
        if comma {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &AuditView(entry)).map_err(Problem::internal)?;
        comma = true;
    }
    Ok(text)
}

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        let response = Response::builder().status(StatusCode::OK).content_type(JSON);
        response.header(header::CONTENT_DISPOSITION, ATTACHMENT).body(self.0)
    }
}

/// The document of an account.
struct ExportView;

impl Documented for ExportView {
    const NAME: &'static str = "AccountExport";

    fn schema() -> Value {
        let text = |description: &str| json!({ "type": "string", "description": description });
        let number = |description: &str| json!({ "type": "integer", "format": "int64", "minimum": 0, "description": description });
        let flag = |description: &str| json!({ "type": "boolean", "description": description });
        let texts = |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
        let maybe = |mut schema: Value| {
            schema["nullable"] = true.into();
            schema
        };
        let account = object("The account.", json!({
            "id": id("Who it is, for ever."),
            "username": maybe(text("A second name to log in with.")),
            "email": text("The e-mail address."),
            "email_verified": flag("Whether the owner has proved to read it."),
            "status": text("Whether it may be used."),
            "status_reason": maybe(text("Why not, in the words of whoever disabled it.")),
            "has_password": flag("Whether there is a password; it is not told, nor is its hash."),
            "must_change_password": flag("Whether it has to be changed at the next login."),
            "created_at": instant("When it was opened."),
            "updated_at": instant("When it last changed."),
            "version": number("How often it has changed."),
        }));
        let session = object("A session, live or over.", json!({
            "id": id("Which session."),
            "client_id": text("The client that signed in."),
            "scope": text("What its tokens allow."),
            "authenticated_at": instant("When the owner proved who they are."),
            "created_at": instant("When it began."),
            "last_seen_at": instant("When it was last refreshed."),
            "idle_expires_at": instant("When it ends unless it is refreshed before."),
            "expires_at": instant("When it ends in any case."),
            "revoked_at": maybe(instant("When it was ended before its time.")),
            "revocation_reason": maybe(text("Why.")),
            "ip": maybe(text("Where the sign-in came from.")),
            "user_agent": maybe(text("What the client called itself.")),
            "impersonated_by": maybe(id("Who acted as the user in it, when it was somebody else.")),
            "refreshes": number("How often it was refreshed."),
        }));
        let key = object("An API key, live or not; never its secret.", json!({
            "id": id("Which key."),
            "name": text("What it is called."),
            "permissions": texts("What it may do."),
            "roles": texts("The roles whose permissions it has besides."),
            "networks": texts("The networks that it may be used from."),
            "quota_burst": maybe(number("How often it may be used at once.")),
            "quota_period_ms": maybe(number("In how many milliseconds as often again.")),
            "created_at": instant("When it was created."),
            "updated_at": instant("When it last changed."),
            "expires_at": maybe(instant("When it ends by itself.")),
            "revoked_at": maybe(instant("Since when it is revoked.")),
            "uses": number("How often it was used."),
            "last_used_at": maybe(instant("When it was last used.")),
            "version": number("How often it has changed."),
        }));
        let list = |items: Value| json!({ "type": "array", "items": items });
        object("Everything that is kept of an account.", json!({
            "account": account,
            "roles": texts("Its roles, by name."),
            "permissions": texts("What they allow."),
            "sessions": list(session),
            "api_keys": list(key),
            "audit": list(pointer(AuditView::NAME)),
        }))
    }
}

/// An object all of whose members are there.
fn object(description: &str, properties: Value) -> Value {
    let names: Vec<String> = properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({ "type": "object", "description": description, "required": names, "properties": properties })
}

impl ApiResponse for Exported {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON, schema: schema_ref::<ExportView>() }];
        let response = MetaResponse {
            description: "Everything that is kept. An answer that breaks off without its proper end is not whole.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![described("Content-Disposition", "The name of a file.", true)],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        register::<ExportView>(registry);
    }
}

/// The schema of the document.
pub(super) fn schema() -> (String, Value) {
    crate::openapi::named::<ExportView>()
}
