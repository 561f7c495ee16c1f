//! API keys: creating, changing, rotating and revoking them.

use std::time::Duration;

use portcullis_domain::access::{
    Access, ApiKey, ApiKeyError, ApiKeyScope, CreateApiKey, KeyQuery, KeyText, KeyUsage, NewApiKey, ResolveError,
    RotateApiKey, UpdateApiKey,
};
use portcullis_domain::audit::{Action, Actor, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::event::Event;
use portcullis_domain::ids::ApiKeyId;
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::store::Store;

use crate::access_roles::entry;
use crate::access_scene::{admin, defined, granted, own_key, permissions, role, somebody, wanted_key};
use crate::faulty::faulty_world;
use crate::world::{DAY, HOUR, SECOND, World, origin};

const MICRO: Duration = Duration::from_micros(1);

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
async fn b53_two_keys_of_one_secret_have_different_digests() {
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
    beyond(access.create_key(with("boss")).await, "orders:write");
    beyond(access.create_key(with("admin")).await, "*:*");
    let unknown = access.create_key(with("no-role")).await;
    assert!(matches!(&unknown, Err(ApiKeyError::UnknownRole(name)) if *name == role("no-role")), "{unknown:?}");
    let acts = world.acts().await;
    assert_eq!(acts.len(), 7, "each attempt at more is on record");
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::NotPermitted)));

    // Nor does a key grow later.
    let key = access.create_key(with("role-of-ann")).await.expect("a key").key;
    let grown = UpdateApiKey { permissions: Some(permissions(&["orders:write"])), ..update(&caller, key.id) };
    assert!(matches!(access.update_key(grown).await, Err(ApiKeyError::BeyondOwner(_))));
    let grown = UpdateApiKey { roles: Some(vec![role("boss")]), ..update(&caller, key.id) };
    assert!(matches!(access.update_key(grown).await, Err(ApiKeyError::BeyondOwner(_))));
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused() {
    let world = World::new().await;
    let (ann, caller) = admin(&world, "ann").await;
    let access = &world.app.access;
    let wanted = || wanted_key(&caller, ann.id, &[]);
    let kept = own_key(&world, &caller, &[]).await.key;
    for wrong in ["", "  ", "a\nb", "\u{7}", &"x".repeat(101)] {
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
    let roles = (0..51).map(|number| role(&format!("role-{number}"))).collect();
    let refused = access.create_key(CreateApiKey { roles, ..wanted() }).await;
    assert!(matches!(refused, Err(ApiKeyError::TooMany)), "{refused:?}");
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
