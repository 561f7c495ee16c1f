//! The problems that each operation can answer with.

use crate::answer::{ALWAYS, BODY, CALLING, CHANGING, HASHING, IN_PERSON, Refusals, VERSIONED};
use crate::problem::Code;

/// Declares what an operation can answer with.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $($group:expr),+;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;
        impl Refusals for $name {
            const CODES: &'static [&'static [Code]] = &[ALWAYS, $($group),+];
        }
    )*};
}

/// What can go wrong where the account has to be that of somebody else.
const OTHERS: &[Code] = &[Code::Impersonated, Code::OwnAccount];

refusals! {
    /// A list with filters.
    Listing = CALLING, &[Code::InvalidParameter];
    /// Something that is told in whole.
    ReadingAll = CALLING;
    /// One thing.
    Reading = CALLING, &[Code::NotFound];
    /// Everything that is kept of an account.
    Exporting = CALLING, &[Code::NotFound, Code::Impersonated];
    /// The pages of a list of one thing.
    ReadingPages = CALLING, &[Code::NotFound, Code::InvalidParameter];
    /// Opening an account.
    Creating = CALLING, CHANGING, HASHING, BODY, &[Code::Impersonated, Code::EmailTaken, Code::UsernameTaken];
    /// Changing an account.
    Updating = CALLING, CHANGING, BODY, VERSIONED,
        OTHERS, &[Code::NotFound, Code::EmailTaken, Code::UsernameTaken, Code::PreconditionRequired];
    /// Deleting an account.
    Deleting = CALLING, CHANGING, BODY, OTHERS, &[Code::NotFound, Code::LastAdministrator, Code::EditConflict];
    /// Disabling an account.
    Disabling = CALLING, CHANGING, BODY, OTHERS, &[Code::NotFound, Code::LastAdministrator, Code::EditConflict];
    /// An act on an account without a body.
    Managing = CALLING, CHANGING, BODY, OTHERS, &[Code::NotFound, Code::EditConflict];
    /// Acting as another user.
    Impersonations = IN_PERSON, CHANGING, BODY, &[Code::NotFound];
    /// Giving and taking roles.
    Granting = CALLING, CHANGING, BODY,
        &[Code::NotFound, Code::BuiltInRole, Code::PasswordChangePending, Code::LastAdministrator];
    /// An act on many accounts.
    Acting = CALLING, CHANGING, BODY;
    /// A new role.
    CreatingRole = CALLING, CHANGING, BODY, &[Code::RoleTaken, Code::LimitReached];
    /// A change of a role.
    UpdatingRole = CALLING, CHANGING, BODY, VERSIONED,
        &[Code::NotFound, Code::BuiltInRole, Code::LimitReached, Code::PreconditionRequired];
    /// The end of a role.
    DeletingRole = CALLING, CHANGING, BODY, &[Code::NotFound, Code::BuiltInRole, Code::EditConflict];
    /// A new client.
    CreatingClient = CALLING, CHANGING, BODY, &[Code::ClientTaken];
    /// A new secret of a client.
    RotatingSecret = CALLING, CHANGING, BODY, &[Code::NotFound];
    /// The end of a client.
    DeletingClient = CALLING, CHANGING, BODY, &[Code::NotFound];
}
