//! What a request is counted as: its method and its route decide.

use poem::http::Method;
use portcullis_domain::ports::limits::Quota;

use crate::settings::Quotas;

/// The limit that an operation falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Login,
    Register,
    Refresh,
    /// What clients ask, counted by client.
    Introspect,
    /// What those ask who have not proved to be the client they say they are: as often as somebody may log in.
    Stranger,
    /// What changes the own account: each such act writes a row of the audit trail and an event, so that what is fine for
    /// reading would fill the disk.
    Change,
    /// What those in charge change: accounts of others, roles, API keys, clients.
    Manage,
    /// What writes out all there is: it reads for long, and what it reads leaves the house. Counted by account, once that
    /// is known; until then by address, as any other request.
    Export,
    /// What an API key may do that has a limit of its own, counted by key.
    Key,
    Other,
    /// Never counted: proxies ask for every request of theirs, verifiers and operators now and then.
    Free,
}

impl Rule {
    /// The rule of an operation, by its method and the pattern of its route; one that nobody thought of is counted.
    pub(crate) fn of(method: &Method, pattern: &str) -> Self {
        match pattern {
            // A password is hashed, or a secret can be guessed.
            "/api/v1/auth/login" | "/api/v1/auth/set-password" | "/api/v1/setup" => Self::Login,
            "/api/v1/auth/register" => Self::Register,
            "/api/v1/auth/refresh" => Self::Refresh,
            "/oauth2/introspect" | "/oauth2/revoke" | "/oauth2/token" | "/api/v1/revocations" => Self::Introspect,
            "/api/v1/auth/logout-all" => Self::Change,
            "/api/v1/me/export" | "/api/v1/users/export" | "/api/v1/users/{id}/export" | "/api/v1/audit/export" => {
                Self::Export
            }
            _ if is_own(pattern) && !method.is_safe() => Self::Change,
            _ if is_managed(pattern) && !method.is_safe() => Self::Manage,
            "/api/v1/auth/verify" | "/livez" | "/readyz" | "/healthz" | "/openapi.json" | "/asyncapi.json" => {
                Self::Free
            }
            _ if pattern.starts_with("/schemas/") => Self::Free,
            _ if pattern.starts_with("/.well-known/") => Self::Free,
            _ if pattern == "/docs" || pattern.starts_with("/docs/") => Self::Free,
            _ => Self::Other,
        }
    }

    /// Its name in headers, keys and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Register => "register",
            Self::Refresh => "refresh",
            Self::Introspect => "introspect",
            Self::Stranger => "client",
            Self::Change => "change",
            Self::Manage => "manage",
            Self::Export => "export",
            Self::Key => "api-key",
            Self::Other => "other",
            Self::Free => "free",
        }
    }

    /// How much it allows; `None` for as much as anybody likes.
    pub(crate) const fn quota(self, quotas: &Quotas) -> Option<Quota> {
        match self {
            Self::Login | Self::Stranger => quotas.login,
            Self::Register => quotas.register,
            Self::Refresh => quotas.refresh,
            Self::Introspect => quotas.introspect,
            Self::Change => quotas.change,
            Self::Manage => quotas.manage,
            Self::Export => quotas.export,
            Self::Other => quotas.other,
            // A key says itself how much it may do.
            Self::Key | Self::Free => None,
        }
    }
}

/// Whether a route is about the account of whoever asks.
fn is_own(pattern: &str) -> bool {
    is_under(pattern, "me")
}

/// Whether a route is about what belongs to others.
fn is_managed(pattern: &str) -> bool {
    ["users", "roles", "api-keys", "clients"].iter().any(|managed| is_under(pattern, managed))
}

fn is_under(pattern: &str, name: &str) -> bool {
    let rest = pattern.strip_prefix("/api/v1/").and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
