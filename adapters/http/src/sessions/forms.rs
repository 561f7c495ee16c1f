//! The bodies of login and refresh.

use serde_json::{Value, json};

use crate::body::{Fields, Form};
use crate::caller::Transport;
use crate::problem::Reason;
use crate::schema::Documented;

/// The members that can hold the name, the first one being the one to use.
const NAMES: [&str; 3] = ["login", "username", "email"];

/// Tokens in the body.
const BEARER: &str = "bearer";
/// Tokens in cookies.
const COOKIE: &str = "cookie";

pub(crate) struct LoginForm;

impl Documented for LoginForm {
    const NAME: &'static str = "LoginRequest";

    fn schema() -> Value {
        let name = |description: &str| json!({ "type": "string", "description": description, "example": "ada" });
        json!({
            "type": "object",
            "description": "Somebody who says who they are: exactly one of `login`, `username` and `email`, and the password.",
            "additionalProperties": false,
            "required": ["password"],
            "properties": {
                "login": name("The username or the e-mail address."),
                "username": name("The same, under another name."),
                "email": { "type": "string", "description": "The same, under another name.", "example": "ada@example.com" },
                "password": crate::accounts::password("The password."),
                "new_password": crate::accounts::new_password("The password from now on, when it is to be changed."),
                "transport": {
                    "type": "string", "enum": [BEARER, COOKIE], "default": BEARER,
                    "description": "How the tokens are handed out: in the body, or in cookies that no script can read.",
                },
            },
            "oneOf": NAMES.map(|name| json!({ "required": [name] })),
            "example": { "login": "ada", "password": "correct horse battery staple" },
        })
    }
}

impl Form for LoginForm {}

pub(crate) struct RefreshForm;

impl Documented for RefreshForm {
    const NAME: &'static str = "RefreshRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "The refresh token of a session, unless it is in the refresh cookie.",
            "additionalProperties": false,
            "properties": {
                "refresh_token": { "type": "string", "description": "From login or the last refresh. It is used even when there is a cookie." },
            },
        })
    }
}

impl Form for RefreshForm {}

/// The name, given once, under any of its names.
pub(crate) fn login_name(fields: &mut Fields) -> Option<String> {
    let mut given = NAMES.into_iter().filter(|name| fields.has(name)).collect::<Vec<_>>().into_iter();
    let name = fields.required(given.next().unwrap_or(NAMES[0]), Ok::<_, Reason>);
    for more in given {
        let _ = fields.optional(more, |_| Err::<(), _>(Reason::new("conflicting", "the name is given once")));
    }
    name
}

/// How the tokens are handed out.
pub(crate) fn transport(text: &str) -> Result<Transport, Reason> {
    match text {
        BEARER => Ok(Transport::Bearer),
        COOKIE => Ok(Transport::Cookie),
        _ => Err(Reason::new("unsupported", "supported here: \"bearer\" and \"cookie\"")),
    }
}
