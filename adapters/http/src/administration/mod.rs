//! What those in charge do: with the accounts of others, with roles and clients, and what they look at.

mod actions;
mod acts;
mod audit;
mod audit_view;
mod client_view;
mod clients;
pub(crate) mod export;
pub(crate) mod filter;
mod impersonating;
mod refusals;
mod role_view;
mod roles;
mod stats;
mod stream;
mod user_forms;
mod user_query;
mod user_roles;
mod user_sessions;
mod user_view;
mod users;

use std::sync::Arc;

use poem_openapi::Tags;
use poem_openapi::registry::Registry;
use serde_json::{Map, Value};

use crate::openapi::{describe, named};
use crate::routes::Routes;
use crate::state::State;

pub(crate) use user_forms::{email, username};

#[derive(Tags)]
enum Tag {
    /// Accounts, for those in charge of them.
    Users,
    /// Roles and permissions.
    Roles,
    /// What happened, and how much there is.
    Audit,
    /// Other services that call in their own name.
    Clients,
}

/// Does something for each API of this folder.
macro_rules! each_api {
    ($each:ident) => {
        $each!(users::UserApi);
        $each!(export::UserExportApi);
        $each!(actions::ActionsApi);
        $each!(acts::ActApi);
        $each!(user_sessions::UserSessionApi);
        $each!(user_roles::UserRoleApi);
        $each!(roles::RoleApi);
        $each!(audit::AuditApi);
        $each!(stats::StatsApi);
        $each!(clients::ClientApi);
    };
}

/// Adds the routes.
pub(crate) fn add_routes(routes: &mut Routes, state: &Arc<State>) {
    macro_rules! add {
        ($api:path) => {
            routes.add_api($api(state.clone()));
        };
    }
    each_api!(add);
}

/// Adds the operations to the OpenAPI document.
pub(crate) fn describe_all(registry: &mut Registry, paths: &mut Map<String, Value>) {
    macro_rules! tell {
        ($api:path) => {
            describe::<$api>(registry, paths);
        };
    }
    each_api!(tell);
}

/// The schemas of these operations.
pub(crate) fn schemas() -> Value {
    [
        named::<user_view::ManagedUser>(),
        named::<export::AccountDocument>(),
        named::<user_view::ManagedUserPage>(),
        named::<user_view::CreatedUserView>(),
        named::<user_view::LinkView>(),
        named::<user_forms::CreateUserForm>(),
        named::<user_forms::UpdateUserForm>(),
        named::<user_forms::DisableForm>(),
        named::<user_forms::ImpersonateForm>(),
        named::<user_forms::ActionsForm>(),
        named::<impersonating::ImpersonatingView>(),
        named::<actions::Acted>(),
        named::<user_roles::RoleNames>(),
        named::<role_view::RoleView>(),
        named::<role_view::RoleList>(),
        named::<role_view::PermissionItem>(),
        named::<role_view::PermissionList>(),
        named::<role_view::CreateRoleForm>(),
        named::<role_view::UpdateRoleForm>(),
        named::<audit_view::AuditView>(),
        named::<audit_view::AuditPage>(),
        named::<stats::StatsView>(),
        named::<client_view::ClientView>(),
        named::<client_view::ClientList>(),
        named::<client_view::CreatedClient>(),
        named::<client_view::ClientSecret>(),
        named::<client_view::CreateClientForm>(),
        named::<client_view::RotateSecretForm>(),
    ]
    .into_iter()
    .collect()
}
