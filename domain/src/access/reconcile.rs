//! Roles as a file says they are to be.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::{Failure, Timestamp};

use super::define::check;
use super::{Access, Asked, Permissions, Role, RoleName};

/// A role as a file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDraft {
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    pub description: String,
    /// What its holders may do.
    pub permissions: Permissions,
}

/// One difference between what there is and what is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A role is created.
    Create(RoleDraft),
    /// A role is changed.
    Update {
        /// As it is.
        from: RoleDraft,
        /// As it is to be.
        to: RoleDraft,
    },
    /// A role is deleted, for no draft names it.
    Delete(RoleDraft),
    /// No draft names the role, and nobody asked to delete such roles.
    Keep(RoleName),
}

/// What a reconciliation did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// The differences, by the names of the roles. Without [`Change::Create`], [`Change::Update`] and [`Change::Delete`]
    /// everything is as it is to be.
    pub changes: Vec<Change>,
    /// Whether they were made.
    pub applied: bool,
}

/// Why nothing was reconciled.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The caller is not allowed to.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The drafts are not what roles can be: a name twice, `admin` with other permissions, too many.
    #[error("{0}")]
    Draft(String),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// How often seeding begins when replicas stand in each other's way.
const SEED_ATTEMPTS: u32 = 5;

impl Access {
    /// Creates the roles that are always there, and those of `drafts` when there was no role at all. Doing it again, or
    /// on several replicas at once, changes nothing. What comes from a draft is announced.
    pub async fn seed(&self, drafts: &[RoleDraft]) -> Result<(), ReconcileError> {
        let drafts = by_name(drafts)?;
        for _ in 1..SEED_ATTEMPTS {
            match self.try_seed(&drafts).await {
                // Another replica was faster.
                Err(StoreError::Duplicate(_) | StoreError::Conflict) => {}
                seeded => return Ok(seeded?),
            }
        }
        Ok(self.try_seed(&drafts).await?)
    }

    async fn try_seed(&self, drafts: &Drafts<'_>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let roles = tx.roles().all().await?;
        let mut missing: Vec<(RoleDraft, bool)> = Vec::new();
        if roles.is_empty() {
            missing.extend(drafts.values().map(|draft| ((*draft).clone(), true)));
        }
        for built_in in RoleDraft::built_in() {
            let is_there = roles.iter().any(|role| role.name == built_in.name);
            if !is_there && !missing.iter().any(|(draft, _)| draft.name == built_in.name) {
                missing.push((built_in, false));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let (origin, mut effects) = (Origin::default(), Vec::new());
        for (draft, is_announced) in missing {
            let role = draft.role(now);
            tx.roles().insert(&role, Role::ROLES_MAX).await?;
            if is_announced {
                let act = AuditEntry::new(now, &*self.random, Actor::Service, Action::CreateRole, &origin);
                tx.audit().append(act.with(role.name.as_str())).await?;
                effects.push(Effect::publish(role.created(), &origin));
            }
        }
        tx.commit(now, effects).await?;
        self.known.forget();
        Ok(())
    }

    /// Makes the roles what the drafts say, all in one unit of work; with `prune` roles that no draft names are deleted,
    /// built-in ones never. With `dry_run` it only tells the difference. Needs `roles:write` and everything: `*:*`.
    pub async fn reconcile(
        &self,
        caller: &Caller,
        drafts: &[RoleDraft],
        prune: bool,
        dry_run: bool,
        origin: &Origin,
    ) -> Result<Reconciled, ReconcileError> {
        let now = self.clock.now();
        if let Err(refused) = caller.require(Asked::RolesWrite).and_then(|()| caller.require_all(&Permissions::all())) {
            self.note(self.act(now, caller, Action::UpdateRole, origin), Refusal::NotPermitted).await?;
            return Err(refused.into());
        }
        let drafts = by_name(drafts)?;
        let mut tx = self.store.begin().await?;
        let roles = tx.roles().all().await?;
        let changes = differences(&roles, &drafts, prune);
        let count = |which: fn(&Change) -> bool| changes.iter().filter(|change| which(change)).count();
        let (more, fewer) = (count(|c| matches!(c, Change::Create(_))), count(|c| matches!(c, Change::Delete(_))));
        if roles.len() + more - fewer > Role::ROLES_MAX {
            return Err(too_many());
        }
        if dry_run {
            return Ok(Reconciled { changes, applied: false });
        }
        let mut effects = Vec::new();
        // What goes makes room for what comes.
        let (gone, others): (Vec<_>, Vec<_>) = changes.iter().partition(|change| matches!(change, Change::Delete(_)));
        for change in gone.into_iter().chain(others) {
            if let Some((action, name, event)) = make(&mut *tx, change, &roles, now).await? {
                tx.audit().append(self.act(now, caller, action, origin).with(name.as_str())).await?;
                effects.push(Effect::publish(event, origin));
            }
        }
        if !effects.is_empty() {
            tx.commit(now, effects).await?;
            self.known.forget();
        }
        Ok(Reconciled { changes, applied: true })
    }
}

/// Makes one change; what is recorded and announced of it.
async fn make<'a>(
    tx: &mut dyn Tx,
    change: &'a Change,
    roles: &[Role],
    now: Timestamp,
) -> Result<Option<(Action, &'a RoleName, Event)>, StoreError> {
    Ok(match change {
        Change::Create(draft) => {
            let role = draft.role(now);
            tx.roles().insert(&role, Role::ROLES_MAX).await?;
            Some((Action::CreateRole, &draft.name, role.created()))
        }
        Change::Update { to, .. } => {
            let old = roles.iter().find(|role| role.name == to.name).ok_or(StoreError::Conflict)?;
            let role = Role { created_at: old.created_at, version: old.version, ..to.role(now) };
            tx.roles().update(&role).await?;
            Some((Action::UpdateRole, &to.name, role.updated()))
        }
        Change::Delete(draft) => {
            tx.roles().delete(&draft.name, now).await?;
            Some((Action::DeleteRole, &draft.name, Event::RoleDeleted { role: draft.name.clone() }))
        }
        Change::Keep(_) => None,
    })
}

/// What differs, by the names of the roles.
fn differences(roles: &[Role], drafts: &Drafts<'_>, prune: bool) -> Vec<Change> {
    let there: BTreeMap<_, _> = roles.iter().map(|role| (&role.name, RoleDraft::of(role))).collect();
    let names: BTreeSet<_> = there.keys().chain(drafts.keys()).copied().collect();
    let change = |name| match (there.get(name).cloned(), drafts.get(name)) {
        (None, Some(to)) => Some(Change::Create((*to).clone())),
        (Some(from), Some(to)) => (from != **to).then(|| Change::Update { from, to: (*to).clone() }),
        (Some(from), None) if from.name.is_built_in() => None,
        (Some(from), None) if prune => Some(Change::Delete(from)),
        (Some(from), None) => Some(Change::Keep(from.name)),
        (None, None) => None,
    };
    names.into_iter().filter_map(change).collect()
}

type Drafts<'a> = BTreeMap<&'a RoleName, &'a RoleDraft>;

/// The drafts by name, if roles can be so.
fn by_name(drafts: &[RoleDraft]) -> Result<Drafts<'_>, ReconcileError> {
    let mut named = Drafts::new();
    for draft in drafts {
        let name = &draft.name;
        check(&draft.description, &draft.permissions)
            .map_err(|error| ReconcileError::Draft(format!("the role {name}: {error}")))?;
        if name.as_str() == RoleName::ADMIN && draft.permissions != Permissions::all() {
            return Err(ReconcileError::Draft("the role admin is built in: it holds *:* and nothing else".to_owned()));
        }
        if named.insert(name, draft).is_some() {
            return Err(ReconcileError::Draft(format!("the role {name} is there twice")));
        }
    }
    if named.len() > Role::ROLES_MAX { Err(too_many()) } else { Ok(named) }
}

fn too_many() -> ReconcileError {
    ReconcileError::Draft(format!("there are at most {} roles", Role::ROLES_MAX))
}

impl RoleDraft {
    /// The roles that are always there, as they are when nobody says otherwise.
    pub fn built_in() -> [Self; 2] {
        let admin = Permissions::all();
        [
            Self { name: RoleName::admin(), description: "May do everything.".to_owned(), permissions: admin },
            Self {
                name: RoleName::user(),
                description: "Everybody has it.".to_owned(),
                permissions: Permissions::default(),
            },
        ]
    }

    fn of(role: &Role) -> Self {
        let Role { name, description, permissions, .. } = role.clone();
        Self { name, description, permissions }
    }

    fn role(&self, now: Timestamp) -> Role {
        let Self { name, description, permissions } = self.clone();
        Role { name, description, permissions, created_at: now, updated_at: now, version: 1 }
    }
}

impl From<StoreError> for ReconcileError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => too_many(),
            // Somebody else defined a role at the same time: a second try finds it.
            StoreError::Duplicate(_) => Self::Failure(StoreError::Conflict.into()),
            error => Self::Failure(error.into()),
        }
    }
}
