//! What an access token says (RFC 9068 §2.2).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::instant::uuid_v7_millis;
use crate::permission::Permission;

/// The scope value of a token with which nothing may be changed.
const READ_ONLY: &str = "read_only";

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
    pub(crate) actor: Option<String>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) permissions: Option<Vec<String>>,
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

    /// `act` (RFC 8693 §4.1): the id of the user who really acts, when it is not [`Claims::subject`] but somebody who
    /// helps them. Note it wherever you note who did something.
    ///
    /// ```
    /// # use portcullis_verifier::testing::TestIssuer;
    /// # let issuer = TestIssuer::new("orders");
    /// # let token = issuer.token().subject("alice").actor("bob").read_only().mint();
    /// let claims = issuer.verifier().verify(&token)?;
    /// assert_eq!((claims.subject(), claims.actor()), ("alice", Some("bob")));
    /// assert!(claims.is_read_only(), "bob may look, and change nothing");
    /// # Ok::<(), portcullis_verifier::Rejected>(())
    /// ```
    pub fn actor(&self) -> Option<&str> {
        self.0.actor.as_deref()
    }

    /// Whether nothing may be changed with the token: its `scope` holds `read_only`. The middlewares let it pass with safe
    /// methods only ([`Claims::may_use`]).
    pub fn is_read_only(&self) -> bool {
        self.scope().any(|value| value == READ_ONLY)
    }

    /// `roles`: the names of the user's roles; none when the issuer does not put them into tokens.
    pub fn roles(&self) -> &[String] {
        self.0.roles.as_deref().unwrap_or_default()
    }

    /// Whether the token names this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|held| held == role)
    }

    /// `permissions` (`resource:action`): what the user may do; none when the issuer does not put them into tokens.
    pub fn permissions(&self) -> &[String] {
        self.0.permissions.as_deref().unwrap_or_default()
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

    /// Whether whoever the token speaks for may do `needed`, for instance `users:read`, as the issuer itself judges it: of
    /// a user the `permissions` decide, of a client in its own name the `scope`. In what they hold `*` stands for every
    /// resource or every action; whoever asks for `*` is asking for all of them.
    ///
    /// ```
    /// # use portcullis_verifier::testing::TestIssuer;
    /// # let issuer = TestIssuer::new("orders");
    /// # let token = issuer.token().permissions(&["orders:*"]).mint();
    /// let claims = issuer.verifier().verify(&token)?;
    /// assert!(claims.permits("orders:write") && !claims.permits("users:read"));
    /// # Ok::<(), portcullis_verifier::Rejected>(())
    /// ```
    pub fn permits(&self, needed: &str) -> bool {
        let Some(needed) = Permission::parse(needed) else { return false };
        let covers = |held: &str| Permission::parse(held).is_some_and(|held| held.covers(needed));
        match self.user() {
            Some(_) => self.permissions().iter().any(|held| covers(held)),
            None => self.scope().any(covers),
        }
    }

    /// Whether the token allows `needed`, for instance `orders:write`: its `scope` holds that very value, or it
    /// [permits](Claims::permits) it.
    pub fn allow(&self, needed: &str) -> bool {
        self.scope().any(|value| value == needed) || self.permits(needed)
    }
}

impl Body {
    /// When it was issued, in milliseconds since 1970: as its `jti` says, which the issuer makes of the same instant as
    /// `iat`, or else at the beginning of that second.
    pub(crate) fn issued_at_millis(&self) -> i64 {
        let told = uuid_v7_millis(&self.id).filter(|at| at.div_euclid(1_000) == self.issued_at);
        told.unwrap_or_else(|| self.issued_at.saturating_mul(1_000))
    }
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
            .field("actor", &self.0.actor)
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

    fn of_user(scope: &str, permissions: &[&str]) -> Claims {
        let permissions = Some(permissions.iter().map(|text| (*text).to_owned()).collect());
        let (session, scope) = (Some("s".to_owned()), scope.to_owned());
        Claims(Arc::new(Body { session, scope, permissions, ..Body::default() }))
    }

    fn of_client(scope: &str) -> Claims {
        Claims(Arc::new(Body { scope: scope.to_owned(), ..Body::default() }))
    }

    #[test]
    fn a_star_in_a_permission_stands_for_every_resource_or_action() {
        for held in ["orders:write", "orders:*", "*:write", "*:*"] {
            assert!(of_user("", &[held]).permits("orders:write"), "{held}");
            assert!(of_client(&format!("openid {held}")).permits("orders:write"), "{held}");
        }
        for held in ["orders:read", "order:write", "orders", "*", "", "orders:writ", "orders:write:all", ":", "*:"] {
            assert!(!of_user("", &[held]).allow("orders:write"), "{held}");
            assert!(!of_client(held).allow("orders:write"), "{held}");
        }
    }

    #[test]
    fn a_star_in_the_scope_of_a_user_stands_for_itself() {
        assert!(of_user("profile orders:write", &[]).allow("orders:write"));
        for scope in ["orders:*", "*:*", "", "orders:writer", "xorders:write"] {
            assert!(!of_user(scope, &[]).allow("orders:write"), "{scope:?}");
        }
        assert!(!of_user("", &[]).allow(""), "nothing is not a permission");
    }

    #[test]
    fn a_users_scope_gives_no_permission_and_a_clients_needs_nothing_else() {
        assert!(!of_user("orders:write", &[]).permits("orders:write"));
        let client = of_client("orders:write");
        assert!(client.permits("orders:write") && !client.permits("orders:read"));
    }

    #[test]
    fn the_instant_of_issue_is_that_of_the_id_when_it_is_of_the_same_second() {
        let issued = |id: &str| Body { id: id.into(), issued_at: 1_645_557_742, ..Body::default() }.issued_at_millis();
        assert_eq!(issued("017f22e2-7a2d-7cc3-98c4-dc0c0c07398f"), 1_645_557_742_125);
        assert_eq!(issued("017f22e2-7dff-7cc3-98c4-dc0c0c07398f"), 1_645_557_742_000, "of another second");
        assert_eq!(issued("t-1"), 1_645_557_742_000);
    }
}
