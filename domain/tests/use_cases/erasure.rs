//! The end of an account: proved by its password, followed by others, and without a trace of where its owner was.

use std::sync::Arc;

use portcullis_domain::access::{ApiKeyScope, CreateApiKey};
use portcullis_domain::accounts::{DeleteAccount, DeleteAccountError, User};
use portcullis_domain::administration::Impersonate;
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery, Outcome, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ids::{ApiKeyId, UserId};

use crate::administration_scene::{define, employee, grant, manage, permissions};
use crate::world::{ATTEMPTS, MINUTE, PASSWORD, World, deletion, origin, password};

async fn about(world: &World, user: UserId) -> Vec<AuditEntry> {
    let query = AuditQuery { about: Some(user), limit: 5_000, ..AuditQuery::default() };
    world.app.audit.page(&query).await.expect("a page")
}

#[tokio::test]
async fn only_whoever_knows_the_password_deletes_the_account_a007_a038() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    for wrong in ["", "wrong", "Correct horse battery"] {
        let cmd = DeleteAccount { current_password: password(wrong), ..deletion(ann.id) };
        let refused = world.app.accounts.delete(cmd).await;
        assert!(matches!(refused, Err(DeleteAccountError::WrongPassword)), "{wrong:?}: {refused:?}");
    }
    let acts = world.acts().await;
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::WrongPassword)), "{acts:?}");
    assert_eq!((acts.len(), world.events().await), (3, Vec::new()));
    world.calls(&pair);

    for _ in 3..ATTEMPTS.free {
        let cmd = DeleteAccount { current_password: password("wrong"), ..deletion(ann.id) };
        assert!(world.app.accounts.delete(cmd).await.is_err());
    }
    let waits = world.app.accounts.delete(deletion(ann.id)).await;
    assert!(matches!(waits, Err(DeleteAccountError::TooManyAttempts(_))), "guesses cost a wait: {waits:?}");
    world.clock.advance(MINUTE);
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    assert!(world.events().await.contains(&Event::UserDeleted { user_id: ann.id }));
    assert_eq!(world.caller(&pair), None);
}

#[tokio::test]
async fn the_last_administrator_does_not_leave_a104() {
    let world = World::new().await;
    let (root, ..) = employee(&world, "rita", "admin").await;
    let refused = world.app.accounts.delete(deletion(root.id)).await;
    assert!(matches!(refused, Err(DeleteAccountError::LastHolder)), "{refused:?}");
    let [act] = world.acts().await.try_into().expect("one entry");
    assert_eq!((act.action, act.outcome), (Action::DeleteAccount, Outcome::Refused(Refusal::LastHolder)));
    let next = world.register("nora").await;
    grant(&world, next.id, "admin").await;
    world.app.accounts.delete(deletion(root.id)).await.expect("there is another one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_administrators_who_leave_at_once_one_stays_a104() {
    for _ in 0..10 {
        let (world, _) = crate::faulty::faulty_world().await;
        let world = Arc::new(world);
        let mut tasks = Vec::new();
        for name in ["one", "two"] {
            employee(&world, name, "admin").await;
        }
        for name in ["one", "two"] {
            let (world, id) = (world.clone(), world.find(name).await.id);
            tasks.push(tokio::spawn(async move { world.app.accounts.delete(deletion(id)).await.is_ok() }));
        }
        let mut left = 0;
        for task in tasks {
            left += u32::from(!task.await.expect("a task"));
        }
        assert_eq!(left, 1, "one stays");
    }
}

#[tokio::test]
async fn logins_that_upgrade_the_hash_meanwhile_leave_no_session_a043() {
    for _ in 0..5 {
        let (world, _) = crate::faulty::faulty_world().await;
        let world = Arc::new(world);
        let (ann, _) = world.signed_in("ann").await;
        world.hasher.raise_cost();
        let logins: Vec<_> = (0..4)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.try_log_in("ann", PASSWORD).await.ok() })
            })
            .collect();
        world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
        for login in logins {
            let Some(pair) = login.await.expect("a task") else { continue };
            assert_eq!(world.session(pair.session.id).await, None);
            assert_eq!(world.caller(&pair), None);
        }
    }
}

#[tokio::test]
async fn the_trail_keeps_what_happened_and_forgets_from_where_a116() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let (ben, _) = world.signed_in("ben").await;
    let _ = world.try_log_in("ann", "wrong").await;
    world.app.administration.revoke_sessions(manage(&Caller::operator(), &ann), None).await.expect("the end");
    assert_eq!(world.app.audit.erase().await.expect("an erasure"), 0, "nobody is gone");
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    let before = about(&world, ann.id).await;
    assert!(before.len() >= 5 && before.iter().any(|entry| entry.ip == origin().ip), "{before:?}");

    let erased = world.app.audit.erase().await.expect("an erasure");
    let after = about(&world, ann.id).await;
    assert_eq!(u64::try_from(before.len()).expect("a count"), erased, "every entry had an address");
    for (old, new) in before.iter().zip(&after) {
        let expected = AuditEntry { ip: None, user_agent: None, ..old.clone() };
        assert_eq!(*new, expected, "the rest is as it was, ids too");
    }
    assert!(after.iter().any(|entry| entry.actor == Actor::User(ann.id)));
    let others = about(&world, ben.id).await;
    assert!(others.iter().all(|entry| entry.ip == origin().ip), "what others did is as it was");
    assert_eq!(world.app.audit.erase().await.expect("an erasure"), 0, "done once");
}

#[tokio::test]
async fn erasure_works_off_any_number_of_entries_and_accounts_a116() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    for _ in 0..2_500 {
        world.app.audit.record(Actor::User(ann.id), Action::Refresh, "one of many", &origin()).await.expect("an entry");
    }
    let mut gone = vec![ann.id];
    for number in 0..120 {
        gone.push(world.register(&format!("user{number}")).await.id);
    }
    for id in &gone {
        let cmd = portcullis_domain::administration::Manage { caller: Caller::operator(), user: *id, origin: origin() };
        world.app.administration.delete(cmd).await.expect("a deletion");
    }
    let erased = world.app.audit.erase().await.expect("an erasure");
    // Registration, login and deletion of the first, and the many; registration and deletion of the others.
    assert_eq!(erased, 3 + 2_500 + 2 * 120);
    for id in gone {
        assert!(about(&world, id).await.iter().all(|entry| entry.ip.is_none() && entry.user_agent.is_none()));
    }
    assert!(world.try_log_in("ann", PASSWORD).await.is_err());
}

/// A key of somebody who may look after accounts, and what it did to another account.
async fn acted_by_key(world: &World, owner: &Caller, on: &User) -> ApiKeyId {
    let cmd = CreateApiKey {
        caller: owner.clone(),
        owner: owner.user().expect("a user"),
        name: "nightly".to_owned(),
        permissions: permissions(&["users:write"]),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        expires_at: None,
        origin: origin(),
    };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    let caller = world.app.access.resolve_key(key.secret.expose(), &origin()).await.expect("the key calls");
    world.app.administration.password_link(manage(&caller, on)).await.expect("a link");
    key.key.id
}

#[tokio::test]
async fn what_the_api_keys_of_an_account_did_is_told_and_erased_with_it_a116() {
    let world = World::new().await;
    define(&world, "office", &["users:write", "audit:read", "api-keys:write"]).await;
    let (ann, _, annes) = employee(&world, "ann", "office").await;
    let (_, _, bens) = employee(&world, "ben", "office").await;
    let (cid, _) = world.signed_in("cid").await;
    let (live, revoked) = (acted_by_key(&world, &annes, &cid).await, acted_by_key(&world, &annes, &cid).await);
    let foreign = acted_by_key(&world, &bens, &cid).await;
    world.app.access.revoke_key(&annes, ApiKeyScope::Own, revoked, &origin()).await.expect("an end");
    let by = |entries: &[AuditEntry], key: ApiKeyId| -> Vec<AuditEntry> {
        entries.iter().filter(|entry| entry.actor == Actor::ApiKey(key)).cloned().collect()
    };

    let (told, _) = world.app.audit.about(&annes, ann.id, None, 100).await.expect("a page");
    let query = AuditQuery { about: Some(ann.id), limit: 100, ..AuditQuery::default() };
    let (found, _) = world.app.audit.search(&bens, &query).await.expect("a page");
    for entries in [told, found] {
        for key in [live, revoked] {
            let [entry] = by(&entries, key).try_into().expect("one entry");
            assert_eq!((entry.subject, entry.ip), (Some(cid.id), origin().ip), "from where her own key acted");
        }
        assert!(by(&entries, foreign).is_empty(), "the keys of others are the business of others");
    }

    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    world.app.audit.erase().await.expect("an erasure");
    let trail = world.trail().await;
    for (key, ip) in [(live, None), (revoked, None), (foreign, origin().ip)] {
        let [entry] = by(&trail, key).try_into().expect("one entry");
        assert_eq!((entry.ip, entry.user_agent.is_some()), (ip, ip.is_some()));
    }
}

#[tokio::test]
async fn why_somebody_was_disabled_or_looked_at_goes_with_them_a116() {
    let world = World::new().await;
    let (_, _, root) = employee(&world, "rita", "admin").await;
    let (ann, _) = world.signed_in("ann").await;
    let (ben, _) = world.signed_in("ben").await;
    for user in [&ann, &ben] {
        let reason = format!("a complaint about {}", user.email.as_str());
        let cmd =
            Impersonate { caller: root.clone(), user: user.id, reason: reason.clone(), write: false, origin: origin() };
        world.app.administration.impersonate(cmd).await.expect("a look");
        world.app.administration.disable(manage(&root, user), reason).await.expect("disabled");
    }
    let count = |trail: &[AuditEntry], name: &str| {
        let words = format!("complaint about {name}");
        trail.iter().filter(|entry| entry.detail.as_ref().is_some_and(|detail| detail.contains(&words))).count()
    };
    let trail = world.trail().await;
    assert_eq!((count(&trail, "ann"), count(&trail, "ben")), (2, 2));
    world.app.administration.delete(manage(&root, &ann)).await.expect("a deletion");
    world.app.audit.erase().await.expect("an erasure");
    let after = world.trail().await;
    assert_eq!((count(&after, "ann"), count(&after, "ben")), (0, 2), "of whoever is gone, and of nobody else");
    assert_eq!(after.len(), trail.len() + 1, "the acts are on record still");
}
