//! What each refusal means in HTTP of what those in charge do.

use portcullis_domain::access::{GrantError, RoleError};
use portcullis_domain::administration::{
    AdministrationError, CreateUserError, ImpersonateError, SetPasswordError, SetUpError, StatsError, UpdateUserError,
};
use portcullis_domain::audit::AuditError;
use portcullis_domain::clients::{ChangeClientError, CreateClientError, ReadClientError};

use super::{Code, Place, Problem, Reason};

impl From<AdministrationError> for Problem {
    fn from(error: AdministrationError) -> Self {
        match error {
            AdministrationError::Forbidden(forbidden) => forbidden.into(),
            AdministrationError::NotFound => Self::new(Code::NotFound),
            AdministrationError::OwnAccount => Self::new(Code::OwnAccount),
            AdministrationError::Impersonated => Self::new(Code::Impersonated),
            AdministrationError::LastHolder => Self::new(Code::LastAdministrator),
            AdministrationError::Reason => wrong("reason", "malformed", error.to_string()),
            AdministrationError::Conflict => Self::new(Code::EditConflict),
            AdministrationError::Failure(failure) => failure.into(),
        }
    }
}

impl From<CreateUserError> for Problem {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Forbidden(forbidden) => forbidden.into(),
            CreateUserError::Impersonated => Self::new(Code::Impersonated),
            CreateUserError::EmailTaken => Self::new(Code::EmailTaken),
            CreateUserError::UsernameTaken => Self::new(Code::UsernameTaken),
            CreateUserError::WeakPassword(why) => wrong("password", "weak-password", why),
            CreateUserError::UnknownRole(_) => wrong("roles", "unknown", error.to_string()),
            CreateUserError::Implicit => wrong("roles", "unsupported", error.to_string()),
            CreateUserError::TooManyRoles => wrong("roles", "too-long", error.to_string()),
            CreateUserError::Failure(failure) => failure.into(),
        }
    }
}

impl From<UpdateUserError> for Problem {
    fn from(error: UpdateUserError) -> Self {
        match error {
            UpdateUserError::Forbidden(forbidden) => forbidden.into(),
            UpdateUserError::NotFound => Self::new(Code::NotFound),
            UpdateUserError::OwnAccount => Self::new(Code::OwnAccount),
            UpdateUserError::Impersonated => Self::new(Code::Impersonated),
            UpdateUserError::EmailTaken => Self::new(Code::EmailTaken),
            UpdateUserError::UsernameTaken => Self::new(Code::UsernameTaken),
            UpdateUserError::Version => Self::new(Code::VersionMismatch),
            UpdateUserError::Conflict => Self::new(Code::EditConflict),
            UpdateUserError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ImpersonateError> for Problem {
    fn from(error: ImpersonateError) -> Self {
        match error {
            ImpersonateError::Forbidden(forbidden) => forbidden.into(),
            ImpersonateError::NotASession => Self::new(Code::UserRequired),
            ImpersonateError::NotFound => Self::new(Code::NotFound),
            ImpersonateError::Reason => wrong("reason", "malformed", error.to_string()),
            ImpersonateError::Failure(failure) => failure.into(),
        }
    }
}

impl From<SetPasswordError> for Problem {
    fn from(error: SetPasswordError) -> Self {
        match error {
            SetPasswordError::Invalid => Self::new(Code::InvalidLink),
            SetPasswordError::WeakPassword(why) => wrong("password", "weak-password", why),
            SetPasswordError::Failure(failure) => failure.into(),
        }
    }
}

impl From<SetUpError> for Problem {
    fn from(error: SetUpError) -> Self {
        match error {
            SetUpError::Forbidden(forbidden) => forbidden.into(),
            SetUpError::Closed => Self::new(Code::SetupClosed),
            SetUpError::Invalid => Self::new(Code::InvalidLink),
            SetUpError::EmailTaken => Self::new(Code::EmailTaken),
            SetUpError::UsernameTaken => Self::new(Code::UsernameTaken),
            SetUpError::WeakPassword(why) => wrong("password", "weak-password", why),
            SetUpError::Failure(failure) => failure.into(),
        }
    }
}

impl From<StatsError> for Problem {
    fn from(error: StatsError) -> Self {
        match error {
            StatsError::Forbidden(forbidden) => forbidden.into(),
            StatsError::Failure(failure) => failure.into(),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Forbidden(forbidden) => forbidden.into(),
            AuditError::Failure(failure) => failure.into(),
        }
    }
}

impl From<RoleError> for Problem {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::Forbidden(forbidden) => forbidden.into(),
            RoleError::NotFound => Self::new(Code::NotFound),
            RoleError::Taken => Self::new(Code::RoleTaken),
            RoleError::Held => Self::detailed(Code::NotPermitted, error.to_string()),
            RoleError::BuiltIn => Self::new(Code::BuiltInRole),
            RoleError::TooMany => Self::detailed(Code::LimitReached, error.to_string()),
            RoleError::Description => wrong("description", "malformed", error.to_string()),
            RoleError::Conflict => Self::new(Code::EditConflict),
            RoleError::Failure(failure) => failure.into(),
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Forbidden(forbidden) => forbidden.into(),
            GrantError::NotFound | GrantError::UnknownRole => Self::detailed(Code::NotFound, error.to_string()),
            GrantError::Implicit => Self::detailed(Code::BuiltInRole, error.to_string()),
            GrantError::PasswordPending => Self::new(Code::PasswordChangePending),
            GrantError::TooMany => Self::detailed(Code::LimitReached, error.to_string()),
            GrantError::LastHolder => Self::new(Code::LastAdministrator),
            GrantError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ReadClientError> for Problem {
    fn from(error: ReadClientError) -> Self {
        match error {
            ReadClientError::Forbidden(forbidden) => forbidden.into(),
            ReadClientError::Unknown(_) => Self::new(Code::NotFound),
            ReadClientError::Failure(failure) => failure.into(),
        }
    }
}

impl From<CreateClientError> for Problem {
    fn from(error: CreateClientError) -> Self {
        match error {
            CreateClientError::Forbidden(forbidden) => forbidden.into(),
            CreateClientError::Taken(_) => Self::new(Code::ClientTaken),
            CreateClientError::Reserved(_) => {
                wrong("client_id", "reserved", "this id belongs to the service".to_owned())
            }
            CreateClientError::Name => wrong("name", "malformed", error.to_string()),
            CreateClientError::Failure(failure) => failure.into(),
        }
    }
}

impl From<ChangeClientError> for Problem {
    fn from(error: ChangeClientError) -> Self {
        match error {
            ChangeClientError::Forbidden(forbidden) => forbidden.into(),
            ChangeClientError::Unknown(_) => Self::new(Code::NotFound),
            ChangeClientError::Failure(failure) => failure.into(),
        }
    }
}

/// One member of the body is wrong.
fn wrong(member: &str, code: &'static str, why: String) -> Problem {
    Problem::violations(Code::ValidationFailed, vec![Reason::new(code, why).at(Place::member(member))])
}
