//! What an access token says (RFC 9068 §2.2).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The claims of a verified token. Cloning costs one counter.
///
/// Instants are whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone)]
pub struct Claims(pub(crate) Arc<Body>);

#[derive(Default)]
pub(crate) struct Body {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) expires_at: i64,
    pub(crate) issued_at: i64,
    pub(crate) not_before: Option<i64>,
    pub(crate) id: String,
    pub(crate) session: Option<String>,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) authenticated_at: Option<i64>,
    pub(crate) roles: Vec<String>,
    pub(crate) permissions: Vec<String>,
    pub(crate) others: Map<String, Value>,
    /// The generation of revocations that this token was last compared with.
    pub(crate) heard: AtomicU64,
}

impl Claims {
    /// `iss`: the URL of the issuer.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// `sub`: a user's id, or the `client_id` of a client in its own name; [`Claims::speaks_for`] tells which.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// `aud`: whom the token is for.
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// `exp`: from this instant on the token is refused.
    pub fn expires_at(&self) -> i64 {
        self.0.expires_at
    }

    /// `iat`: when it was issued.
    pub fn issued_at(&self) -> i64 {
        self.0.issued_at
    }

    /// `jti`: which token.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// `sid`: the session it belongs to, when it is a user's.
    pub fn session(&self) -> Option<&str> {
        self.0.session.as_deref()
    }

    /// `client_id`: the client it was issued to.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// `scope`: its values (RFC 6749 §3.3).
    pub fn scope(&self) -> impl Iterator<Item = &str> {
        self.0.scope.split(' ').filter(|value| !value.is_empty())
    }

    /// `auth_time`: when the user proved who they are, when the token says so.
    pub fn authenticated_at(&self) -> Option<i64> {
        self.0.authenticated_at
    }

    /// `roles`, when the issuer puts them into tokens.
    pub fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// `permissions` (`resource:action`), when the issuer puts them into tokens.
    pub fn permissions(&self) -> &[String] {
        &self.0.permissions
    }

    /// Another claim by its name; `None` when it is absent or not a `T`.
    ///
    /// ```
    /// # use portcullis_verifier::testing::TestIssuer;
    /// let issuer = TestIssuer::new("orders");
    /// let token = issuer.token().claim("acr", "aal2").mint();
    /// let claims = issuer.verifier().verify(&token)?;
    /// assert_eq!(claims.get::<String>("acr").as_deref(), Some("aal2"));
    /// # Ok::<(), portcullis_verifier::Rejected>(())
    /// ```
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.others.get(name)?).ok()
    }

    /// Whether the token allows `needed`, for instance `orders:write`: its `scope` holds that value, or its
    /// `permissions` do, in which `*` stands for every resource or every action.
    pub fn allow(&self, needed: &str) -> bool {
        self.scope().any(|value| value == needed) || self.permissions().iter().any(|held| covers(held, needed))
    }
}

/// Whether the permission `held` contains `needed`.
fn covers(held: &str, needed: &str) -> bool {
    if held == needed {
        return true;
    }
    let (Some((resource, action)), Some((wanted, act))) = (held.split_once(':'), needed.split_once(':')) else {
        return false;
    };
    (resource == "*" || resource == wanted) && (action == "*" || action == act)
}

impl PartialEq for Claims {
    /// The same token: issuer and `jti`.
    fn eq(&self, other: &Self) -> bool {
        self.issuer() == other.issuer() && self.id() == other.id()
    }
}

impl Eq for Claims {}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.0.subject)
            .field("session", &self.0.session)
            .field("audience", &self.0.audience)
            .field("scope", &self.0.scope)
            .field("permissions", &self.0.permissions)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_permission_stands_for_every_resource_or_action() {
        for held in ["orders:write", "orders:*", "*:write", "*:*"] {
            assert!(covers(held, "orders:write"), "{held}");
        }
        for held in ["orders:read", "order:write", "orders", "*", "", "orders:writ", "orders:write:all", ":", "*:"] {
            assert!(!covers(held, "orders:write"), "{held}");
        }
    }

    #[test]
    fn a_star_in_a_scope_stands_for_itself() {
        let with = |scope: &str| Claims(Arc::new(Body { scope: scope.to_owned(), ..Body::default() }));
        assert!(with("profile orders:write").allow("orders:write"));
        for scope in ["orders:*", "*:*", "", "orders:writer", "xorders:write"] {
            assert!(!with(scope).allow("orders:write"), "{scope:?}");
        }
        assert!(!with("").allow(""), "nothing is not a permission");
    }
}
