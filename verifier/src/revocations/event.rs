//! Events of the issuer: CloudEvents 1.0 in structured mode.

use serde::Deserialize;
use serde_json::Value;

use crate::instant::{any_rfc3339, any_rfc3339_millis};

/// An event that should change something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read")]
pub struct UnreadableEvent;

/// What an event means here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    Nothing,
    /// The tokens with this `sid`, or the one with this `jti`.
    Grant {
        id: String,
        until: i64,
    },
    /// What this client got in its own name.
    Client {
        id: String,
        until: i64,
    },
    Subject {
        subject: String,
        issued_by: i64,
    },
    /// The roles of this user changed; when, in milliseconds.
    RolesOf {
        user: String,
        at: i64,
    },
    /// This role changed, or is gone; when, in milliseconds.
    Role {
        role: String,
        at: i64,
    },
    Keys,
    KeyWithdrawn {
        kid: String,
    },
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    source: String,
    time: String,
    data: Value,
}

/// Members that are added later are passed over (the contract of `v1`).
#[derive(Deserialize)]
struct SessionRevoked {
    session_id: String,
    until: String,
}

#[derive(Deserialize)]
struct TokenRevoked {
    token_id: String,
    until: String,
}

#[derive(Deserialize)]
struct ClientDeleted {
    client_id: String,
    until: String,
}

#[derive(Deserialize)]
struct User {
    user_id: String,
}

#[derive(Deserialize)]
struct Role {
    role: String,
}

#[derive(Deserialize)]
struct KeyRevoked {
    kid: String,
}

/// Reads an event of `issuer`.
pub(crate) fn read(json: &[u8], issuer: &str) -> Result<News, UnreadableEvent> {
    let Envelope { kind, source, time, data } = serde_json::from_slice(json).map_err(|_| UnreadableEvent)?;
    // Several issuers may share a broker.
    if source != issuer {
        return Ok(News::Nothing);
    }
    match kind.as_str() {
        "portcullis.session.revoked.v1" => {
            let SessionRevoked { session_id, until } = of(data)?;
            Ok(News::Grant { id: session_id, until: end(&until)? })
        }
        "portcullis.token.revoked.v1" => {
            let TokenRevoked { token_id, until } = of(data)?;
            Ok(News::Grant { id: token_id, until: end(&until)? })
        }
        "portcullis.client.deleted.v1" => {
            let ClientDeleted { client_id, until } = of(data)?;
            Ok(News::Client { id: client_id, until: end(&until)? })
        }
        "portcullis.user.deleted.v1" => Ok(News::Subject { subject: of::<User>(data)?.user_id, issued_by: i64::MAX }),
        // The account may be opened again: later tokens are good.
        "portcullis.user.disabled.v1" => {
            Ok(News::Subject { subject: of::<User>(data)?.user_id, issued_by: instant(&time)? })
        }
        "portcullis.user.roles_changed.v1" => Ok(News::RolesOf { user: of::<User>(data)?.user_id, at: millis(&time)? }),
        "portcullis.role.updated.v1" | "portcullis.role.deleted.v1" => {
            Ok(News::Role { role: of::<Role>(data)?.role, at: millis(&time)? })
        }
        "portcullis.keys.revoked.v1" => Ok(News::KeyWithdrawn { kid: of::<KeyRevoked>(data)?.kid }),
        keys if keys.starts_with("portcullis.keys.") => Ok(News::Keys),
        _ => Ok(News::Nothing),
    }
}

fn of<T: for<'a> Deserialize<'a>>(data: Value) -> Result<T, UnreadableEvent> {
    serde_json::from_value(data).map_err(|_| UnreadableEvent)
}

/// `until` may have a fraction; the tokens' own instants have none.
fn end(text: &str) -> Result<i64, UnreadableEvent> {
    Ok(instant(text)?.saturating_add(1))
}

fn instant(text: &str) -> Result<i64, UnreadableEvent> {
    any_rfc3339(text).ok_or(UnreadableEvent)
}

fn millis(text: &str) -> Result<i64, UnreadableEvent> {
    any_rfc3339_millis(text).ok_or(UnreadableEvent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://auth.example";

    fn event(kind: &str, data: &Value) -> Value {
        json!({
            "specversion": "1.0", "id": "1", "source": ISSUER, "subject": "users/u", "time": "2026-01-01T00:00:00.5Z",
            "datacontenttype": "application/json", "type": kind, "data": data, "later": [1],
        })
    }

    fn news(event: &Value) -> Result<News, UnreadableEvent> {
        read(event.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn an_event_says_what_is_revoked() {
        let at = 1_767_225_600;
        let until = "2026-01-01T00:15:00.25Z";
        let revoked = json!({"user_id": "u", "session_id": "s", "until": until, "reason": "x"});
        let token = json!({"token_id": "j", "client_id": "c", "until": until});
        let deleted = json!({"client_id": "c", "until": until});
        for (kind, data, expected) in [
            ("portcullis.session.revoked.v1", revoked, News::Grant { id: "s".into(), until: at + 901 }),
            ("portcullis.token.revoked.v1", token, News::Grant { id: "j".into(), until: at + 901 }),
            ("portcullis.client.deleted.v1", deleted, News::Client { id: "c".into(), until: at + 901 }),
            ("portcullis.client.secret_rotated.v1", json!({"client_id": "c"}), News::Nothing),
            (
                "portcullis.user.deleted.v1",
                json!({"user_id": "u"}),
                News::Subject { subject: "u".into(), issued_by: i64::MAX },
            ),
            (
                "portcullis.user.disabled.v1",
                json!({"user_id": "u"}),
                News::Subject { subject: "u".into(), issued_by: at },
            ),
            (
                "portcullis.user.roles_changed.v1",
                json!({"user_id": "u", "roles": ["user"]}),
                News::RolesOf { user: "u".into(), at: at * 1_000 + 500 },
            ),
            (
                "portcullis.role.updated.v1",
                json!({"role": "clerk", "permissions": []}),
                News::Role { role: "clerk".into(), at: at * 1_000 + 500 },
            ),
            (
                "portcullis.role.deleted.v1",
                json!({"role": "clerk"}),
                News::Role { role: "clerk".into(), at: at * 1_000 + 500 },
            ),
            ("portcullis.role.created.v1", json!({"role": "clerk", "permissions": []}), News::Nothing),
            ("portcullis.keys.rotated.v1", json!({"anything": 1}), News::Keys),
            ("portcullis.keys.published.v1", json!(null), News::Keys),
            ("portcullis.keys.revoked.v1", json!({"kid": "k"}), News::KeyWithdrawn { kid: "k".into() }),
            ("portcullis.user.registered.v1", json!({"user_id": "u"}), News::Nothing),
            ("portcullis.user.updated.v1", json!({}), News::Nothing),
        ] {
            assert_eq!(news(&event(kind, &data)), Ok(expected), "{kind}");
        }
    }

    #[test]
    fn an_event_of_another_issuer_changes_nothing() {
        let mut other = event("portcullis.user.deleted.v1", &json!({"user_id": "u"}));
        other["source"] = json!("https://auth.example/");
        assert_eq!(news(&other), Ok(News::Nothing));
    }

    #[test]
    fn a_revocation_that_cannot_be_read_is_an_error() {
        for (kind, data) in [
            ("portcullis.session.revoked.v1", json!({"session_id": "s"})),
            ("portcullis.session.revoked.v1", json!({"session_id": "s", "until": "soon"})),
            ("portcullis.session.revoked.v1", json!({"session_id": 1, "until": "2026-01-01T00:15:00Z"})),
            ("portcullis.token.revoked.v1", json!({"client_id": "c", "until": "2026-01-01T00:15:00Z"})),
            ("portcullis.token.revoked.v1", json!({"token_id": "j"})),
            ("portcullis.client.deleted.v1", json!({"client_id": "c"})),
            ("portcullis.client.deleted.v1", json!({"client_id": "c", "until": 1})),
            ("portcullis.user.deleted.v1", json!({})),
            ("portcullis.user.disabled.v1", json!(null)),
            ("portcullis.user.roles_changed.v1", json!({"roles": []})),
            ("portcullis.role.updated.v1", json!({"permissions": []})),
            ("portcullis.role.deleted.v1", json!({"role": 1})),
            ("portcullis.keys.revoked.v1", json!({})),
        ] {
            assert_eq!(news(&event(kind, &data)), Err(UnreadableEvent), "{kind}");
        }
        for other in ["", "[]", "{}", "\u{0}", "{\"type\":\"portcullis.user.deleted.v1\"}"] {
            assert_eq!(read(other.as_bytes(), ISSUER), Err(UnreadableEvent), "{other}");
        }
    }
}
