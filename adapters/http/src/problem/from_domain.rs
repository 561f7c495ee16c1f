//! What each refusal of the domain means in HTTP: exhaustive, so that a new one does not compile without a meaning.

use poem::http::HeaderValue;
use portcullis_domain::Failure;
use portcullis_domain::access::ApiKeyError;
use portcullis_domain::accounts::{
    ChangePasswordError, DeleteAccountError, ExportAccountError, RegisterError, TooManyAttempts, UpdateProfileError,
};
use portcullis_domain::caller::Forbidden;
use portcullis_domain::sessions::{LogInError, LogOutError, RefreshError};
use portcullis_domain::tokens::AuthenticateError;

use crate::answer::REFRESH_OUTCOME;

use super::{Code, Place, Problem, Reason};

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Overloaded => Self::new(Code::Overloaded),
            Failure::Unavailable(cause) => Self::caused(Code::Unavailable, cause),
            Failure::Internal(cause) => Self::caused(Code::Internal, cause),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::EmailTaken => Self::new(Code::EmailTaken),
            RegisterError::UsernameTaken => Self::new(Code::UsernameTaken),
            RegisterError::WeakPassword(why) => weak_password("password", why),
            RegisterError::Failure(failure) => failure.into(),
        }
    }
}

impl From<UpdateProfileError> for Problem {
    fn from(error: UpdateProfileError) -> Self {
        match error {
            // The account went while its token was still good.
            UpdateProfileError::NotFound => Self::unauthenticated(true),
            UpdateProfileError::EmailTaken => Self::new(Code::EmailTaken),
            UpdateProfileError::UsernameTaken => Self::new(Code::UsernameTaken),
            UpdateProfileError::PasswordNeeded => {
                let reason = Reason::new("required", "changing the e-mail address needs the current password");
                Self::violations(Code::ValidationFailed, vec![reason.at(Place::member("current_password"))])
            }
            UpdateProfileError::Impersonated => Self::new(Code::Impersonated),
            UpdateProfileError::WrongPassword => Self::new(Code::WrongPassword),
            UpdateProfileError::TooManyAttempts(wait) => wait.into(),
            UpdateProfileError::Conflict => Self::new(Code::EditConflict),
            UpdateProfileError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ChangePasswordError> for Problem {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::NotFound => Self::unauthenticated(true),
            ChangePasswordError::Impersonated => Self::new(Code::Impersonated),
            ChangePasswordError::WrongPassword => Self::new(Code::WrongPassword),
            ChangePasswordError::TooManyAttempts(wait) => wait.into(),
            ChangePasswordError::WeakPassword(why) => weak_password("new_password", why),
            ChangePasswordError::Failure(failure) => failure.into(),
        }
    }
}

impl From<DeleteAccountError> for Problem {
    fn from(error: DeleteAccountError) -> Self {
        match error {
            DeleteAccountError::NotFound => Self::unauthenticated(true),
            DeleteAccountError::WrongPassword => Self::new(Code::WrongPassword),
            DeleteAccountError::TooManyAttempts(wait) => wait.into(),
            DeleteAccountError::LastHolder => Self::new(Code::LastAdministrator),
            DeleteAccountError::Impersonated => Self::new(Code::Impersonated),
            DeleteAccountError::Conflict => Self::new(Code::EditConflict),
            DeleteAccountError::Failure(failure) => failure.into(),
        }
    }
}

impl From<LogOutError> for Problem {
    fn from(error: LogOutError) -> Self {
        match error {
            LogOutError::Impersonated => Self::new(Code::Impersonated),
            LogOutError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ExportAccountError> for Problem {
    fn from(error: ExportAccountError) -> Self {
        match error {
            ExportAccountError::Forbidden(forbidden) => forbidden.into(),
            ExportAccountError::NotFound => Self::new(Code::NotFound),
            ExportAccountError::Impersonated => Self::new(Code::Impersonated),
            ExportAccountError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        let wrong = |member: &str, code, error: &ApiKeyError| {
            let reason = Reason::new(code, error.to_string());
            Self::violations(Code::ValidationFailed, vec![reason.at(Place::member(member))])
        };
        match error {
            ApiKeyError::Forbidden(forbidden) => forbidden.into(),
            ApiKeyError::NotASession | ApiKeyError::BeyondOwner(_) | ApiKeyError::RoleNotHeld(_) => {
                Self::detailed(Code::NotPermitted, error.to_string())
            }
            ApiKeyError::NotFound => Self::new(Code::NotFound),
            ApiKeyError::UnknownRole(_) => wrong("roles", "unknown", &error),
            ApiKeyError::Name => wrong("name", "malformed", &error),
            ApiKeyError::Expired => wrong("expires_at", "out-of-range", &error),
            ApiKeyError::TooMany => Self::detailed(Code::LimitReached, error.to_string()),
            ApiKeyError::Conflict => Self::new(Code::EditConflict),
            ApiKeyError::Failure(failure) => failure.into(),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(Forbidden(permission): Forbidden) -> Self {
        Self::not_permitted(&permission)
    }
}

impl From<LogInError> for Problem {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::InvalidCredentials => Self::new(Code::InvalidCredentials),
            LogInError::TooManyAttempts(wait) => wait.into(),
            LogInError::PasswordChangeRequired => Self::new(Code::PasswordChangeRequired),
            LogInError::WeakPassword(why) => weak_password("new_password", why),
            LogInError::Failure(failure) => failure.into(),
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            // No scope is ever asked for where this form of refusal is spoken.
            RefreshError::Invalid | RefreshError::Scope => Self::new(Code::InvalidRefreshToken),
            // For debugging, and once: whoever tries the token again is told no more than of any other.
            RefreshError::Reused => {
                Self::new(Code::InvalidRefreshToken).with_header(REFRESH_OUTCOME, HeaderValue::from_static("reuse"))
            }
            RefreshError::Failure(failure) => failure.into(),
        }
    }
}

impl From<TooManyAttempts> for Problem {
    fn from(wait: TooManyAttempts) -> Self {
        Self::later(Code::TooManyAttempts, wait.retry_after)
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unauthenticated => Self::unauthenticated(true),
            AuthenticateError::NotAUser => Self::new(Code::UserRequired),
            AuthenticateError::Failure(failure) => failure.into(),
        }
    }
}

fn weak_password(member: &str, why: String) -> Problem {
    let violation = Reason::new("weak-password", why).at(Place::member(member));
    Problem::violations(Code::ValidationFailed, vec![violation])
}
