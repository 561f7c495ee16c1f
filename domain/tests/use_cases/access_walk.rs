//! Every use case that asks what its caller may, tried by everybody.

use std::pin::Pin;

use portcullis_domain::access::{
    ApiKeyError, ApiKeyScope, GrantError, KeyQuery, ReconcileError, RoleError, RotateApiKey, UpdateApiKey,
};
use portcullis_domain::audit::Actor;
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::clients::{ChangeClientError, CreateClientError, ReadClientError, RotateSecret};
use portcullis_domain::ids::{ApiKeyId, UserId};

use crate::access_keys::{rotate, update};
use crate::access_scene::{admin, define, defined, grant, own_key, permissions, role, somebody, wanted_key};
use crate::clients::{client, id, wanted};
use crate::world::{HOUR, World, origin};

/// How a use case ended: whether the caller was forbidden to.
trait Forbids {
    fn forbids(&self) -> bool;
}

macro_rules! forbids {
    ($($error:ty: $pattern:pat),+ $(,)?) => {
        $(impl<T> Forbids for Result<T, $error> {
            fn forbids(&self) -> bool {
                matches!(self, Err($pattern))
            }
        })+
    };
}

forbids! {
    RoleError: RoleError::Forbidden(_),
    GrantError: GrantError::Forbidden(_),
    ApiKeyError: ApiKeyError::Forbidden(_) | ApiKeyError::NotASession,
    ReconcileError: ReconcileError::Forbidden(_),
    CreateClientError: CreateClientError::Forbidden(_),
    ChangeClientError: ChangeClientError::Forbidden(_),
    ReadClientError: ReadClientError::Forbidden(_),
}

type Try<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// What the use cases are tried on.
struct Aims {
    victim: UserId,
    key: ApiKeyId,
}

/// Every use case that asks what its caller may: its name, the permissions that it needs, and a try of it that tells
/// whether the caller was forbidden to.
#[expect(clippy::type_complexity, reason = "a table")]
fn use_cases() -> Vec<(&'static str, &'static [&'static str], for<'a> fn(&'a World, &'a Caller, &'a Aims) -> Try<'a>)> {
    macro_rules! case {
        ($name:literal, [$($needs:literal),*], |$app:ident, $caller:ident, $aims:ident| $try:expr) => {{
            fn attempt<'a>(world: &'a World, $caller: &'a Caller, $aims: &'a Aims) -> Try<'a> {
                let $app = &world.app;
                let _ = $aims;
                Box::pin(async move { $try.forbids() })
            }
            ($name, &[$($needs),*], attempt)
        }};
    }
    const ALL: ApiKeyScope = ApiKeyScope::All;
    vec![
        case!("roles", ["roles:read"], |app, caller, aims| app.access.roles(caller).await),
        case!("role", ["roles:read"], |app, caller, aims| app.access.role(caller, &role("clerk")).await),
        case!("permissions", ["roles:read"], |app, caller, aims| app.access.permissions(caller).await),
        case!("create_role", ["roles:write", "a:b"], |app, caller, aims| {
            app.access.create_role(define(caller, "made", &["a:b"])).await
        }),
        case!("update_role", ["roles:write", "a:b", "a:c"], |app, caller, aims| {
            app.access.update_role(define(caller, "clerk", &["a:c"])).await
        }),
        case!("delete_role", ["roles:write", "a:b"], |app, caller, aims| {
            app.access.delete_role(caller, &role("doomed"), &origin()).await
        }),
        case!("grant", ["roles:grant", "roles:write", "a:b"], |app, caller, aims| app
            .access
            .grant(grant(caller, aims.victim, "clerk"))
            .await),
        case!("withdraw", ["roles:grant", "roles:write", "a:b", "v:w"], |app, caller, aims| {
            app.access.withdraw(grant(caller, aims.victim, "clerk")).await
        }),
        case!("reconcile", ["roles:write", "*:*"], |app, caller, aims| {
            app.access.reconcile(caller, &[], false, false, &origin()).await
        }),
        case!("reconcile, dry", ["roles:write", "*:*"], |app, caller, aims| {
            app.access.reconcile(caller, &[], false, true, &origin()).await
        }),
        case!("keys", ["api-keys:read"], |app, caller, aims| app.access.keys(caller, ALL, KeyQuery::default()).await),
        case!("key", ["api-keys:read"], |app, caller, aims| app.access.key(caller, ALL, aims.key).await),
        case!("create_key", ["api-keys:write", "v:w"], |app, caller, aims| {
            app.access.create_key(wanted_key(caller, aims.victim, &["v:w"])).await
        }),
        case!("update_key", ["api-keys:write", "v:w"], |app, caller, aims| {
            app.access
                .update_key(UpdateApiKey { scope: ALL, name: Some("x".to_owned()), ..update(caller, aims.key) })
                .await
        }),
        case!("rotate_key", ["api-keys:write", "v:w"], |app, caller, aims| {
            app.access.rotate_key(RotateApiKey { scope: ALL, ..rotate(caller, aims.key, HOUR) }).await
        }),
        case!("revoke_key", ["api-keys:write", "v:w"], |app, caller, aims| {
            app.access.revoke_key(caller, ALL, aims.key, &origin()).await
        }),
        case!("clients", ["clients:read"], |app, caller, aims| app.clients.list(caller).await),
        case!("client", ["clients:read"], |app, caller, aims| app.clients.get(caller, &id("shop")).await),
        case!("create client", ["clients:write", "a:b"], |app, caller, aims| {
            let mut cmd = wanted("made", "a:b");
            cmd.caller = caller.clone();
            app.clients.create(cmd).await
        }),
        case!("rotate client", ["clients:write", "a:b"], |app, caller, aims| {
            let caller = caller.clone();
            app.clients
                .rotate_secret(RotateSecret { client: id("shop"), overlap: HOUR, caller, origin: origin() })
                .await
        }),
        case!("delete client", ["clients:write", "a:b"], |app, caller, aims| {
            app.clients.delete(caller, &id("shop"), &origin()).await
        }),
    ]
}

/// A world with something to do for every use case.
async fn stage() -> (World, Aims) {
    let world = World::new().await;
    let (victim, _, hers) = somebody(&world, "victim", &["v:w"]).await;
    let key = own_key(&world, &hers, &[]).await.key.id;
    defined(&world, "clerk", &["a:b"]).await;
    defined(&world, "doomed", &["a:b"]).await;
    client(&world, "shop", "a:b").await;
    admin(&world, "boss").await;
    world.events().await;
    world.acts().await;
    (world, Aims { victim: victim.id, key })
}

fn as_client(may: &[&str]) -> Caller {
    let identity = Identity::Client { id: "robot".to_owned() };
    Caller { identity, permissions: permissions(may), roles: Vec::new() }
}

fn as_key(owner: UserId, may: &[&str]) -> Caller {
    let id = ApiKeyId::from_uuid(uuid::Uuid::from_u128(11));
    let identity = Identity::ApiKey { id, owner, quota: None, expires_at: None };
    Caller { identity, permissions: permissions(may), roles: Vec::new() }
}

#[tokio::test]
async fn a101_every_use_case_refuses_whoever_lacks_one_permission_and_serves_whoever_has_all() {
    for (name, needs, attempt) in use_cases() {
        let (world, aims) = stage().await;
        let (plain, _, nothing) = somebody(&world, "plain", &[]).await;
        let mut callers = vec![nothing.clone(), as_client(&[]), as_key(plain.id, &[])];
        for missing in needs.iter().filter(|needed| !(**needed == "roles:write" && needs.contains(&"*:*"))) {
            // All but one; and much that has nothing to do with it.
            let mut partly: Vec<&str> = needs.iter().copied().filter(|needed| needed != missing).collect();
            partly.extend(["stats:read", "zoo:*"]);
            callers.push(Caller { permissions: permissions(&partly), ..nothing.clone() });
            callers.push(as_client(&partly));
            callers.push(as_key(plain.id, &partly));
        }
        for caller in &callers {
            assert!(attempt(&world, caller, &aims).await, "{name}: {caller:?} is refused");
        }
        assert_eq!(world.events().await, [], "{name}: nothing has happened");
        let acts = world.acts().await;
        assert!(acts.iter().all(|act| act.outcome.refusal().is_some()), "{name}: {acts:?}");

        for entitled in [Caller { permissions: permissions(needs), ..nothing }, as_client(needs), Caller::operator()] {
            let (world, aims) = stage().await;
            assert!(!attempt(&world, &entitled, &aims).await, "{name}: {entitled:?} is served");
        }
    }
}

#[tokio::test]
async fn every_mutating_use_case_that_is_refused_is_on_record() {
    let (world, aims) = stage().await;
    for (name, needs, attempt) in use_cases() {
        assert!(attempt(&world, &as_client(&[]), &aims).await);
        let changes = needs.iter().any(|needed| needed.ends_with(":write") || needed.ends_with(":grant"));
        let acts = world.acts().await;
        assert_eq!(acts.len(), usize::from(changes), "{name}: {acts:?}");
        assert!(acts.iter().all(|act| act.actor == Actor::Client("robot".to_owned())));
    }
}
