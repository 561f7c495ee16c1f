//! The audit trail as it is shown.

use portcullis_domain::audit::{Action, AuditEntry, Refusal};
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{Documented, id, instant};

use super::user_view::page;

/// An entry of the trail.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct AuditView(pub(crate) AuditEntry);

impl Documented for AuditView {
    const NAME: &'static str = "AuditEntry";

    fn schema() -> Value {
        let actions: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        let outcomes: Vec<_> = ["success"].into_iter().chain(Refusal::ALL.iter().map(|why| why.as_str())).collect();
        let maybe = |description: &str, example: &str| json!({ "type": "string", "nullable": true, "description": description, "example": example });
        let one = |mut schema: Value| {
            schema["nullable"] = true.into();
            schema
        };
        json!({
            "type": "object",
            "description": "Who did what, on whom, from where, and how it ended. It is never changed; after an erasure address and user agent are gone.",
            "required": [
                "id", "at", "actor", "action", "outcome", "subject", "session", "impersonator", "ip", "user_agent",
                "request_id", "detail",
            ],
            "properties": {
                "id": id("Which entry."),
                "at": instant("When."),
                "actor": { "type": "string", "description": "Who: `user:<id>`, `api_key:<id>`, `client:<id>`, `operator`, `service` or `anonymous`.", "example": "operator" },
                "action": { "type": "string", "enum": actions, "description": "What." },
                "outcome": { "type": "string", "enum": outcomes, "description": "`success`, or why it was refused." },
                "subject": one(id("On which account.")),
                "session": one(id("In or on which session.")),
                "impersonator": one(id("Who acted in the name of the actor, when it was somebody else.")),
                "ip": maybe("From where.", "203.0.113.7"),
                "user_agent": maybe("What the client called itself.", "Mozilla/5.0"),
                "request_id": maybe("In which request.", "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001"),
                "detail": maybe("More, in a few words.", "admin"),
            },
        })
    }
}

/// A page of the trail.
#[derive(Serialize)]
pub(crate) struct AuditPage {
    pub(crate) items: Vec<AuditView>,
    pub(crate) next_cursor: Option<String>,
}

impl Documented for AuditPage {
    const NAME: &'static str = "AuditPage";

    fn schema() -> Value {
        page("A page of the audit trail, the newest first.", AuditView::NAME)
    }
}
