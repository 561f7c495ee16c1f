//! The bodies that the pages behind links send.

use portcullis_domain::accounts::Password;
use portcullis_domain::secret::SecretString;
use serde_json::{Value, json};

use crate::administration::{email, username};
use crate::body::Form;
use crate::problem::Reason;
use crate::schema::Documented;

/// The most bytes of a token that is looked at.
const TOKEN_MAX: usize = 128;

pub(crate) struct SetUpForm;

impl Documented for SetUpForm {
    const NAME: &'static str = "SetUpRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "Who becomes the first administrator.",
            "additionalProperties": false,
            "required": ["token", "email", "password"],
            "properties": { "token": token("psu"), "username": username(), "email": email(), "password": password() },
        })
    }
}

impl Form for SetUpForm {}

pub(crate) struct SetPasswordForm;

impl Documented for SetPasswordForm {
    const NAME: &'static str = "SetPasswordRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A password that is chosen by a link.",
            "additionalProperties": false,
            "required": ["token", "password"],
            "properties": { "token": token("psl"), "password": password() },
        })
    }
}

impl Form for SetPasswordForm {}

/// The token as it came: whether it is one is for the use case to say, which tells nobody why it is none.
#[expect(clippy::unnecessary_wraps, reason = "every member is read by something that may refuse it")]
pub(super) fn read_token(text: String) -> Result<SecretString, Reason> {
    // What is longer is none of ours, and no more of it is kept.
    let kept = if text.len() > TOKEN_MAX { String::new() } else { text };
    Ok(SecretString::new(kept))
}

fn token(prefix: &str) -> Value {
    json!({
        "type": "string", "description": "What follows the `#` in the link.",
        "example": format!("{prefix}_{}", "0".repeat(64)),
    })
}

fn password() -> Value {
    json!({
        "type": "string", "format": "password",
        "minLength": Password::MIN_CHARS, "maxLength": Password::MAX_CHARS,
        "description": "The password from now on: kept exactly as it is, refused when it is common or easy to guess.",
        "example": "correct horse battery staple",
    })
}
