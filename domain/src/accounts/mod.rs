//! Accounts: who people are, and how they prove it.

mod attempts;
mod change_password;
mod delete;
mod device;
mod email;
mod export;
mod export_account;
mod hold;
mod import;
mod login_name;
mod password;
mod profile;
mod prove;
mod register;
mod reserved;
mod screen_password;
mod user;
mod username;

use std::sync::Arc;

use crate::Timestamp;
use crate::access::Known;
use crate::audit::{AuditEntry, Refusal};
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::{HashImport, PasswordHasher, PasswordPolicy};
use crate::ports::store::{Store, StoreError, Unique};
use crate::sessions::{KnownRevocations, SessionPolicy};

pub use attempts::{Admission, AttemptGuard, AttemptKey, AttemptPolicy, Attempts, TooManyAttempts};
pub(crate) use attempts::{Attempt, Blocked};
pub(crate) use change_password::settle_password;
pub use change_password::{ChangePassword, ChangePasswordError};
pub(crate) use delete::Removal;
pub use delete::{DeleteAccount, DeleteAccountError};
pub use device::DeviceId;
pub use email::{Email, EmailError};
pub use export_account::{
    AccountExport, AccountRecord, ApiKeyRecord, ExportAccount, ExportAccountError, SessionRecord,
};
pub(crate) use hold::hold;
pub use import::{Import, Imported, NotImported};
pub use login_name::LoginName;
pub use password::{Password, PasswordError, PasswordHash};
pub use profile::{UpdateProfile, UpdateProfileError};
pub use register::{Register, RegisterError};
pub use screen_password::PasswordContext;
pub(crate) use screen_password::screen;
pub use user::{CredentialState, User, UserStatus};
pub use username::{Username, UsernameError};

/// What can be done with accounts: [`register`](Accounts::register), [`profile`](Accounts::profile),
/// [`update_profile`](Accounts::update_profile), [`change_password`](Accounts::change_password),
/// [`delete`](Accounts::delete), [`export_account`](Accounts::export_account), [`import`](Accounts::import),
/// [`export`](Accounts::export).
pub struct Accounts {
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    policy: Arc<dyn PasswordPolicy>,
    foreign: Arc<dyn HashImport>,
    revocations: Arc<KnownRevocations>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    attempts: AttemptGuard,
    sessions: SessionPolicy,
    known: Arc<Known>,
}

impl Accounts {
    /// The capability over its ports.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub const fn new(
        store: Arc<dyn Store>,
        hasher: Arc<dyn PasswordHasher>,
        policy: Arc<dyn PasswordPolicy>,
        foreign: Arc<dyn HashImport>,
        revocations: Arc<KnownRevocations>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        attempts: AttemptGuard,
        sessions: SessionPolicy,
        known: Arc<Known>,
    ) -> Self {
        Self { store, hasher, policy, foreign, revocations, clock, random, attempts, sessions, known }
    }

    /// Records a refusal that changes nothing else.
    async fn record(&self, act: AuditEntry, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.audit().append(act).await?;
        tx.commit(now, Vec::new()).await
    }

    /// Records that somebody asked for a name that belongs to another, if that is what the store says.
    async fn note_if_taken(&self, error: &StoreError, act: AuditEntry, now: Timestamp) -> Result<(), StoreError> {
        let taken = match error {
            StoreError::Duplicate(Unique::Email) => "the e-mail address",
            StoreError::Duplicate(Unique::Username) => "the username",
            _ => return Ok(()),
        };
        self.record(act.refused(Refusal::Taken).with(taken), now).await
    }
}
