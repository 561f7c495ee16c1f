//! What a caller may do.

use poem_openapi::OpenApi;
use portcullis_domain::access::{Permissions, RoleName};
use portcullis_domain::caller::Caller;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{ALWAYS, CALLING, Found, Refusals, Refused};
use crate::caller::Calling;
use crate::problem::Code;
use crate::schema::Documented;

use super::Tag;
use super::key_form::{permission_list, role_list};

/// `/api/v1/me/access`.
pub(crate) struct AccessApi;

/// What a caller may do.
#[derive(Serialize)]
pub(crate) struct RightsView {
    roles: Vec<RoleName>,
    permissions: Permissions,
}

impl From<Caller> for RightsView {
    fn from(caller: Caller) -> Self {
        Self { roles: caller.roles, permissions: caller.permissions }
    }
}

impl Documented for RightsView {
    const NAME: &'static str = "Rights";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What a caller may do at this moment.",
            "required": ["roles", "permissions"],
            "properties": {
                "roles": role_list("The roles by which, as far as roles have to do with it."),
                "permissions": permission_list("What is allowed; `*` stands for every word."),
            },
        })
    }
}

pub(crate) struct Asking;
impl Refusals for Asking {
    const CODES: &'static [&'static [Code]] = &[ALWAYS, CALLING];
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Access")]
impl AccessApi {
    /// What you may do
    ///
    /// Of whoever calls: a user, a client in its own name, or an API key. It is what counts now: a change of roles is
    /// seen by the next request.
    #[oai(path = "/me/access", method = "get", operation_id = "getMyAccess")]
    async fn rights(&self, calling: Calling) -> Result<Found<RightsView>, Refused<Asking>> {
        Ok(Found(calling.caller.into()))
    }
}
