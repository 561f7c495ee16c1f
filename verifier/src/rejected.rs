//! Why a token was refused.

/// Why a token was refused. It holds nothing of the token, so it may be logged.
///
/// Tell the client no more than [`Rejected::is_unavailable`] and that the token is not valid: the reasons are for the
/// operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// It is longer than 8 KiB; it was not read.
    #[error("the token is too long")]
    TooLong,
    /// It is not a token of this issuer's making: wrong segments, base64 with padding, a header with more than `typ`,
    /// `alg` and `kid`, claims missing, twice, or of the wrong JSON type.
    #[error("the token is malformed")]
    Malformed,
    /// Its `typ` is not `at+jwt` (RFC 9068 §2.1): it is a token, but no access token.
    #[error("the token is no access token")]
    Type,
    /// The key's algorithm is not the one that the token names, or not one that this service allows.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// It names a key that the issuer does not publish (any more).
    #[error("the token names an unknown key")]
    UnknownKey,
    /// Its signature is not by the key that it names.
    #[error("the token's signature is wrong")]
    Signature,
    /// Another issuer's.
    #[error("the token is from another issuer")]
    Issuer,
    /// Meant for another service.
    #[error("the token is for another audience")]
    Audience,
    /// It is neither a user's nor a client's own: it has no session, and its `sub` is not its `client_id`, or has the
    /// form of a user's id.
    #[error("the token speaks for nobody")]
    Subject,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come: `nbf`, or an `iat` of more than a minute ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It would live longer than [`Builder::longest_life`](crate::Builder::longest_life), for which revocations are
    /// remembered.
    #[error("the token lives too long")]
    Lifetime,
    /// It is bound to a key of the client (`cnf`), which nobody here checks.
    #[error("the token is bound to a key of the client")]
    Bound,
    /// It was revoked, or its session, its client, or all of its subject.
    #[error("the token was revoked")]
    Revoked,
    /// It says something of roles or permissions, and was issued before those changed. The session goes on: a client that
    /// refreshes gets a token that says how they are now.
    #[error("the roles or permissions that the token tells of have changed")]
    RolesChanged,
    /// It was issued before or while revocations could not be heard, and [`Staleness::RefuseBeyond`] asks for more.
    /// A token that is issued now is accepted, so the client should refresh.
    ///
    /// [`Staleness::RefuseBeyond`]: crate::Staleness::RefuseBeyond
    #[error("the token may have been revoked unheard")]
    Unheard,
    /// Revocations have not been heard for longer than [`Staleness::RefuseBeyond`] allows.
    ///
    /// [`Staleness::RefuseBeyond`]: crate::Staleness::RefuseBeyond
    #[error("the revocation feed is stale")]
    Stale,
    /// There are no keys (yet), or they are older than this service allows.
    #[error("the issuer's keys are not known")]
    NoKeys,
}

impl Rejected {
    /// Whether the fault is not the token's: it may be fine, and nobody can say so just now. HTTP 503 rather than 401.
    pub const fn is_unavailable(self) -> bool {
        matches!(self, Self::Stale | Self::NoKeys)
    }

    /// Whether newer keys could change the verdict.
    pub(crate) const fn wants_keys(self) -> bool {
        matches!(self, Self::UnknownKey | Self::NoKeys)
    }
}
