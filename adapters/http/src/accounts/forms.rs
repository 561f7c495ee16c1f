//! The bodies that accounts are opened and changed with.

use portcullis_domain::accounts::{Email, Password, Username};
use serde_json::{Value, json};

use crate::body::{Form, JSON, MERGE_PATCH};
use crate::schema::Documented;

pub(crate) struct RegisterForm;

impl Documented for RegisterForm {
    const NAME: &'static str = "RegisterRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Who wants an account.",
            "additionalProperties": false,
            "required": ["email", "password"],
            "properties": { "username": username(), "email": email(), "password": new_password("A new password.") },
        })
    }
}

impl Form for RegisterForm {}

pub(crate) struct UpdateForm;

impl Documented for UpdateForm {
    const NAME: &'static str = "UpdateMeRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What to change; what is absent stays.",
            "additionalProperties": false,
            "properties": {
                "username": username(),
                "email": email(),
                "current_password": password("The password so far; needed when the e-mail address changes."),
            },
        })
    }
}

impl Form for UpdateForm {
    const MEDIA_TYPES: &'static [&'static str] = &[MERGE_PATCH, JSON];
}

pub(crate) struct ChangePasswordForm;

impl Documented for ChangePasswordForm {
    const NAME: &'static str = "ChangePasswordRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "The password so far, and the one from now on.",
            "additionalProperties": false,
            "required": ["current_password", "new_password"],
            "properties": {
                "current_password": password("The password so far."),
                "new_password": new_password("The password from now on."),
            },
        })
    }
}

impl Form for ChangePasswordForm {}

pub(crate) struct CloseForm;

impl Documented for CloseForm {
    const NAME: &'static str = "DeleteMeRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Proof that it is the owner who closes the account.",
            "additionalProperties": false,
            "required": ["current_password"],
            "properties": { "current_password": password("The password.") },
        })
    }
}

impl Form for CloseForm {}

fn username() -> Value {
    json!({
        "type": "string", "nullable": true,
        "minLength": Username::MIN_CHARS, "maxLength": Username::MAX_CHARS,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{1,62}[A-Za-z0-9]$",
        "description": "A second name to log in with, or none. Upper and lower case are the same name; some names are reserved.",
        "example": "ada",
    })
}

fn email() -> Value {
    json!({
        "type": "string", "format": "email", "minLength": 3, "maxLength": Email::MAX_BYTES,
        "description": "An e-mail address. Upper and lower case are the same address.",
        "example": "ada@example.com",
    })
}

/// A password as it is presented.
pub(crate) fn password(description: &str) -> Value {
    json!({
        "type": "string", "format": "password", "maxLength": Password::MAX_CHARS,
        "description": description, "example": "correct horse battery staple",
    })
}

/// A password as it is chosen.
pub(crate) fn new_password(description: &str) -> Value {
    json!({
        "type": "string", "format": "password",
        "minLength": Password::MIN_CHARS, "maxLength": Password::MAX_CHARS,
        "description": format!("{description} Kept exactly as it is, of any characters, refused when it is common or easy to guess. The operator may ask for more characters."),
        "example": "correct horse battery staple",
    })
}
