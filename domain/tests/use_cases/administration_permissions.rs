//! Who may do what, over every use case of administration and of the audit trail.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis_domain::access::{Asked, Permissions, RoleName};
use portcullis_domain::accounts::{ExportAccount, ExportAccountError, User};
use portcullis_domain::administration::{
    AdministrationError, CreateUser, CreateUserError, Impersonate, ImpersonateError, StatsError, UpdateUser,
    UpdateUserError, UserQuery,
};
use portcullis_domain::audit::{Action, AuditError, AuditQuery, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Forbidden, Identity};

use crate::administration_scene::{calling, manage, program};
use crate::world::{World, email, origin};

/// Each use case that has a caller: its name, what it asks for, and what is recorded when that is refused.
const TABLE: [(&str, &[Asked], Option<Action>); 19] = [
    ("search", &[Asked::UsersRead], None),
    ("user", &[Asked::UsersRead], None),
    ("sessions", &[Asked::UsersRead], None),
    ("create_user", &[Asked::UsersWrite], Some(Action::CreateUser)),
    ("create_user with a role", &[Asked::UsersWrite, Asked::RolesGrant, Asked::RolesWrite], Some(Action::CreateUser)),
    ("update_user", &[Asked::UsersWrite], Some(Action::UpdateUser)),
    ("disable", &[Asked::UsersWrite], Some(Action::DisableUser)),
    ("enable", &[Asked::UsersWrite], Some(Action::EnableUser)),
    ("delete", &[Asked::UsersDelete], Some(Action::DeleteAccount)),
    ("revoke_sessions", &[Asked::UsersWrite], Some(Action::RevokeAll)),
    ("revoke_sessions of one", &[Asked::UsersWrite], Some(Action::Revoke)),
    ("expire_password", &[Asked::UsersWrite], Some(Action::ExpirePassword)),
    ("password_link", &[Asked::UsersWrite], Some(Action::CreateLink)),
    ("impersonate", &[Asked::Impersonate], Some(Action::Impersonate)),
    ("impersonate to write", &[Asked::Impersonate, Asked::ImpersonateWrite], Some(Action::Impersonate)),
    ("statistics", &[Asked::StatsRead], None),
    ("audit search", &[Asked::AuditRead], None),
    ("audit about", &[Asked::UsersExport], None),
    ("export_account", &[Asked::UsersExport], Some(Action::ExportAccount)),
];

/// Asks for a use case on `target`; what was missing, if that is why it was refused.
async fn ask(world: &World, name: &str, caller: &Caller, target: &User) -> Option<Forbidden> {
    let (admin, cmd) = (&world.app.administration, manage(caller, target));
    let of = |error| match error {
        AdministrationError::Forbidden(missing) => Some(missing),
        _ => None,
    };
    match name {
        "search" => admin.search(caller, &UserQuery::default()).await.err().and_then(of),
        "user" => admin.user(caller, target.id).await.err().and_then(of),
        "sessions" => admin.sessions(caller, target.id, None, 5).await.err().and_then(of),
        "create_user" | "create_user with a role" => {
            let roles =
                if name == "create_user" { Vec::new() } else { vec![RoleName::parse("empty").expect("a name")] };
            let cmd = CreateUser {
                caller: caller.clone(),
                username: None,
                email: email("new@example.com"),
                email_verified: false,
                password: None,
                roles,
                origin: origin(),
            };
            match admin.create_user(cmd).await {
                Err(CreateUserError::Forbidden(missing)) => Some(missing),
                _ => None,
            }
        }
        "update_user" => {
            let cmd = UpdateUser {
                caller: caller.clone(),
                user: target.id,
                version: None,
                username: None,
                email: None,
                email_verified: Some(true),
                origin: origin(),
            };
            match admin.update_user(cmd).await {
                Err(UpdateUserError::Forbidden(missing)) => Some(missing),
                _ => None,
            }
        }
        "disable" => admin.disable(cmd, "left".to_owned()).await.err().and_then(of),
        "enable" => admin.enable(cmd).await.err().and_then(of),
        "delete" => admin.delete(cmd).await.err().and_then(of),
        "revoke_sessions" => admin.revoke_sessions(cmd, None).await.err().and_then(of),
        "revoke_sessions of one" => {
            admin.revoke_sessions(cmd, Some(crate::world::some_session())).await.err().and_then(of)
        }
        "expire_password" => admin.expire_password(cmd).await.err().and_then(of),
        "password_link" => admin.password_link(cmd).await.err().and_then(of),
        "impersonate" | "impersonate to write" => {
            let (write, reason) = (name != "impersonate", "a ticket".to_owned());
            let cmd = Impersonate { caller: caller.clone(), user: target.id, reason, write, origin: origin() };
            match admin.impersonate(cmd).await {
                Err(ImpersonateError::Forbidden(missing)) => Some(missing),
                _ => None,
            }
        }
        "statistics" => match admin.statistics(caller).await {
            Err(StatsError::Forbidden(missing)) => Some(missing),
            _ => None,
        },
        "audit search" => missing(world.app.audit.search(caller, &AuditQuery::default()).await.err()),
        "audit about" => missing(world.app.audit.about(caller, target.id, None, 5).await.err()),
        "export_account" => {
            let cmd = ExportAccount { caller: caller.clone(), user: target.id, origin: origin() };
            match world.app.accounts.export_account(cmd).await {
                Err(ExportAccountError::Forbidden(missing)) => Some(missing),
                _ => None,
            }
        }
        other => panic!("nobody knows how to ask for {other}"),
    }
}

fn missing(error: Option<AuditError>) -> Option<Forbidden> {
    match error {
        Some(AuditError::Forbidden(missing)) => Some(missing),
        _ => None,
    }
}

async fn world() -> (World, User) {
    let world = World::new().await;
    crate::administration_scene::define(&world, "empty", &[]).await;
    let (target, _) = world.signed_in("target").await;
    (world, target)
}

#[tokio::test]
async fn every_use_case_refuses_whoever_lacks_what_it_asks_for_a101_b47() {
    for (name, needs, recorded) in TABLE {
        for lacks in needs {
            let (world, target) = world().await;
            // A user without any role, a program without any permission, and one with all permissions but this one.
            let (_, pair) = world.signed_in("plain").await;
            let plain = calling(&world, &pair).await.expect("a plain user calls");
            let others: Vec<&str> =
                Asked::ALL.iter().filter(|asked| *asked != lacks).map(|asked| asked.as_str()).collect();
            for caller in [plain, program(&[]), program(&others)] {
                let refused = ask(&world, name, &caller, &target).await;
                let first = if caller.permissions.is_empty() { needs[0] } else { *lacks };
                assert_eq!(refused, Some(Forbidden(first.into())), "{name} by {:?}", caller.identity);

                let acts = world.acts().await;
                let acts: Vec<_> = acts.iter().map(|entry| (&entry.actor, entry.action, entry.outcome)).collect();
                let why = Outcome::Refused(Refusal::NotPermitted);
                let expected: Vec<_> = recorded.iter().map(|action| (caller.actor(), *action, why)).collect();
                let expected: Vec<_> = expected.iter().map(|(actor, action, why)| (actor, *action, *why)).collect();
                assert_eq!(acts, expected, "{name}: a refused change is on record");
                assert_eq!(world.events().await, [], "{name}: nothing is announced");
            }
            let now = world.app.accounts.profile(target.id).await.expect("a look");
            assert_eq!(now.as_ref(), Some(&target), "{name}: the account is as it was");
        }
    }
}

#[tokio::test]
async fn every_use_case_serves_whoever_has_just_what_it_asks_for_and_the_operator_a101() {
    for (name, needs, _) in TABLE {
        let exactly: Vec<&str> = needs.iter().map(|asked| asked.as_str()).collect();
        for caller in [program(&exactly), Caller::operator()] {
            let (world, target) = world().await;
            assert_eq!(ask(&world, name, &caller, &target).await, None, "{name} by {:?}", caller.identity);
        }
    }
}

#[tokio::test]
async fn only_the_operator_makes_the_setup_link_whatever_others_may_do_a101() {
    let world = World::new().await;
    let mighty = Caller { permissions: Permissions::all(), ..program(&[]) };
    assert!(world.app.administration.setup_link(&mighty).await.is_err());
    assert_ne!(mighty.identity, Identity::Operator);
    world.app.administration.setup_link(&Caller::operator()).await.expect("a link");
}

#[test]
fn every_use_case_is_in_the_table_a101() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/administration");
    let mut known: BTreeSet<String> = TABLE.iter().map(|(name, ..)| (*name).to_owned()).collect();
    // Whoever holds a link calls these; the first tells nothing but whether they can be called.
    known.extend(["needs_set_up", "setup_link", "set_up", "set_password"].map(str::to_owned));
    for file in std::fs::read_dir(source).expect("a folder") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a text");
        for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("pub async fn ")) {
            let name = line.split('(').next().unwrap_or_default();
            assert!(known.contains(name), "{name} is not in the table of who may do what");
        }
    }
}
