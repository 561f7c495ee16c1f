//! Accounts: who people are, and how they prove it.

mod change_password;
mod delete;
mod email;
mod login_name;
mod password;
mod profile;
mod register;
mod reserved;
mod screen_password;
mod user;
mod username;

use std::sync::Arc;

use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::{PasswordHasher, PasswordPolicy};
use crate::ports::sessions::RevocationList;
use crate::ports::store::Store;
use crate::sessions::SessionPolicy;

pub use change_password::{ChangePassword, ChangePasswordError};
pub use delete::DeleteAccount;
pub use email::{Email, EmailError};
pub use login_name::LoginName;
pub use password::{Password, PasswordError, PasswordHash};
pub use profile::{UpdateProfile, UpdateProfileError};
pub use register::{Register, RegisterError};
pub use screen_password::PasswordContext;
pub use user::{User, UserStatus};
pub use username::{Username, UsernameError};

/// What can be done with accounts: [`register`](Accounts::register), [`profile`](Accounts::profile),
/// [`update_profile`](Accounts::update_profile), [`change_password`](Accounts::change_password),
/// [`delete`](Accounts::delete).
pub struct Accounts {
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    policy: Arc<dyn PasswordPolicy>,
    revocations: Arc<dyn RevocationList>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    sessions: SessionPolicy,
}

impl Accounts {
    /// The capability over its ports.
    pub fn new(
        store: Arc<dyn Store>,
        hasher: Arc<dyn PasswordHasher>,
        policy: Arc<dyn PasswordPolicy>,
        revocations: Arc<dyn RevocationList>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        sessions: SessionPolicy,
    ) -> Self {
        Self { store, hasher, policy, revocations, clock, random, sessions }
    }
}
