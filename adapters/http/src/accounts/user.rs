//! An account as its owner sees it.

use portcullis_domain::Timestamp;
use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::ids::UserId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{Documented, id, instant};

/// An account.
#[derive(Serialize)]
pub(crate) struct UserView {
    id: UserId,
    username: Option<String>,
    email: String,
    email_verified: bool,
    status: &'static str,
    roles: Vec<RoleName>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl UserView {
    pub(crate) fn new(user: &User, roles: Vec<RoleName>) -> Self {
        Self {
            id: user.id,
            username: user.username.as_ref().map(|name| name.as_str().to_owned()),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            status: user.status.as_str(),
            roles,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

impl Documented for UserView {
    const NAME: &'static str = "User";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "An account.",
            "required": ["id", "username", "email", "email_verified", "status", "roles", "created_at", "updated_at"],
            "properties": {
                "id": id("Who it is, for ever."),
                "username": { "type": "string", "nullable": true, "description": "A second name to log in with.", "example": "ada" },
                "email": { "type": "string", "description": "The e-mail address, its domain in canonical form.", "example": "ada@example.com" },
                "email_verified": { "type": "boolean", "description": "Whether the owner has proved to read that address." },
                "status": {
                    "type": "string", "description": "Whether the account may be used.",
                    "enum": [UserStatus::Active.as_str(), UserStatus::Disabled.as_str()],
                },
                "roles": { "type": "array", "items": { "type": "string" }, "description": "Its roles, by name: every account has `user`.", "example": ["user"] },
                "created_at": instant("When it was opened."),
                "updated_at": instant("When it last changed."),
            },
        })
    }
}
