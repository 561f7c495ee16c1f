//! What to do about a refusal, where the refusal itself does not say it.

use std::error::Error;

use portcullis_domain::access::{ApiKeyError, GrantError, RoleError};
use portcullis_domain::administration::{AdministrationError, CreateUserError, SetUpError, UpdateUserError};

const ROLES: &str = "see `portcullis roles list`";
const PENDING: &str = "its owner does so at the next login, or by a link of `portcullis users password-link`";
const LAST: &str = "make another one first, with `portcullis users grant USER admin`";
const CLOSED: &str = "see `portcullis users list --role admin`; `portcullis users grant USER admin` makes another one";
const TAKEN: &str = "see `portcullis users show` with it";

/// What whoever is at the command line can do about it.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_roles = error.downcast_ref().and_then(of_role).or_else(|| error.downcast_ref().and_then(of_grant));
    let of_keys = || error.downcast_ref().and_then(of_key);
    let of_accounts =
        || error.downcast_ref().and_then(of_creation).or_else(|| error.downcast_ref().and_then(of_change));
    let of_acts = || error.downcast_ref().and_then(of_act).or_else(|| error.downcast_ref().and_then(of_setup));
    of_roles.or_else(of_keys).or_else(of_accounts).or_else(of_acts)
}

fn of_role(error: &RoleError) -> Option<&'static str> {
    match error {
        RoleError::NotFound => Some(ROLES),
        RoleError::Taken => Some("`portcullis roles update` changes it"),
        RoleError::BuiltIn => Some("admin cannot be changed, and neither admin nor user can be deleted"),
        _ => None,
    }
}

fn of_grant(error: &GrantError) -> Option<&'static str> {
    match error {
        GrantError::UnknownRole => Some(ROLES),
        GrantError::PasswordPending => Some(PENDING),
        GrantError::LastHolder => Some(LAST),
        GrantError::Implicit => Some("`portcullis roles update user` changes what every account may do"),
        _ => None,
    }
}

fn of_key(error: &ApiKeyError) -> Option<&'static str> {
    match error {
        ApiKeyError::NotFound => Some("see `portcullis api-keys list`"),
        ApiKeyError::UnknownRole(_) => Some(ROLES),
        ApiKeyError::BeyondOwner(_) | ApiKeyError::RoleNotHeld(_) => {
            Some("`portcullis users grant` gives its owner a role")
        }
        _ => None,
    }
}

fn of_creation(error: &CreateUserError) -> Option<&'static str> {
    match error {
        CreateUserError::UnknownRole(_) => Some(ROLES),
        CreateUserError::EmailTaken | CreateUserError::UsernameTaken => Some(TAKEN),
        _ => None,
    }
}

fn of_change(error: &UpdateUserError) -> Option<&'static str> {
    matches!(error, UpdateUserError::EmailTaken | UpdateUserError::UsernameTaken).then_some(TAKEN)
}

fn of_act(error: &AdministrationError) -> Option<&'static str> {
    matches!(error, AdministrationError::LastHolder).then_some(LAST)
}

fn of_setup(error: &SetUpError) -> Option<&'static str> {
    matches!(error, SetUpError::Closed).then_some(CLOSED)
}
