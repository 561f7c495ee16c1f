//! Administration: what those in charge do with the accounts of others.

mod change;
mod create;
mod impersonate;
mod link;
mod list;
mod managed;
mod one_time;
mod query;
mod reason;
mod set_up;
mod stats;
mod status;

use std::sync::Arc;

use crate::access::Known;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::{Mac, PasswordHasher, PasswordPolicy};
use crate::ports::store::Store;
use crate::sessions::{KnownRevocations, SessionPolicy};
use crate::tokens::AccessTokens;

pub use change::{UpdateUser, UpdateUserError};
pub use create::{CreateUser, CreateUserError, CreatedUser};
pub use impersonate::{Impersonate, ImpersonateError, Impersonating};
pub use link::{Link, SetPassword, SetPasswordError};
pub use list::{UserPage, UserView};
pub(crate) use one_time::void_links;
pub use query::{UserPlace, UserQuery, UserSort};
pub use set_up::{SetUp, SetUpError};
pub use stats::{Statistics, StatsError};
pub use status::{AdministrationError, Manage};

/// What those in charge do with accounts: [`search`](Administration::search), [`user`](Administration::user),
/// [`create_user`](Administration::create_user), [`update_user`](Administration::update_user),
/// [`disable`](Administration::disable), [`enable`](Administration::enable), [`delete`](Administration::delete),
/// [`sessions`](Administration::sessions), [`revoke_sessions`](Administration::revoke_sessions),
/// [`expire_password`](Administration::expire_password), [`password_link`](Administration::password_link),
/// [`impersonate`](Administration::impersonate), [`statistics`](Administration::statistics); and how the first of them
/// comes in: [`setup_link`](Administration::setup_link), [`set_up`](Administration::set_up),
/// [`set_password`](Administration::set_password).
///
/// Whoever manages an account needs, besides the permission for the act, every permission that the account has: nobody
/// takes over somebody mightier.
pub struct Administration {
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    policy: Arc<dyn PasswordPolicy>,
    mac: Arc<dyn Mac>,
    revocations: Arc<KnownRevocations>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    access_tokens: Arc<AccessTokens>,
    sessions: SessionPolicy,
    first_party: String,
    known: Arc<Known>,
    counted: stats::Counted,
}

impl Administration {
    /// The capability over its ports; `first_party` is the client whose sessions impersonations are.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub fn new(
        store: Arc<dyn Store>,
        hasher: Arc<dyn PasswordHasher>,
        policy: Arc<dyn PasswordPolicy>,
        mac: Arc<dyn Mac>,
        revocations: Arc<KnownRevocations>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        access_tokens: Arc<AccessTokens>,
        sessions: SessionPolicy,
        first_party: String,
        known: Arc<Known>,
    ) -> Self {
        let counted = stats::Counted::default();
        Self {
            store,
            hasher,
            policy,
            mac,
            revocations,
            clock,
            random,
            access_tokens,
            sessions,
            first_party,
            known,
            counted,
        }
    }
}
