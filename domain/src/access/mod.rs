//! Access: who may do what, and the API keys that do it for them.

mod api_key;
mod create_key;
mod define;
mod giving;
mod grant;
mod key_change;
mod key_rules;
mod key_text;
mod known;
mod maker;
mod one_time;
mod permission;
mod query;
mod reconcile;
mod resolve;
mod role;
mod standing;
mod usage;

use std::sync::Arc;

use crate::Timestamp;
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::Caller;
use crate::clients::ClientDirectory;
use crate::origin::Origin;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::Mac;
use crate::ports::store::{Store, StoreError};
use crate::sessions::{KnownRevocations, SessionPolicy};

pub use api_key::{ApiKey, KeyInUse, KeyUsage};
pub use create_key::{ApiKeyError, CreateApiKey, NewApiKey};
pub use define::{DefineRole, PermissionView, RoleError};
pub(crate) use giving::{for_caller, may_give};
pub use grant::{GrantError, GrantRole};
pub use key_change::{ApiKeyScope, RotateApiKey, UpdateApiKey};
pub use key_text::{KeyText, NotAnApiKey};
pub use known::Known;
pub(crate) use maker::held_by;
pub use one_time::{OneTimeToken, Purpose};
pub use permission::{Asked, NotAPermission, Permission, Permissions};
pub use query::KeyQuery;
pub(crate) use query::keys_of;
pub use reconcile::{Change, ReconcileError, Reconciled, RoleDraft};
pub use resolve::{Recognized, ResolveError};
pub use role::{NotARoleName, Role, RoleName};
pub use standing::Standing;
pub(crate) use standing::{standing_in, with_user};

/// What can be done about access: roles ([`roles`](Access::roles), [`role`](Access::role),
/// [`permissions`](Access::permissions), [`create_role`](Access::create_role), [`update_role`](Access::update_role),
/// [`delete_role`](Access::delete_role), [`grant`](Access::grant), [`withdraw`](Access::withdraw),
/// [`seed`](Access::seed), [`reconcile`](Access::reconcile)), API keys ([`create_key`](Access::create_key),
/// [`keys`](Access::keys), [`key`](Access::key), [`calling_key`](Access::calling_key),
/// [`update_key`](Access::update_key), [`rotate_key`](Access::rotate_key), [`revoke_key`](Access::revoke_key)), and who
/// calls ([`resolve_token`](Access::resolve_token), [`recent_caller`](Access::recent_caller),
/// [`recognize_key`](Access::recognize_key), [`resolve_key`](Access::resolve_key), [`check_key`](Access::check_key),
/// [`standing`](Access::standing), [`recent_standing`](Access::recent_standing)).
///
/// Nobody gives, defines or creates what they lack themselves. [`flush_usage`](Access::flush_usage) and
/// [`purge`](Access::purge) are called again and again by the composition root.
pub struct Access {
    store: Arc<dyn Store>,
    mac: Arc<dyn Mac>,
    clients: Arc<ClientDirectory>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    first_party: String,
    known: Arc<Known>,
    revocations: Arc<KnownRevocations>,
    sessions: SessionPolicy,
    usage: usage::Counter,
}

impl Access {
    /// The capability over its ports; `first_party` is the client whose sessions may do all that their user may, `known`
    /// what every capability that changes access forgets.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub fn new(
        store: Arc<dyn Store>,
        mac: Arc<dyn Mac>,
        clients: Arc<ClientDirectory>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        first_party: String,
        known: Arc<Known>,
        revocations: Arc<KnownRevocations>,
        sessions: SessionPolicy,
    ) -> Self {
        let usage = usage::Counter::default();
        Self { store, mac, clients, clock, random, first_party, known, revocations, sessions, usage }
    }
}

impl Access {
    /// An act of a caller, for the audit trail.
    fn act(&self, now: Timestamp, caller: &Caller, action: Action, origin: &Origin) -> AuditEntry {
        AuditEntry::new(now, &*self.random, caller.actor(), action, origin)
    }

    /// Records a refusal that changes nothing else.
    async fn note(&self, act: AuditEntry, why: Refusal) -> Result<(), StoreError> {
        let now = act.at;
        let mut tx = self.store.begin().await?;
        tx.audit().append(act.refused(why)).await?;
        tx.commit(now, Vec::new()).await
    }
}
