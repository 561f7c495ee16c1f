//! Accounts as those in charge see them.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::administration::{CreatedUser, Link, UserView};
use portcullis_domain::ids::UserId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{Documented, id, instant, pointer};

/// An account with what only those in charge need.
#[derive(Serialize)]
pub(crate) struct ManagedUser {
    id: UserId,
    username: Option<String>,
    email: String,
    email_verified: bool,
    status: &'static str,
    status_reason: Option<String>,
    must_change_password: bool,
    roles: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// By which it is changed: the number in its `ETag`.
    pub(crate) version: u32,
}

impl From<UserView> for ManagedUser {
    fn from(UserView { user, roles }: UserView) -> Self {
        Self {
            id: user.id,
            username: user.username.as_ref().map(|name| name.as_str().to_owned()),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            status: user.status.as_str(),
            status_reason: user.status_reason,
            must_change_password: user.must_change_password,
            roles: roles.into_iter().map(String::from).collect(),
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

impl Documented for ManagedUser {
    const NAME: &'static str = "ManagedUser";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "An account as those in charge see it.",
            "required": [
                "id", "username", "email", "email_verified", "status", "status_reason", "must_change_password", "roles",
                "created_at", "updated_at", "version",
            ],
            "properties": {
                "id": id("Who it is, for ever."),
                "username": { "type": "string", "nullable": true, "description": "A second name to log in with.", "example": "ada" },
                "email": { "type": "string", "description": "The e-mail address, its domain in canonical form.", "example": "ada@example.com" },
                "email_verified": { "type": "boolean", "description": "Whether the owner has proved to read that address." },
                "status": {
                    "type": "string", "description": "Whether the account may be used.",
                    "enum": [UserStatus::Active.as_str(), UserStatus::Disabled.as_str()],
                },
                "status_reason": { "type": "string", "nullable": true, "maxLength": 200, "description": "Why it may not be used, in the words of whoever disabled it." },
                "must_change_password": { "type": "boolean", "description": "Whether the password has to be changed before anybody can log in." },
                "roles": { "type": "array", "items": { "type": "string" }, "description": "Its roles by name, `user` among them.", "example": ["user"] },
                "created_at": instant("When it was opened."),
                "updated_at": instant("When it last changed."),
                "version": version("the account"),
            },
        })
    }
}

/// A version, as `ETag` has it too.
pub(super) fn version(of: &str) -> Value {
    let description =
        format!("Counts the changes of {of}; `ETag` is this number in quotes, and `If-Match` asks for it.");
    json!({ "type": "integer", "format": "int64", "minimum": 1, "description": description, "example": 1 })
}

/// A page of accounts.
#[derive(Serialize)]
pub(crate) struct ManagedUserPage {
    pub(crate) items: Vec<ManagedUser>,
    pub(crate) next_cursor: Option<String>,
}

impl Documented for ManagedUserPage {
    const NAME: &'static str = "ManagedUserPage";

    fn schema() -> Value {
        page("A page of accounts, in the order asked for.", ManagedUser::NAME)
    }
}

/// A page of a list.
pub(super) fn page(description: &str, item: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["items", "next_cursor"],
        "properties": {
            "items": { "type": "array", "maxItems": 200, "items": pointer(item) },
            "next_cursor": { "type": "string", "nullable": true, "description": "Where the next page begins; null on the last page." },
        },
    })
}

/// A link that works once. It is told to whoever asked for it, and never again.
#[derive(Serialize)]
pub(crate) struct LinkView {
    url: String,
    expires_at: Timestamp,
}

impl LinkView {
    /// The link to the page `path` of this service. The secret is in the fragment, which no browser sends to a server.
    pub(crate) fn new(issuer: &str, path: &str, link: &Link) -> Self {
        Self { url: format!("{issuer}{path}#{}", link.token.expose()), expires_at: link.expires_at }
    }
}

impl Documented for LinkView {
    const NAME: &'static str = "OneTimeLink";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A link that works once. It is told here and never again; whoever has it can choose the password.",
            "required": ["url", "expires_at"],
            "properties": {
                "url": { "type": "string", "format": "uri", "description": "The page to open. The secret is in the fragment, which no browser sends to a server." },
                "expires_at": instant("From when on it does not work any more."),
            },
        })
    }
}

/// A new account, with the link by which its owner chooses a password when none was given.
#[derive(Serialize)]
pub(crate) struct CreatedUserView {
    #[serde(flatten)]
    pub(crate) user: ManagedUser,
    password_link: Option<LinkView>,
}

impl CreatedUserView {
    pub(crate) fn new(created: CreatedUser, link: impl Fn(&Link) -> LinkView) -> Self {
        Self { password_link: created.link.as_ref().map(link), user: created.view.into() }
    }
}

impl Documented for CreatedUserView {
    const NAME: &'static str = "CreatedUser";

    fn schema() -> Value {
        let more = json!({
            "type": "object",
            "required": ["password_link"],
            "properties": { "password_link": {
                "type": "object", "nullable": true, "allOf": [pointer(LinkView::NAME)],
                "description": "By what its owner chooses a password, when none was given.",
            } },
        });
        json!({ "description": "A new account.", "allOf": [pointer(ManagedUser::NAME), more] })
    }
}
