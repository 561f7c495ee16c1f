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
    InvalidParameter = BAD_REQUEST "invalid-parameter" "A query parameter has a value it cannot have"
        "`errors` names the parameter and says what it may be.";
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A valid access token is needed"
        "Send `Authorization: Bearer <access token>`, or the access cookie. If you did, the token has expired or its session has ended: refresh, or log in again.";
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
    EditConflict = CONFLICT "edit-conflict" "The account was changed at the same time"
        "Read the account again, and repeat the change if it is still wanted.";
    BodyTooLarge = PAYLOAD_TOO_LARGE "body-too-large" "The body is too large"
        "No request needs more than a few kilobytes.";
    UriTooLong = URI_TOO_LONG "uri-too-long" "The URL is too long"
        "Path and query have at most 8,192 bytes.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body's type or encoding is not supported"
        "Send `Content-Type: application/json` and no `Content-Encoding`.";
    ValidationFailed = UNPROCESSABLE_ENTITY "validation-failed" "The body is not what is needed here"
        "`errors` lists everything that is wrong at once; `pointer` (RFC 6901) says where.";
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
