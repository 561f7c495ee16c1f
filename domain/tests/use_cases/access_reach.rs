//! Whose API keys somebody manages.

use portcullis_domain::access::{
    ApiKeyError, ApiKeyScope, CreateApiKey, KeyQuery, NewApiKey, RotateApiKey, UpdateApiKey,
};
use portcullis_domain::audit::{Action, Actor, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Forbidden};
use portcullis_domain::ids::{ApiKeyId, UserId};

use crate::access_keys::{rotate, update, uses};
use crate::access_scene::{acted_by, admin, own_key, permissions, role, somebody, through, wanted_key};
use crate::world::{HOUR, World, origin};

/// How each verb on one key ended.
async fn verbs(world: &World, caller: &Caller, scope: ApiKeyScope, id: ApiKeyId) -> Vec<Result<(), ApiKeyError>> {
    let access = &world.app.access;
    let renamed = UpdateApiKey { scope, name: Some("mine now".to_owned()), ..update(caller, id) };
    vec![
        access.key(caller, scope, id).await.map(drop),
        access.update_key(renamed).await.map(drop),
        access.rotate_key(RotateApiKey { scope, ..rotate(caller, id, HOUR) }).await.map(drop),
        access.revoke_key(caller, scope, id, &origin()).await,
    ]
}

async fn still_works(world: &World, key: &NewApiKey) {
    let caller = uses(world, key).await.expect("the key works as before");
    let (stored, _) = world.app.access.calling_key(&caller).await.expect("the key");
    assert_eq!(stored, key.key, "and nothing about it has changed");
}

fn beyond(caller: &Caller, owner: UserId, scope: ApiKeyScope) -> KeyQuery {
    assert!(scope == ApiKeyScope::All || caller.user() != Some(owner));
    KeyQuery { owner: Some(owner), limit: 10, ..KeyQuery::default() }
}

#[tokio::test]
async fn b53_one_s_own_keys_are_all_that_one_reaches_and_a_foreign_one_is_as_little_there_as_none_a102() {
    let world = World::new().await;
    let (ann, _, hers) = somebody(&world, "ann", &["orders:read"]).await;
    // Even an administrator, in the place of one's own keys.
    let (_, boss) = admin(&world, "boss").await;
    let (_, _, bob) = somebody(&world, "bob", &["users:read"]).await;
    let key = own_key(&world, &hers, &["orders:read"]).await;
    let unknown = ApiKeyId::new(world.now(), &*world.ports.random);
    world.events().await;
    world.acts().await;
    for caller in [&bob, &boss] {
        for id in [key.key.id, unknown] {
            for (verb, outcome) in verbs(&world, caller, ApiKeyScope::Own, id).await.into_iter().enumerate() {
                assert!(matches!(outcome, Err(ApiKeyError::NotFound)), "verb {verb}: {outcome:?}");
            }
        }
        let query = beyond(caller, ann.id, ApiKeyScope::Own);
        let page = world.app.access.keys(caller, ApiKeyScope::Own, query).await.expect("a page");
        assert_eq!(page, (Vec::new(), false), "asking for the keys of others shows one's own");
    }
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
    still_works(&world, &key).await;
}

#[tokio::test]
async fn keys_of_others_need_the_permission_and_everything_that_their_owner_may_a104() {
    let world = World::new().await;
    let (ann, _, hers) = somebody(&world, "ann", &["orders:read", "users:delete"]).await;
    let key = own_key(&world, &hers, &["orders:read"]).await;
    let (_, _, plain) = somebody(&world, "plain", &["orders:*", "users:*"]).await;
    let (_, _, weak) = somebody(&world, "weak", &["api-keys:*", "orders:*"]).await;
    let (_, _, strong) = somebody(&world, "strong", &["api-keys:*", "orders:read", "users:delete"]).await;
    let missing = |outcome: Result<(), ApiKeyError>, permission: &str| {
        let expected = Forbidden(permission.parse().expect("a permission"));
        assert!(matches!(&outcome, Err(ApiKeyError::Forbidden(why)) if *why == expected), "{outcome:?}");
    };
    let access = &world.app.access;
    let made = |caller: &Caller| access.create_key(wanted_key(caller, ann.id, &["orders:read"]));

    for outcome in verbs(&world, &plain, ApiKeyScope::All, key.key.id).await.into_iter().zip([
        "api-keys:read",
        "api-keys:write",
        "api-keys:write",
        "api-keys:write",
    ]) {
        missing(outcome.0, outcome.1);
    }
    missing(made(&plain).await.map(drop), "api-keys:write");
    let page = access.keys(&plain, ApiKeyScope::All, beyond(&plain, ann.id, ApiKeyScope::All)).await;
    missing(page.map(drop), "api-keys:read");

    let [read, changes @ ..] = &mut verbs(&world, &weak, ApiKeyScope::All, key.key.id).await[..] else {
        panic!("verbs")
    };
    assert!(read.is_ok(), "looking is not managing: {read:?}");
    for outcome in changes {
        missing(std::mem::replace(outcome, Ok(())), "users:delete");
    }
    missing(made(&weak).await.map(drop), "users:delete");
    still_works(&world, &key).await;
    world.acts().await;

    let new = made(&strong).await.expect("a key for ann");
    assert_eq!((new.key.owner, uses(&world, &new).await.expect("a caller").user()), (ann.id, Some(ann.id)));
    let act = world.acts().await.pop().expect("an entry");
    assert_eq!((act.actor, act.action, act.subject), (strong.actor(), Action::CreateApiKey, Some(ann.id)));
    let page = access.keys(&strong, ApiKeyScope::All, beyond(&strong, ann.id, ApiKeyScope::All)).await.expect("a page");
    assert_eq!(page.0.len(), 2);
    for outcome in verbs(&world, &strong, ApiKeyScope::All, key.key.id).await {
        outcome.expect("whoever may all that she may manages her keys");
    }
    assert!(uses(&world, &key).await.is_err());
}

#[tokio::test]
async fn a_key_for_somebody_else_has_no_more_rights_than_that_one() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    let (ann, _, _) = somebody(&world, "ann", &["orders:read"]).await;
    let access = &world.app.access;
    let outcome = access.create_key(wanted_key(&boss, ann.id, &["users:read"])).await;
    assert!(matches!(outcome, Err(ApiKeyError::BeyondOwner(_))), "{outcome:?}");
    let with = CreateApiKey { roles: vec![role("admin")], ..wanted_key(&boss, ann.id, &[]) };
    assert!(matches!(access.create_key(with).await, Err(ApiKeyError::RoleNotHeld(_))));
    let nobody = UserId::from_uuid(uuid::Uuid::from_u128(9));
    let outcome = access.create_key(wanted_key(&boss, nobody, &[])).await;
    assert!(matches!(outcome, Err(ApiKeyError::NotFound)), "{outcome:?}");
    access.create_key(wanted_key(&Caller::operator(), ann.id, &["orders:read"])).await.expect("the operator may");
}

#[tokio::test]
async fn a106_a_key_makes_no_keys_unless_it_may_write_them_all() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["api-keys:*", "orders:read"]).await;
    let weak = own_key(&world, &caller, &["orders:read"]).await;
    let strong = own_key(&world, &caller, &["api-keys:write", "api-keys:*", "orders:read"]).await;
    let access = &world.app.access;
    let acting = uses(&world, &weak).await.expect("a caller");
    world.acts().await;
    let outcome = access.create_key(wanted_key(&acting, ann.id, &["orders:read"])).await;
    assert!(matches!(outcome, Err(ApiKeyError::NotASession)), "{outcome:?}");
    let act = world.acts().await.pop().expect("an entry");
    let refused = Outcome::Refused(Refusal::NotPermitted);
    assert_eq!((act.actor, act.action, act.outcome), (Actor::ApiKey(weak.key.id), Action::CreateApiKey, refused));
    for outcome in verbs(&world, &acting, ApiKeyScope::Own, weak.key.id).await {
        assert!(matches!(outcome, Err(ApiKeyError::NotASession)), "no key is in the place of its owner: {outcome:?}");
    }
    let own = access.keys(&acting, ApiKeyScope::Own, KeyQuery { limit: 9, ..KeyQuery::default() }).await;
    assert!(matches!(own, Err(ApiKeyError::NotASession)), "{own:?}");

    let acting = uses(&world, &strong).await.expect("a caller");
    let outcome = access.create_key(wanted_key(&acting, ann.id, &["orders:read"])).await;
    assert!(matches!(outcome, Err(ApiKeyError::NotASession)), "not for its owner, whose password it does not know");
    let (ben, ..) = somebody(&world, "ben", &["orders:read"]).await;
    let new = access.create_key(wanted_key(&acting, ben.id, &["orders:read"])).await.expect("this one may");
    assert_eq!(uses(&world, &new).await.expect("a caller").permissions, permissions(&["orders:read"]));
}

#[tokio::test]
async fn whoever_acts_as_somebody_else_or_through_a_foreign_client_manages_no_keys_of_theirs() {
    let world = World::new().await;
    let (boss, _) = admin(&world, "boss").await;
    let (ann, her) = admin(&world, "ann").await;
    let key = own_key(&world, &her, &[]).await;
    let access = &world.app.access;
    let plain_through = Caller { permissions: permissions(&["orders:read"]), ..through(&her, "app") };
    for caller in [acted_by(&her, boss.id), plain_through] {
        for outcome in verbs(&world, &caller, ApiKeyScope::Own, key.key.id).await {
            assert!(matches!(outcome, Err(ApiKeyError::NotASession)), "{outcome:?}");
        }
        let outcome = access.create_key(wanted_key(&caller, ann.id, &[])).await;
        assert!(matches!(outcome, Err(ApiKeyError::NotASession)), "{outcome:?}");
    }
    // Nor of anybody else: what they would make outlives the support.
    let acting = acted_by(&her, boss.id);
    let outcome = access.create_key(wanted_key(&acting, boss.id, &[])).await;
    assert!(matches!(outcome, Err(ApiKeyError::NotASession)), "{outcome:?}");
    let [read, changes @ ..] = &verbs(&world, &acting, ApiKeyScope::All, key.key.id).await[..] else { panic!("verbs") };
    assert!(read.is_ok());
    assert!(changes.iter().all(|outcome| matches!(outcome, Err(ApiKeyError::NotASession))), "{changes:?}");
    still_works(&world, &key).await;
}
