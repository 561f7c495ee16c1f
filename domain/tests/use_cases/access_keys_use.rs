//! API keys as they are used.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::access::{ApiKeyScope, CreateApiKey, KeyText, KeyUsage, NewApiKey, ResolveError};
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::ids::ApiKeyId;
use portcullis_domain::origin::Origin;
use portcullis_domain::secret::SecretString;

use crate::access_keys::{refused, revoke, rotate, uses};
use crate::access_scene::{
    define, granted, own_key, permissions, resolved, role, set_status, somebody, wanted_key, withdrawn,
};
use crate::clients::replica;
use crate::faulty::faulty_world;
use crate::world::{DAY, HOUR, MINUTE, SECOND, World, deletion, origin};

const MOMENT: Duration = Duration::from_millis(250);
const MICRO: Duration = Duration::from_micros(1);

async fn usage(world: &World, caller: &Caller, key: &NewApiKey) -> KeyUsage {
    world.app.access.key(caller, ApiKeyScope::Own, key.key.id).await.expect("the key").1
}

#[tokio::test]
async fn a_key_acts_for_its_owner_with_what_it_was_given() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:*", "users:read"]).await;
    let end = world.now().plus(DAY);
    let cmd = CreateApiKey { expires_at: Some(end), ..wanted_key(&caller, ann.id, &["orders:read"]) };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    let acting = uses(&world, &key).await.expect("a caller");
    let identity = Identity::ApiKey { id: key.key.id, owner: ann.id, quota: None, expires_at: Some(end) };
    let expected = Caller { identity, permissions: permissions(&["orders:read"]), roles: Vec::new() };
    assert_eq!((acting.user(), acting.session()), (Some(ann.id), None));
    assert_eq!(acting, expected);
    assert_eq!(world.app.access.calling_key(&acting).await.expect("itself").0, key.key);
    assert!(world.app.access.calling_key(&caller).await.is_err(), "a user is no key");
}

#[tokio::test]
async fn a105_a_demoted_owner_shrinks_the_key() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:read", "users:*"]).await;
    granted(&world, ann.id, "admin").await;
    let cmd = CreateApiKey { roles: vec![role("role-of-ann")], ..wanted_key(&caller, ann.id, &["users:read"]) };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    let may = || async { uses(&world, &key).await.expect("a caller").permissions };
    assert_eq!(may().await, permissions(&["orders:read", "users:*"]));

    let operator = Caller::operator();
    world.app.access.update_role(define(&operator, "role-of-ann", &["orders:read"])).await.expect("a change");
    assert_eq!(may().await, permissions(&["orders:read", "users:read"]), "its role lost something, at once");
    granted(&world, world.register("other-admin").await.id, "admin").await;
    withdrawn(&world, ann.id, "admin").await;
    assert_eq!(may().await, permissions(&["orders:read"]), "its owner lost something, at once");
    withdrawn(&world, ann.id, "role-of-ann").await;
    assert_eq!(may().await, permissions(&[]));
    // What comes back to the owner comes back to the key.
    granted(&world, ann.id, "role-of-ann").await;
    assert_eq!(may().await, permissions(&["orders:read"]));
}

#[tokio::test]
async fn an_expired_key_is_refused_to_the_microsecond_a105() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    let cmd = CreateApiKey { expires_at: Some(world.now().plus(HOUR)), ..wanted_key(&caller, ann.id, &[]) };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    world.clock.advance(HOUR - MICRO);
    uses(&world, &key).await.expect("a caller");
    world.clock.advance(MICRO);
    assert!(refused(&uses(&world, &key).await), "also within the moment for which it is known");
}

#[tokio::test]
async fn a_key_is_used_from_its_networks_and_from_nowhere_else() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    let networks = ["192.0.2.0/24", "2001:db8::/32"].map(|text| text.parse().expect("a network")).to_vec();
    let cmd = CreateApiKey { networks, ..wanted_key(&caller, ann.id, &[]) };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    let from = |ip: Option<&str>, text: &SecretString| {
        let ip = ip.map(|ip| ip.parse::<IpAddr>().expect("an address"));
        let (text, world) = (text.expose().to_owned(), &world);
        async move { world.app.access.resolve_key(&text, &Origin { ip, ..origin() }).await }
    };
    for fine in ["192.0.2.0", "192.0.2.255", "2001:db8::1", "::ffff:192.0.2.7"] {
        from(Some(fine), &key.secret).await.expect(fine);
    }
    for foreign in [Some("192.0.3.0"), Some("2001:db9::1"), Some("::ffff:192.0.3.7"), Some("127.0.0.1"), None] {
        let outcome = from(foreign, &key.secret).await;
        assert!(matches!(outcome, Err(ResolveError::AddressNotAllowed)), "{foreign:?}: {outcome:?}");
    }
    assert_eq!(world.app.access.flush_usage().await.expect("it is written"), 1);
    assert_eq!(usage(&world, &caller, &key).await.uses, 4, "what is refused is no use");

    // Who has not the secret does not learn that the address is the wrong one.
    let wrong = KeyText { id: key.key.id, secret: SecretString::new("0".repeat(64)) }.text();
    assert!(refused(&from(Some("192.0.3.0"), &wrong).await));
    revoke(&world, &caller, key.key.id).await.expect("an end");
    assert!(refused(&from(Some("192.0.3.0"), &key.secret).await));
}

#[tokio::test]
async fn a043_with_its_owner_a_key_ends() {
    let world = World::new().await;
    let (ann, pair, caller) = somebody(&world, "ann", &[]).await;
    let key = own_key(&world, &caller, &[]).await;
    set_status(&world, ann.id, UserStatus::Disabled).await;
    assert!(refused(&uses(&world, &key).await));
    set_status(&world, ann.id, UserStatus::Active).await;
    uses(&world, &key).await.expect_err("it is known for a moment that its owner may not be served");
    world.clock.advance(MOMENT);
    uses(&world, &key).await.expect("its owner is back");
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    assert!(refused(&uses(&world, &key).await), "at once");
    assert!(world.caller(&pair).is_none());
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_id_are_alike_in_answer_and_in_cost_a010_b11() {
    let (world, fault) = faulty_world().await;
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let key = own_key(&world, &caller, &[]).await;
    let gone = own_key(&world, &caller, &[]).await;
    revoke(&world, &caller, gone.key.id).await.expect("an end");
    let unknown = ApiKeyId::new(world.now(), &*world.ports.random);
    let secret = || SecretString::new("0".repeat(64));
    let cases = [
        ("a wrong secret", KeyText { id: key.key.id, secret: secret() }.text()),
        ("an unknown id", KeyText { id: unknown, secret: secret() }.text()),
        ("a revoked key", gone.secret.clone()),
        ("a wrong secret of a revoked key", KeyText { id: gone.key.id, secret: secret() }.text()),
    ];
    // The first one to come reads the roles for everybody.
    assert!(refused(&world.app.access.resolve_key(cases[1].1.expose(), &origin()).await));
    assert_eq!(fault.asked().iter().rev().take(3).rev().copied().collect::<Vec<_>>(), ["begin", "api_keys", "roles"]);
    for known in [false, true] {
        if known {
            uses(&world, &key).await.expect("now the key is known in memory");
        }
        for (what, text) in &cases {
            fault.asked();
            let outcome = world.app.access.resolve_key(text.expose(), &origin()).await;
            let asked = fault.asked();
            // What a revoked key's holder proves is known: its end can be told from memory.
            if !(known && *what == "a revoked key") {
                assert_eq!(asked, ["begin", "api_keys"], "{what}");
            }
            assert!(refused(&outcome), "{what}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_key_asks_nobody_a061() {
    let (world, fault) = faulty_world().await;
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let key = own_key(&world, &caller, &[]).await;
    fault.asked();
    let text = key.secret.expose();
    let flipped = format!("{}{}", &text[..107], if text.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "pk_", &text[1..], &text.to_uppercase(), &format!("{text} "), &flipped, &"x".repeat(1_000_000)] {
        assert!(refused(&world.app.access.resolve_key(wrong, &origin()).await), "{wrong:.200?}");
    }
    assert_eq!(fault.asked(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_key_that_comes_again_is_known_for_a_quarter_of_a_second() {
    let (world, fault) = faulty_world().await;
    let (_, _, caller) = somebody(&world, "ann", &["orders:read"]).await;
    let key = own_key(&world, &caller, &["orders:read"]).await;
    uses(&world, &key).await.expect("a caller");
    fault.asked();
    for _ in 0..10 {
        uses(&world, &key).await.expect("a caller");
    }
    world.clock.advance(MOMENT - MICRO);
    uses(&world, &key).await.expect("a caller");
    assert_eq!(fault.asked(), Vec::<&str>::new());
    world.clock.advance(MICRO);
    uses(&world, &key).await.expect("a caller");
    assert_eq!(fault.asked(), ["begin", "api_keys", "roles"]);
}

#[tokio::test]
async fn what_another_replica_changed_is_seen_within_a_quarter_of_a_second_a104() {
    let world = World::new().await;
    let (ann, pair, caller) = somebody(&world, "ann", &["orders:read"]).await;
    let key = own_key(&world, &caller, &["orders:read"]).await;
    let elsewhere = replica(&world, None);
    let from = origin();
    let used = || elsewhere.access.resolve_key(key.secret.expose(), &from);
    assert_eq!(used().await.expect("a caller").permissions, permissions(&["orders:read"]));
    elsewhere.access.recent_standing(ann.id).await.expect("a look");
    withdrawn(&world, ann.id, "role-of-ann").await;
    world.clock.advance(MOMENT);
    assert_eq!(used().await.expect("a caller").permissions, permissions(&[]));
    let recent = elsewhere.access.recent_standing(ann.id).await.expect("a look").expect("the account");
    assert_eq!(recent.roles, [role("user")]);
    // Tokens are judged by the store each time.
    granted(&world, ann.id, "role-of-ann").await;
    let claims = elsewhere.tokens.identify(pair.access_token.expose()).expect("a good token");
    let there = elsewhere.access.resolve_token(&claims).await.expect("a caller");
    assert_eq!(there.permissions, permissions(&["orders:read"]));
    assert_eq!(resolved(&world, &pair).await, there);
    // A new secret works everywhere at once, and so does the end of the old one where it is not known.
    let new = world.app.access.rotate_key(rotate(&caller, key.key.id, Duration::ZERO)).await.expect("a new secret");
    elsewhere.access.resolve_key(new.secret.expose(), &origin()).await.expect("a caller");
    assert!(refused(&used().await));
}

#[tokio::test]
async fn uses_are_counted_in_memory_and_written_now_and_then() {
    let (world, fault) = faulty_world().await;
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let (one, two) = (own_key(&world, &caller, &[]).await, own_key(&world, &caller, &[]).await);
    for _ in 0..5 {
        uses(&world, &one).await.expect("a caller");
    }
    world.clock.advance(MINUTE);
    let last = world.now();
    uses(&world, &one).await.expect("a caller");
    uses(&world, &two).await.expect("a caller");
    assert_eq!(usage(&world, &caller, &one).await, KeyUsage::default(), "nothing is written at a use");
    world.clock.advance(SECOND);

    fault.set(true);
    assert!(world.app.access.flush_usage().await.is_err());
    fault.set(false);
    uses(&world, &two).await.expect("a caller");
    fault.asked();
    assert_eq!(world.app.access.flush_usage().await.expect("it is written"), 2);
    assert_eq!(fault.asked(), ["begin", "api_keys", "commit"], "one unit for all");
    assert_eq!(usage(&world, &caller, &one).await, KeyUsage { uses: 6, last_used_at: Some(last) });
    assert_eq!(usage(&world, &caller, &two).await, KeyUsage { uses: 2, last_used_at: Some(world.now()) });
    fault.asked();
    assert_eq!(world.app.access.flush_usage().await.expect("nothing to write"), 0);
    assert_eq!(fault.asked(), Vec::<&str>::new());
    assert_eq!(world.acts().await.iter().filter(|act| act.subject.is_none()).count(), 0, "uses are no acts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_uses_none_is_lost_while_they_are_written() {
    let world = Arc::new(World::new().await);
    let (_, _, caller) = somebody(&world, "ann", &[]).await;
    let key = Arc::new(own_key(&world, &caller, &[]).await);
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let (world, key) = (world.clone(), key.clone());
            tokio::spawn(async move {
                for _ in 0..50 {
                    uses(&world, &key).await.expect("a caller");
                    world.app.access.flush_usage().await.expect("it is written");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    world.app.access.flush_usage().await.expect("it is written");
    assert_eq!(usage(&world, &caller, &key).await.uses, 24 * 50);
}

#[tokio::test]
async fn keys_that_ended_long_ago_are_forgotten() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &[]).await;
    let kept = own_key(&world, &caller, &[]).await;
    let revoked = own_key(&world, &caller, &[]).await;
    let brief = CreateApiKey { expires_at: Some(world.now().plus(DAY)), ..wanted_key(&caller, ann.id, &[]) };
    let brief = world.app.access.create_key(brief).await.expect("a key");
    revoke(&world, &caller, revoked.key.id).await.expect("an end");
    world.clock.advance(30 * DAY);
    assert_eq!(world.app.access.purge().await.expect("a purge"), 0);
    world.clock.advance(DAY + SECOND);
    assert_eq!(world.app.access.purge().await.expect("a purge"), 2);
    for (key, is_there) in [(&kept, true), (&revoked, false), (&brief, false)] {
        assert_eq!(world.app.access.key(&caller, ApiKeyScope::Own, key.key.id).await.is_ok(), is_there);
    }
}
