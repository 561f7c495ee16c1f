//! API keys: rotating, revoking, changing and listing them.

use std::time::Duration;

use portcullis_domain::access::{Access, ApiKeyError, ApiKeyScope, KeyQuery, RotateApiKey, UpdateApiKey};
use portcullis_domain::audit::{Action, Actor, Outcome};
use portcullis_domain::caller::Identity;
use portcullis_domain::event::Event;
use portcullis_domain::ports::limits::Quota;

use crate::access_keys::{refused, revoke, rotate, update, uses};
use crate::access_roles::entry;
use crate::access_scene::{admin, granted, own_key, permissions, somebody, wanted_key};
use crate::faulty::faulty_world;
use crate::world::{HOUR, SECOND, World, origin};

const MICRO: Duration = Duration::from_micros(1);

#[tokio::test]
async fn a_rotated_key_works_with_both_secrets_for_the_overlap_to_the_microsecond() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    let old = own_key(&world, &caller, &[]).await;
    world.events().await;
    world.acts().await;
    world.clock.advance(SECOND);
    let new = world.app.access.rotate_key(rotate(&caller, old.key.id, HOUR)).await.expect("a new secret");
    assert_eq!((new.key.id, new.key.version, new.key.updated_at), (old.key.id, 2, world.now()));
    assert_ne!(new.secret.expose(), old.secret.expose());
    for pause in [Duration::ZERO, HOUR - MICRO] {
        world.clock.advance(pause);
        assert!(uses(&world, &old).await.is_ok() && uses(&world, &new).await.is_ok());
    }
    world.clock.advance(MICRO);
    assert!(refused(&uses(&world, &old).await), "the overlap is over");
    uses(&world, &new).await.expect("the new secret");
    assert_eq!(world.events().await, [Event::ApiKeyRotated { user_id: ann.id, api_key_id: old.key.id }]);
    let id = old.key.id.to_string();
    let acts = world.acts().await;
    assert_eq!(entry(&acts[0]), (Actor::User(ann.id), Action::RotateApiKey, Outcome::Success, Some(id.as_str())));
}

#[tokio::test]
async fn without_an_overlap_the_old_secret_ends_at_once_and_the_longest_is_30_days() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let first = own_key(&world, &caller, &[]).await;
    uses(&world, &first).await.expect("it is known now");
    let second = world.app.access.rotate_key(rotate(&caller, first.key.id, Duration::ZERO)).await.expect("a secret");
    assert!(refused(&uses(&world, &first).await), "at once, whatever was known");
    let third = world.app.access.rotate_key(rotate(&caller, first.key.id, Duration::MAX)).await.expect("a secret");
    assert_eq!(third.key.previous.map(|(_, until)| until), Some(world.now().plus(Access::LONGEST_OVERLAP)));
    // A second rotation within the overlap ends the oldest.
    let fourth = world.app.access.rotate_key(rotate(&caller, first.key.id, HOUR)).await.expect("a secret");
    assert!(refused(&uses(&world, &second).await));
    assert!(uses(&world, &third).await.is_ok() && uses(&world, &fourth).await.is_ok());
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_for_good_a105() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    let key = own_key(&world, &caller, &[]).await;
    let newer = world.app.access.rotate_key(rotate(&caller, key.key.id, HOUR)).await.expect("a new secret");
    assert!(uses(&world, &key).await.is_ok() && uses(&world, &newer).await.is_ok());
    world.events().await;
    world.acts().await;
    revoke(&world, &caller, key.key.id).await.expect("an end");
    assert!(refused(&uses(&world, &key).await) && refused(&uses(&world, &newer).await));
    assert_eq!(world.events().await, [Event::ApiKeyRevoked { user_id: ann.id, api_key_id: key.key.id }]);
    let acts = world.acts().await;
    assert_eq!((acts.len(), acts[0].action, acts[0].subject), (1, Action::RevokeApiKey, Some(ann.id)));

    let id = key.key.id;
    let (seen, _) = world.app.access.key(&caller, ApiKeyScope::Own, id).await.expect("it is still shown");
    assert_eq!((seen.revoked_at, seen.previous), (Some(world.now()), None));
    assert!(matches!(revoke(&world, &caller, id).await, Err(ApiKeyError::NotFound)), "it ends once");
    let rotated = world.app.access.rotate_key(rotate(&caller, id, HOUR)).await;
    assert!(matches!(rotated, Err(ApiKeyError::NotFound)), "it does not come back: {rotated:?}");
    let changed = UpdateApiKey { expires_at: Some(None), ..update(&caller, id) };
    assert!(matches!(world.app.access.update_key(changed).await, Err(ApiKeyError::NotFound)));
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn a_key_is_changed_field_by_field_and_only_in_its_newest_version() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &["orders:*"]).await;
    let key = own_key(&world, &caller, &["orders:read"]).await;
    uses(&world, &key).await.expect("it is known now");
    world.events().await;
    world.acts().await;
    world.clock.advance(MICRO);
    let access = &world.app.access;
    let same = access.update_key(update(&caller, key.key.id)).await.expect("the key");
    assert_eq!((same.0, world.acts().await), (key.key.clone(), Vec::new()), "changing nothing is no change");

    let quota = Some(Some(Quota { burst: 1, period: SECOND }));
    let cmd = UpdateApiKey {
        name: Some("weekly build".to_owned()),
        permissions: Some(permissions(&["orders:write"])),
        quota,
        version: Some(1),
        ..update(&caller, key.key.id)
    };
    let (changed, _) = access.update_key(cmd.clone()).await.expect("a change");
    assert_eq!((changed.name.as_str(), changed.version, changed.updated_at), ("weekly build", 2, world.now()));
    assert_eq!((changed.secret, changed.created_at), (key.key.secret, key.key.created_at), "its secret stays");
    let now = uses(&world, &key).await.expect("the key works");
    assert_eq!(now.permissions, permissions(&["orders:write"]), "the change bites at once");
    assert!(matches!(now.identity, Identity::ApiKey { quota: Some(Quota { burst: 1, .. }), .. }));
    assert!(matches!(access.update_key(cmd).await, Err(ApiKeyError::Conflict)), "of version 1 there is none any more");
    assert_eq!(world.acts().await.len(), 1);
    assert_eq!(world.events().await, [], "what a key may do is nobody else's business");
}

#[tokio::test]
async fn a_key_whose_owner_was_demoted_can_still_be_renamed() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:read"]).await;
    let key = own_key(&world, &caller, &["orders:read"]).await.key;
    crate::access_scene::withdrawn(&world, ann.id, "role-of-ann").await;
    let cmd = UpdateApiKey { name: Some("old build".to_owned()), ..update(&caller, key.id) };
    let (renamed, _) = world.app.access.update_key(cmd).await.expect("a change");
    assert_eq!(renamed.permissions, key.permissions);
    let again = UpdateApiKey { permissions: Some(permissions(&["orders:read", "a:b"])), ..update(&caller, key.id) };
    assert!(matches!(world.app.access.update_key(again).await, Err(ApiKeyError::BeyondOwner(_))));
}

#[tokio::test]
async fn keys_are_listed_page_by_page_the_newest_first() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        world.clock.advance(SECOND);
        made.push(own_key(&world, &caller, &[]).await.key.id);
    }
    made.reverse();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let query = KeyQuery { after, limit: 2, ..KeyQuery::default() };
        let (page, more) = world.app.access.keys(&caller, ApiKeyScope::Own, query).await.expect("a page");
        seen.extend(page.iter().map(|(key, _)| key.id));
        after = seen.last().copied();
        if !more {
            break;
        }
        assert_eq!(page.len(), 2);
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn what_was_not_committed_has_not_happened_to_a_key() {
    let (world, fault) = faulty_world().await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:read"]).await;
    let key = own_key(&world, &caller, &[]).await;
    granted(&world, world.register("bob").await.id, "role-of-ann").await;
    world.events().await;
    world.acts().await;
    fault.set(true);
    let access = &world.app.access;
    assert!(matches!(access.create_key(wanted_key(&caller, ann.id, &[])).await, Err(ApiKeyError::Failure(_))));
    assert!(access.rotate_key(rotate(&caller, key.key.id, HOUR)).await.is_err());
    assert!(revoke(&world, &caller, key.key.id).await.is_err());
    fault.set(false);
    uses(&world, &key).await.expect("the key works as before");
    let (page, _) =
        access.keys(&caller, ApiKeyScope::Own, KeyQuery { limit: 9, ..KeyQuery::default() }).await.expect("a page");
    assert_eq!(page.len(), 1);
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn no_key_lifts_its_own_limits_by_the_way_of_administrators_a106() {
    let world = World::new().await;
    let (root, caller) = admin(&world, "rita").await;
    let (ben, ..) = somebody(&world, "ben", &[]).await;
    let key = own_key(&world, &caller, &["*:*"]).await;
    let program = uses(&world, &key).await.expect("the key calls");
    let access = &world.app.access;
    let not_so = |error: Option<ApiKeyError>| assert!(matches!(error, Some(ApiKeyError::NotASession)), "{error:?}");
    not_so(access.create_key(wanted_key(&program, root.id, &["*:*"])).await.err());
    let lifted = UpdateApiKey { scope: ApiKeyScope::All, expires_at: Some(None), ..update(&program, key.key.id) };
    not_so(access.update_key(lifted).await.err());
    let rotated = RotateApiKey { scope: ApiKeyScope::All, ..rotate(&program, key.key.id, HOUR) };
    not_so(access.rotate_key(rotated).await.err());

    let of_another = wanted_key(&program, ben.id, &[]);
    access.create_key(of_another).await.expect("whose rights it has, it manages");
    access.revoke_key(&program, ApiKeyScope::All, key.key.id, &origin()).await.expect("it can end itself");
    assert!(refused(&uses(&world, &key).await));
    assert_eq!(key.key.owner, root.id);
}
