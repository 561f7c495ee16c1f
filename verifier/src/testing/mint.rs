//! Tokens that say what one wants them to say.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::issuer::TestIssuer;
use crate::algorithm::Algorithm;

/// A token in the making. Unless told otherwise it is valid: issued now, for 15 minutes, for the issuer's audience,
/// with a subject, a session and an id of its own, and an empty scope.
#[derive(Clone)]
pub struct TokenBuilder {
    issuer: TestIssuer,
    claims: Map<String, Value>,
    issued_at: i64,
    life: i64,
    not_before: Option<i64>,
}

impl TokenBuilder {
    pub(crate) fn new(issuer: TestIssuer) -> Self {
        let issued_at = issuer.clock().seconds();
        let mut claims = Map::new();
        for (name, value) in [
            ("iss", issuer.url().to_owned()),
            ("sub", issuer.next_id()),
            ("aud", issuer.audience().to_owned()),
            ("jti", issuer.next_id()),
            ("sid", issuer.next_id()),
            ("client_id", "test".to_owned()),
            ("scope", String::new()),
        ] {
            claims.insert(name.to_owned(), value.into());
        }
        Self { issuer, claims, issued_at, life: 900, not_before: None }
    }

    /// Of a client in its own name (RFC 6749 §4.4): `sub` is its `client_id`, and there is no session.
    pub(crate) fn of_client(mut self, client_id: &str) -> Self {
        self.claims.remove("sid");
        self.subject(client_id).client(client_id)
    }

    /// `sub`.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// `aud`.
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// `client_id`.
    #[must_use]
    pub fn client(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// `jti`.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.claim("jti", id)
    }

    /// `sid`.
    #[must_use]
    pub fn session(self, session: &str) -> Self {
        self.claim("sid", session)
    }

    /// `scope`: values separated by spaces.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// `roles`.
    #[must_use]
    pub fn roles(self, roles: &[&str]) -> Self {
        self.claim("roles", roles)
    }

    /// `permissions`.
    #[must_use]
    pub fn permissions(self, permissions: &[&str]) -> Self {
        self.claim("permissions", permissions)
    }

    /// `act`: somebody else who really acts (RFC 8693 §4.1).
    #[must_use]
    pub fn actor(self, id: &str) -> Self {
        self.claim("act", json!({ "sub": id }))
    }

    /// Adds `read_only` to the `scope`: nothing may be changed with it.
    #[must_use]
    pub fn read_only(self) -> Self {
        let scope = self.claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        let scope = format!("{scope} read_only");
        self.scope(scope.trim_start())
    }

    /// How long it lives; whole seconds.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        self
    }

    /// `iat`, in seconds since 1970.
    #[must_use]
    pub const fn issued_at(mut self, at: i64) -> Self {
        self.issued_at = at;
        self
    }

    /// `nbf`, in seconds since 1970.
    #[must_use]
    pub const fn not_before(mut self, at: i64) -> Self {
        self.not_before = Some(at);
        self
    }

    /// Any claim, also one of the above; `null` leaves it out.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl serde::Serialize) -> Self {
        let value = serde_json::to_value(value).expect("a claim is JSON");
        if value.is_null() {
            self.claims.remove(name);
        } else {
            self.claims.insert(name.to_owned(), value);
        }
        self
    }

    /// Signed by the issuer's newest key.
    pub fn mint(&self) -> String {
        self.issuer.sign_claims(&self.payload(self.issuer.algorithm()))
    }

    /// The claims as this format spells them.
    pub(crate) fn payload(&self, algorithm: Algorithm) -> String {
        let spell = |at: i64| if algorithm == Algorithm::V4Public { json!(rfc3339(at)) } else { json!(at) };
        let mut claims = self.claims.clone();
        let instants = [
            ("iat", Some(self.issued_at)),
            ("exp", Some(self.issued_at.saturating_add(self.life))),
            ("nbf", self.not_before),
        ];
        for (name, at) in instants {
            if let (Some(at), false) = (at, claims.contains_key(name)) {
                claims.insert(name.to_owned(), spell(at));
            }
        }
        Value::Object(claims).to_string()
    }
}

fn rfc3339(seconds: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).expect("a year before 10000");
    at.format(&time::format_description::well_known::Rfc3339).expect("a year before 10000")
}
