//! The catalogue of problems. A slug, once published, never changes its meaning.

use poem::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident $slug:literal $title:literal $help:literal;)*) => {
        /// What went wrong, as the outside may rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code { $($name),* }

        impl Code {
            /// All of them, by status.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name.
            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            /// The status of the answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// What it is, in a few words.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What a client should do about it.
            pub(crate) const fn help(self) -> &'static str {
                match self { $(Self::$name => $help),* }
            }
        }
    };
}

codes! {
    MalformedJson = BAD_REQUEST "malformed-json" "The body is not valid JSON"
        "Send one JSON document (RFC 8259) in UTF-8 without a byte order mark, with every name once in its object (RFC 7493), nested at most 127 levels deep.";
    MalformedRequest = BAD_REQUEST "malformed-request" "The request could not be read"
        "The body ended too early, or the request breaks the rules of HTTP. Send it again, complete.";
    InvalidParameter = BAD_REQUEST "invalid-parameter" "A query parameter is unknown, or has a value it cannot have"
        "`errors` names the parameter and says what it may be.";
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A valid access token or API key is needed"
        "Send `Authorization: Bearer <access token>`, the access cookie, or `X-API-Key`: the operation says which it takes. If you did, the token has expired or its session has ended: refresh, or log in again. An API key may be expired or revoked, or its owner may not be served any more.";
    InvalidCredentials = UNAUTHORIZED "invalid-credentials" "The login name or the password is wrong"
        "Nobody is told which of the two is wrong, or whether the account may be used.";
    InvalidRefreshToken = UNAUTHORIZED "invalid-refresh-token" "The refresh token is not valid"
        "It was used before, its session has ended, or it is not one of ours: log in again.";
    InvalidClient = UNAUTHORIZED "invalid-client" "Client authentication failed"
        "Send the client's id and secret, each form-encoded, as `Authorization: Basic` (RFC 6749 §2.3.1).";
    WrongPassword = FORBIDDEN "wrong-password" "The current password is wrong"
        "Changing the password or the e-mail address needs the current password.";
    CsrfFailed = FORBIDDEN "csrf-failed" "The request does not prove that it comes from an allowed page"
        "A request that is authenticated by a cookie needs the matching CSRF token in `X-CSRF-TOKEN` and must come from this origin or an allowed one. `GET /api/v1/auth/csrf` gives the tokens of the session again.";
    UserRequired = FORBIDDEN "user-required" "This endpoint serves users; the token speaks for a client"
        "Call it with a token of a session, from login or refresh. No scope helps: a client that calls in its own name has no account.";
    NotPermitted = FORBIDDEN "not-permitted" "You may not do that"
        "`detail` names the permission that is missing. Ask somebody who has it, and may give it, for a role or an API key that holds it.";
    ReadOnly = FORBIDDEN "read-only" "This session may only look"
        "Somebody who acts as another user changes nothing, unless they were allowed to when the session began.";
    Impersonated = FORBIDDEN "impersonated" "Nobody does that in the name of another user"
        "It is for the user alone: somebody who acts as them can neither change how they log in, nor close, export or take over the account.";
    AddressNotAllowed = FORBIDDEN "address-not-allowed" "The API key may not be used from this address"
        "The key names the networks that it may be used from. Call from one of them, or have them changed.";
    PasswordChangeRequired = FORBIDDEN "password-change-required" "The password has to be changed first"
        "The password was right. Log in again with `new_password` beside it: that changes the password and opens the session.";
    NotFound = NOT_FOUND "not-found" "There is nothing here"
        "The path does not exist, or the thing it names does not exist for you.";
    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed" "This path does not know that method"
        "The header `Allow` lists the methods it knows.";
    RequestTimeout = REQUEST_TIMEOUT "request-timeout" "The body did not arrive in time"
        "Send the request again, faster.";
    EmailTaken = CONFLICT "email-taken" "This e-mail address already has an account"
        "Log in, or use another address.";
    UsernameTaken = CONFLICT "username-taken" "This username is taken"
        "Choose another one.";
    EditConflict = CONFLICT "edit-conflict" "It was changed at the same time"
        "Read it again, and repeat the change if it is still wanted.";
    RoleTaken = CONFLICT "role-taken" "There is a role of this name"
        "Choose another name, or change the role that there is.";
    BuiltInRole = CONFLICT "built-in-role" "This role is built in"
        "`admin` may do everything and cannot be changed; every account has `user`, so that it is neither given nor taken. Neither can be deleted.";
    ClientTaken = CONFLICT "client-taken" "There is a client of this id"
        "Choose another id. The ids of deleted clients are not given again.";
    OwnAccount = CONFLICT "own-account" "This is your own account"
        "This is for the accounts of others. Your own is changed by the operations under /me, which ask for the password.";
    PasswordChangePending = CONFLICT "password-change-pending" "The account has to change its password first"
        "Somebody else chose its password, or knows it, and would have the role too. Give it when the owner has logged in with a new one.";
    LastAdministrator = CONFLICT "last-administrator" "This is the last administrator"
        "Make somebody else an administrator first.";
    LimitReached = CONFLICT "limit-reached" "There can be no more of these"
        "`detail` says how many there can be. Remove one that is not needed any more.";
    SetupClosed = CONFLICT "setup-closed" "There is an administrator already"
        "Setting up is for the first one. Ask an administrator for an account.";
    InvalidLink = GONE "invalid-link" "The link is not valid any more"
        "It was used, has expired, or was replaced by a newer one. Ask for another.";
    VersionMismatch = PRECONDITION_FAILED "version-mismatch" "It is not of the version that you expect"
        "Somebody changed it since it was read. Read it again, and repeat the change with its new `ETag` if it is still wanted.";
    BodyTooLarge = PAYLOAD_TOO_LARGE "body-too-large" "The body is too large"
        "No request needs more than a few kilobytes.";
    UriTooLong = URI_TOO_LONG "uri-too-long" "The URL is too long"
        "Path and query have at most 8,192 bytes.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body's type or encoding is not supported"
        "Send `Content-Type: application/json` and no `Content-Encoding`.";
    ValidationFailed = UNPROCESSABLE_ENTITY "validation-failed" "The body is not what is needed here"
        "`errors` lists everything that is wrong at once; `pointer` (RFC 6901) says where.";
    PreconditionRequired = PRECONDITION_REQUIRED "precondition-required" "It has to be said which version is meant"
        "Send `If-Match` with the `ETag` of what was read (RFC 6585 §3), or `*` for whichever there is.";
    RateLimited = TOO_MANY_REQUESTS "rate-limited" "Too many requests"
        "Nothing has happened. Try again after `Retry-After` seconds; `RateLimit` says how much is left, `RateLimit-Policy` how much there is.";
    TooManyAttempts = TOO_MANY_REQUESTS "too-many-attempts" "Too many wrong passwords"
        "The password was not looked at. Try again after `Retry-After` seconds; the wait grows with every failure. A device that has logged in before does not wait for the failures of others.";
    HeadersTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE "headers-too-large" "The headers are too large"
        "All header lines together have at most 28,672 bytes; most often it is cookies that are too many.";
    Internal = INTERNAL_SERVER_ERROR "internal" "The service is at fault"
        "Tell the operator the request id; the log knows more.";
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "The service has more work than it can do now"
        "Nothing has happened. Try again after `Retry-After` seconds.";
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "A part the service needs is not available"
        "Try again after `Retry-After` seconds.";
    Timeout = SERVICE_UNAVAILABLE "timeout" "The request took too long"
        "It may or may not have had its effect. Try again after `Retry-After` seconds.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_kebab_case() {
        for code in Code::ALL {
            assert_eq!(Code::ALL.iter().filter(|other| other.slug() == code.slug()).count(), 1, "{}", code.slug());
            assert!(code.slug().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", code.slug());
        }
    }
}
