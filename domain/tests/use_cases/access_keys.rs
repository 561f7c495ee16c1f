//! API keys: creating them.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::access::{
    ApiKey, ApiKeyError, ApiKeyScope, CreateApiKey, KeyText, KeyUsage, NewApiKey, ResolveError, RotateApiKey,
    UpdateApiKey,
};
use portcullis_domain::audit::{Action, Actor, Outcome, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ids::ApiKeyId;
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::store::Store;

use crate::access_roles::entry;
use crate::access_scene::{admin, defined, own_key, permissions, role, somebody, wanted_key};
use crate::world::{DAY, HOUR, SECOND, World, origin};

pub(crate) async fn uses(world: &World, key: &NewApiKey) -> Result<Caller, ResolveError> {
    world.app.access.resolve_key(key.secret.expose(), &origin()).await
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: &Result<T, ResolveError>) -> bool {
    matches!(outcome, Err(ResolveError::Unauthenticated))
}

pub(crate) fn rotate(caller: &Caller, id: ApiKeyId, overlap: Duration) -> RotateApiKey {
    RotateApiKey { caller: caller.clone(), scope: ApiKeyScope::Own, id, overlap, origin: origin() }
}

/// A change of one's own key that leaves everything as it is.
pub(crate) fn update(caller: &Caller, id: ApiKeyId) -> UpdateApiKey {
    UpdateApiKey {
        caller: caller.clone(),
        scope: ApiKeyScope::Own,
        id,
        name: None,
        permissions: None,
        roles: None,
        networks: None,
        quota: None,
        expires_at: None,
        version: None,
        origin: origin(),
    }
}

pub(crate) async fn revoke(world: &World, caller: &Caller, id: ApiKeyId) -> Result<(), ApiKeyError> {
    world.app.access.revoke_key(caller, ApiKeyScope::Own, id, &origin()).await
}

#[tokio::test]
async fn a_new_key_is_shown_once_and_stored_as_a_digest_a105() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:*"]).await;
    let quota = Quota { burst: 5, period: SECOND };
    let networks = vec!["192.0.2.77/24".parse().expect("a network"), "192.0.2.0/24".parse().expect("a network")];
    let cmd = CreateApiKey {
        quota: Some(quota),
        networks,
        roles: vec![role("user"), role("user")],
        expires_at: Some(world.now().plus(DAY)),
        ..wanted_key(&caller, ann.id, &["orders:read"])
    };
    let made = world.app.access.create_key(cmd).await.expect("a key");
    let text = KeyText::parse(made.secret.expose()).expect("a key's text");
    assert_eq!(text.id, made.key.id);
    assert_eq!(made.secret.expose().len(), 108, "256 random bits, an id and a checksum");
    let key = &made.key;
    assert_eq!(
        (key.owner, key.name.as_str(), &key.permissions),
        (ann.id, "nightly build", &permissions(&["orders:read"]))
    );
    assert_eq!((&key.roles[..], key.quota, key.version), (&[role("user")][..], Some(quota), 1));
    assert_eq!(key.networks, ["192.0.2.0/24".parse().expect("a network")], "each network once, in one spelling");
    assert_eq!((key.created_at, key.updated_at, key.revoked_at, key.previous), (world.now(), world.now(), None, None));

    let mut tx = world.store.begin().await.expect("a unit of work");
    let stored = tx.api_keys().by_id(key.id).await.expect("a look").expect("the key");
    assert_eq!(stored, (key.clone(), KeyUsage::default()), "what is answered is what is stored");
    drop(tx);
    let event = Event::ApiKeyCreated { user_id: ann.id, api_key_id: key.id };
    assert_eq!(world.events().await, [event]);
    let acts = world.acts().await;
    let id = key.id.to_string();
    assert_eq!(entry(&acts[0]), (Actor::User(ann.id), Action::CreateApiKey, Outcome::Success, Some(id.as_str())));
    assert_eq!((acts.len(), acts[0].subject), (1, Some(ann.id)));

    let published: String = world.publisher.published().into_iter().map(|published| published.body).collect();
    for place in [format!("{made:?}"), format!("{stored:?}"), format!("{acts:?}"), published, format!("{text:?}")] {
        assert!(!place.contains(&text.secret.expose()[..16]), "the secret is in {place}");
    }
    assert_ne!(&key.secret.0[..], text.secret.expose().as_bytes());
}

#[tokio::test]
async fn two_keys_of_one_secret_have_different_digests_b11() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let (one, two) = (own_key(&world, &caller, &[]).await, own_key(&world, &caller, &[]).await);
    assert_ne!((one.key.id, one.key.secret), (two.key.id, two.key.secret));
    // The secret of one under the id of the other, with the right checksum.
    let secret = KeyText::parse(one.secret.expose()).expect("a key").secret;
    let mixed = KeyText { id: two.key.id, secret }.text();
    assert!(refused(&world.app.access.resolve_key(mixed.expose(), &origin()).await));
}

#[tokio::test]
async fn a105_a_key_with_more_rights_than_its_owner_is_refused() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:read", "users:read"]).await;
    defined(&world, "boss", &["orders:read", "orders:write"]).await;
    world.acts().await;
    let beyond = |outcome: Result<NewApiKey, ApiKeyError>, what: &str| match outcome {
        Err(ApiKeyError::BeyondOwner(permission)) => assert_eq!(permission.to_string(), what),
        other => panic!("{what}: {other:?}"),
    };
    let access = &world.app.access;
    for wanted in ["orders:write", "orders:*", "*:read", "*:*", "things:read"] {
        beyond(access.create_key(wanted_key(&caller, ann.id, &["orders:read", wanted])).await, wanted);
    }
    let with = |name: &str| CreateApiKey { roles: vec![role(name)], ..wanted_key(&caller, ann.id, &[]) };
    for name in ["boss", "admin", "no-role"] {
        let outcome = access.create_key(with(name)).await;
        assert!(matches!(&outcome, Err(ApiKeyError::RoleNotHeld(not)) if *not == role(name)), "{name}: {outcome:?}");
    }
    let acts = world.acts().await;
    assert_eq!(acts.len(), 8, "each attempt at more is on record");
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::NotPermitted)));

    // Nor does a key grow later.
    let key = access.create_key(with("role-of-ann")).await.expect("a key").key;
    let grown = UpdateApiKey { permissions: Some(permissions(&["orders:write"])), ..update(&caller, key.id) };
    assert!(matches!(access.update_key(grown).await, Err(ApiKeyError::BeyondOwner(_))));
    let grown = UpdateApiKey { roles: Some(vec![role("boss")]), ..update(&caller, key.id) };
    assert!(matches!(access.update_key(grown).await, Err(ApiKeyError::RoleNotHeld(_))));
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused() {
    let world = World::new().await;
    let (ann, caller) = admin(&world, "ann").await;
    let access = &world.app.access;
    let wanted = || wanted_key(&caller, ann.id, &[]);
    let kept = own_key(&world, &caller, &[]).await.key;
    for wrong in ["", "  ", "a\nb", "\u{7}", "a\u{202e}b", "a\u{2028}b", &"x".repeat(101)] {
        let refused = access.create_key(CreateApiKey { name: wrong.to_owned(), ..wanted() }).await;
        assert!(matches!(refused, Err(ApiKeyError::Name)), "{wrong:?}: {refused:?}");
        let refused =
            access.update_key(UpdateApiKey { name: Some(wrong.to_owned()), ..update(&caller, kept.id) }).await;
        assert!(matches!(refused, Err(ApiKeyError::Name)), "{wrong:?}: {refused:?}");
    }
    for end in [world.now(), world.now().minus(SECOND)] {
        let refused = access.create_key(CreateApiKey { expires_at: Some(end), ..wanted() }).await;
        assert!(matches!(refused, Err(ApiKeyError::Expired)), "{refused:?}");
        let refused = access.update_key(UpdateApiKey { expires_at: Some(Some(end)), ..update(&caller, kept.id) }).await;
        assert!(matches!(refused, Err(ApiKeyError::Expired)), "{refused:?}");
    }
    let networks: Vec<_> = (0..51_u8).map(|n| format!("10.{n}.0.0/16").parse().expect("a network")).collect();
    let refused = access.create_key(CreateApiKey { networks: networks.clone(), ..wanted() }).await;
    assert!(matches!(refused, Err(ApiKeyError::TooMany)), "{refused:?}");
    access.create_key(CreateApiKey { networks: networks[1..].to_vec(), ..wanted() }).await.expect("50 networks");
    let many: Vec<String> = (0..201).map(|number| format!("thing-{number}:read")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = access.create_key(wanted_key(&caller, ann.id, &many)).await;
    assert!(matches!(refused, Err(ApiKeyError::TooMany)), "{refused:?}");
    let roles = (0..21).map(|number| role(&format!("role-{number}"))).collect();
    let refused = access.create_key(CreateApiKey { roles, ..wanted() }).await;
    assert!(matches!(refused, Err(ApiKeyError::TooMany)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_who_create_the_last_key_at_once_one_gets_it() {
    let world = Arc::new(World::new().await);
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    for _ in 1..ApiKey::PER_ACCOUNT_MAX {
        own_key(&world, &caller, &[]).await;
    }
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (world, wanted) = (world.clone(), wanted_key(&caller, ann.id, &[]));
            tokio::spawn(async move { world.app.access.create_key(wanted).await })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        match task.await.expect("a task") {
            Ok(_) => created += 1,
            Err(ApiKeyError::TooMany) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn an_account_has_so_many_live_keys_and_no_more() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    let brief = CreateApiKey { expires_at: Some(world.now().plus(HOUR)), ..wanted_key(&caller, ann.id, &[]) };
    world.app.access.create_key(brief).await.expect("a key");
    for _ in 1..ApiKey::PER_ACCOUNT_MAX {
        own_key(&world, &caller, &[]).await;
    }
    let one_more = || world.app.access.create_key(wanted_key(&caller, ann.id, &[]));
    assert!(matches!(one_more().await, Err(ApiKeyError::TooMany)));
    world.clock.advance(HOUR);
    let key = one_more().await.expect("one has ended").key;
    assert!(matches!(one_more().await, Err(ApiKeyError::TooMany)));
    revoke(&world, &caller, key.id).await.expect("an end");
    one_more().await.expect("one was revoked");
}
