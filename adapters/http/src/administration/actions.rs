//! `/api/v1/users/actions`: one act on many accounts.

use std::sync::Arc;
use std::vec::IntoIter;

use futures_util::stream;
use poem::Request;
use poem_openapi::OpenApi;
use portcullis_domain::access::Asked;
use portcullis_domain::administration::{Administration, AdministrationError, Manage};
use portcullis_domain::ids::UserId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Refused;
use crate::body::{Body, Fields};
use crate::caller::{Calling, Either, Staying};
use crate::origin::From as Origin;
use crate::problem::{Code, Problem, Reason};
use crate::schema::{Documented, id};
use crate::state::State;

use super::Tag;
use super::refusals::Acting;
use super::stream::Lines;
use super::user_forms::{ActionsForm, IDS_MAX, read_reason};
use super::users::unread;

/// Acts on many accounts.
pub(crate) struct ActionsApi(pub(crate) Arc<State>);

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Users")]
impl ActionsApi {
    /// Do one thing to many accounts
    ///
    /// `delete` needs the permission `users:delete` besides, which is asked for at the beginning and for each account.
    ///
    /// Each is dealt with by itself, in the order given, exactly as by the operation of its own; as each is done there is a
    /// line. When the service fails midway the answer breaks off without its proper end, and when nobody reads on no more
    /// is done: what has no line may or may not have been done, and can be asked for again.
    #[oai(path = "/users/actions", method = "post", operation_id = "actOnUsers")]
    async fn act(
        &self,
        calling: Calling,
        origin: Origin,
        request: &Request,
        body: Body<ActionsForm>,
    ) -> Result<Lines<Acted>, Refused<Acting>> {
        let (act, ids) = read(body.fields)?;
        if act == Act::Delete {
            calling.caller.require(Asked::UsersDelete)?;
        }
        let staying = Staying::new(calling, request)?;
        let (id, state, origin) = (staying.id(), self.0.clone(), origin.0);
        let deal = move |(mut staying, mut ids): (Staying<Either>, IntoIter<UserId>)| {
            let (state, act, origin) = (state.clone(), act.clone(), origin.clone());
            async move {
                let Some(user) = ids.next() else { return Ok(None) };
                let cmd = Manage { caller: staying.caller().await?.clone(), user, origin };
                let acted = told(user, act.on(&state.app.administration, cmd).await)?;
                Ok(Some((vec![acted], (staying, ids))))
            }
        };
        Ok(Lines::of(id, stream::try_unfold((staying, ids.into_iter()), deal)))
    }
}

/// What is done to each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Disable(String),
    Enable,
    Delete,
    RevokeSessions,
    ExpirePassword,
}

impl Act {
    /// Their names.
    pub(super) const NAMES: [&str; 5] = ["disable", "enable", "delete", "revoke-sessions", "expire-password"];

    async fn on(self, administration: &Administration, cmd: Manage) -> Result<(), AdministrationError> {
        match self {
            Self::Disable(reason) => administration.disable(cmd, reason).await.map(drop),
            Self::Enable => administration.enable(cmd).await.map(drop),
            Self::Delete => administration.delete(cmd).await,
            Self::RevokeSessions => administration.revoke_sessions(cmd, None).await.map(drop),
            Self::ExpirePassword => administration.expire_password(cmd).await.map(drop),
        }
    }
}

/// What to do, and to whom.
fn read(mut fields: Fields) -> Result<(Act, Vec<UserId>), Problem> {
    let known = |text: String| {
        let name = Act::NAMES.into_iter().find(|name| *name == text);
        name.ok_or_else(|| Reason::new("unsupported", format!("supported here: {}", Act::NAMES.join(", "))))
    };
    let user = |text: String| text.parse().map_err(|_| Reason::new("malformed", "this is not the id of an account"));
    let name = fields.required("action", known);
    if !fields.has("ids") {
        fields.miss("ids");
    }
    let ids = fields.list("ids", 1..=IDS_MAX, user).unwrap_or_default();
    let has_reason = fields.has("reason");
    let reason = fields.optional("reason", read_reason);
    match name {
        Some("disable") if !has_reason => fields.miss("reason"),
        Some(name) if name != "disable" && has_reason => {
            fields.refuse("reason", Reason::new("conflicting", "a reason is for `disable`"));
        }
        _ => {}
    }
    fields.finish()?;
    let act = match (name, reason) {
        (Some("disable"), Some(reason)) => Act::Disable(reason),
        (Some("enable"), _) => Act::Enable,
        (Some("delete"), _) => Act::Delete,
        (Some("revoke-sessions"), _) => Act::RevokeSessions,
        (Some("expire-password"), _) => Act::ExpirePassword,
        _ => return Err(unread()),
    };
    Ok((act, ids))
}

/// The line about an account. A refusal is told; a failure ends the answer.
fn told(id: UserId, outcome: Result<(), AdministrationError>) -> Result<Acted, Problem> {
    let code = match outcome {
        Ok(()) => None,
        Err(AdministrationError::Failure(failure)) => return Err(failure.into()),
        Err(refused) => Some(Problem::from(refused).code),
    };
    let status = if code.is_some() { Status::Refused } else { Status::Done };
    Ok(Acted { id, status, code: code.map(Code::slug) })
}

/// How it went with one account.
#[derive(Debug, Serialize)]
pub(crate) struct Acted {
    id: UserId,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Done,
    Refused,
}

impl Documented for Acted {
    const NAME: &'static str = "UserActionResult";

    fn schema() -> Value {
        let codes = [
            Code::NotPermitted,
            Code::Impersonated,
            Code::NotFound,
            Code::OwnAccount,
            Code::LastAdministrator,
            Code::EditConflict,
        ];
        let codes = codes.map(Code::slug);
        json!({
            "type": "object",
            "description": "How it went with one account.",
            "required": ["id", "status"],
            "properties": {
                "id": id("Which account."),
                "status": { "type": "string", "enum": ["done", "refused"], "description": "Whether it was done." },
                "code": { "type": "string", "enum": codes, "description": "Why not: the code of the problem that the operation of its own would answer with." },
            },
        })
    }
}
