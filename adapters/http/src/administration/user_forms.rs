//! The bodies with which those in charge open, change and manage accounts.

use portcullis_domain::access::{Role, RoleName};
use portcullis_domain::accounts::{Email, Password, Username};
use serde_json::{Value, json};

use crate::body::{Form, JSON, MERGE_PATCH};
use crate::problem::Reason;
use crate::schema::Documented;

/// The most roles that a body names.
pub(super) const ROLES_MAX: usize = Role::PER_ACCOUNT_MAX;
/// The most accounts of one bulk action.
pub(super) const IDS_MAX: usize = 1_000;
/// The most characters of a reason.
const REASON_MAX: usize = 200;

pub(crate) struct CreateUserForm;

impl Documented for CreateUserForm {
    const NAME: &'static str = "CreateUserRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Who gets an account.",
            "additionalProperties": false,
            "required": ["email"],
            "properties": {
                "email": email(),
                "username": username(),
                "password": {
                    "type": "string", "format": "password",
                    "minLength": Password::MIN_CHARS, "maxLength": Password::MAX_CHARS,
                    "description": "The password. Without one the answer has a link by which the owner chooses it, which is better: nobody else ever knows it.",
                },
                "email_verified": { "type": "boolean", "default": false, "description": "Whether the owner has proved to read that address." },
                "roles": {
                    "type": "array", "items": role_name(), "maxItems": ROLES_MAX, "default": [],
                    "description": "The roles besides `user`, which every account has. Giving them needs `roles:grant`, and whatever they hold.",
                },
            },
            "example": { "email": "ada@example.com", "username": "ada", "roles": [] },
        })
    }
}

impl Form for CreateUserForm {}

pub(crate) struct UpdateUserForm;

impl Documented for UpdateUserForm {
    const NAME: &'static str = "UpdateUserRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What to change; what is absent stays.",
            "additionalProperties": false,
            "properties": {
                "email": email(),
                "username": username(),
                "email_verified": { "type": "boolean", "description": "Whether the owner has proved to read the address. A new address counts as not verified unless this says so in the same body." },
            },
            "example": { "email_verified": true },
        })
    }
}

impl Form for UpdateUserForm {
    const MEDIA_TYPES: &'static [&'static str] = &[MERGE_PATCH, JSON];
}

pub(crate) struct DisableForm;

impl Documented for DisableForm {
    const NAME: &'static str = "DisableUserRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Why an account is disabled.",
            "additionalProperties": false,
            "required": ["reason"],
            "properties": { "reason": reason("Why; those in charge can read it.") },
        })
    }
}

impl Form for DisableForm {}

pub(crate) struct ImpersonateForm;

impl Documented for ImpersonateForm {
    const NAME: &'static str = "ImpersonateRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Why somebody wants to act as another user, and how far.",
            "additionalProperties": false,
            "required": ["reason"],
            "properties": {
                "reason": reason("Why; the user can read it."),
                "write": { "type": "boolean", "default": false, "description": "Whether things may be changed: needs `users:impersonate-write`." },
            },
        })
    }
}

impl Form for ImpersonateForm {}

pub(crate) struct ActionsForm;

impl Documented for ActionsForm {
    const NAME: &'static str = "UserActionsRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What to do with many accounts.",
            "additionalProperties": false,
            "required": ["action", "ids"],
            "properties": {
                "action": { "type": "string", "enum": super::actions::Act::NAMES, "description": "What to do with each. `delete` needs `users:delete` besides." },
                "ids": {
                    "type": "array", "minItems": 1, "maxItems": IDS_MAX, "items": crate::schema::id("Which account."),
                    "description": "The accounts, in the order in which they are dealt with; one that is named twice is dealt with twice.",
                },
                "reason": reason("Why; needed for `disable`, refused with anything else."),
            },
            "example": { "action": "revoke-sessions", "ids": ["01981f3e-7a60-7c1e-9d0b-52f1c1a6a001"] },
        })
    }
}

impl Form for ActionsForm {}

/// A reason as a person gives it: 1 to 200 characters without control characters.
pub(super) fn read_reason(text: String) -> Result<String, Reason> {
    if text.trim().is_empty() {
        return Err(Reason::new("too-short", "a reason has at least one character"));
    }
    if text.chars().count() > REASON_MAX {
        return Err(Reason::new("too-long", "a reason has at most 200 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::new("malformed", "a reason has no control characters"));
    }
    Ok(text)
}

/// The name of a role.
pub(super) fn read_role(text: &str) -> Result<RoleName, Reason> {
    RoleName::parse(text).map_err(|error| Reason::new("malformed", error.to_string()))
}

/// A username, or none.
pub(crate) fn username() -> Value {
    json!({
        "type": "string", "nullable": true,
        "minLength": Username::MIN_CHARS, "maxLength": Username::MAX_CHARS,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{1,62}[A-Za-z0-9]$",
        "description": "A second name to log in with, or none. Upper and lower case are the same name; some names are reserved.",
        "example": "ada",
    })
}

/// An address.
pub(crate) fn email() -> Value {
    json!({
        "type": "string", "format": "email", "minLength": 3, "maxLength": Email::MAX_BYTES,
        "description": "An e-mail address. Upper and lower case are the same address.",
        "example": "ada@example.com",
    })
}

/// The name of a role, in the document.
pub(super) fn role_name() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": RoleName::MAX, "pattern": "^[a-z][a-z0-9._-]*$",
        "description": "The name of a role.", "example": "support",
    })
}

fn reason(description: &str) -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": REASON_MAX, "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*$",
        "description": description, "example": "ticket 4711",
    })
}
