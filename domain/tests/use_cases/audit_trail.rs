//! The audit trail as a whole: what is never in it, and how long it is kept.

use portcullis_domain::accounts::UpdateProfile;
use portcullis_domain::app::Settings;
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::LogIn;

use crate::audit::{NEW, change, update, world};
use crate::faulty::faulty_world;
use crate::world::{
    DAY, MINUTE, PASSWORD, World, deletion, email, login, origin, password, policy, registration, settings,
};

#[tokio::test]
async fn what_was_not_committed_is_not_recorded() {
    let (world, fault) = faulty_world().await;
    let (ann, pair) = world.signed_in("ann").await;
    let (caller, used) = (world.calls(&pair), world.log_in("ann").await);
    world.refreshed(&used).await;
    world.clock.advance(MINUTE);
    world.events().await;
    world.acts().await;
    let (app, before) = (&world.app, world.session(pair.session.id).await);
    fault.set(true);
    assert!(app.accounts.register(registration("ben")).await.is_err());
    assert!(app.accounts.register(registration("ann")).await.is_err(), "a refusal, too");
    assert!(app.sessions.log_in(login("ann", PASSWORD)).await.is_err());
    assert!(app.sessions.log_in(login("ann", "wrong")).await.is_err());
    assert!(app.sessions.log_in(login("nobody", "wrong")).await.is_err());
    assert!(app.accounts.change_password(change(&pair, PASSWORD, NEW)).await.is_err());
    assert!(app.accounts.change_password(change(&pair, "wrong", NEW)).await.is_err());
    let cmd = UpdateProfile { username: Some(None), ..update(&pair) };
    assert!(app.accounts.update_profile(cmd).await.is_err());
    assert!(world.refresh(&used).await.is_err());
    assert!(app.sessions.log_out(&caller, origin()).await.is_err());
    assert!(app.sessions.log_out_with(&pair.refresh_token, origin()).await.is_err());
    assert!(app.sessions.log_out_everywhere(&caller, origin()).await.is_err());
    assert!(app.accounts.delete(deletion(ann.id)).await.is_err());
    assert!(app.audit.record(Actor::Operator, Action::ExportHashes, "none", &origin()).await.is_err());
    assert_eq!(world.acts().await, [], "what was not committed is not on record");
    assert_eq!(world.events().await, [], "nor announced");
    assert_eq!(world.session(pair.session.id).await, before, "nor has it happened");
    world.calls(&pair);
    fault.set(false);
    world.app.sessions.log_out(&caller, origin()).await.expect("a logout");
    assert_eq!((world.acts().await.len(), world.events().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_acts_are_recorded_once_each() {
    let world = std::sync::Arc::new(world().await);
    let (_, pair) = world.signed_in("ann").await;
    let caller = world.calls(&pair);
    world.hasher.raise_cost();
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let (world, caller) = (world.clone(), caller.clone());
            tokio::spawn(async move {
                if number % 2 == 0 {
                    world.app.sessions.log_out(&caller, origin()).await.expect("a logout");
                } else {
                    world.log_in("ann").await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let acts = world.acts().await;
    let count = |action| acts.iter().filter(|entry| entry.action == action).count();
    assert_eq!((count(Action::Revoke), count(Action::LogIn)), (1, 12), "{acts:?}");
    assert_eq!(count(Action::UpgradePassword), 1, "units that were overtaken leave nothing: {acts:?}");
    assert_eq!(acts.len(), 14);
}

#[tokio::test]
async fn no_entry_holds_a_secret_or_what_a_stranger_typed() {
    let world = World::new().await;
    let (ann, first) = world.signed_in("ann").await;
    let typed = "my.password.in.the.name.field";
    assert!(world.try_log_in(typed, "wrong canary").await.is_err());
    assert!(world.try_log_in(&format!("{typed}@example.com"), "wrong canary").await.is_err());
    assert!(world.try_log_in("ann", "wrong canary").await.is_err());
    let token = world.try_from_device("ann", PASSWORD, None).await.expect("a session").device_token;
    let again = LogIn { device_token: Some(token.clone()), ..login("ann", PASSWORD) };
    world.hasher.raise_cost();
    let again = world.app.sessions.log_in(again).await.expect("a session");
    let next = world.refreshed(&first).await;
    world.clock.advance(MINUTE);
    assert!(world.refresh(&first).await.is_err());
    assert!(world.app.accounts.change_password(change(&again.pair, "wrong canary", NEW)).await.is_err());
    world.app.accounts.change_password(change(&again.pair, PASSWORD, NEW)).await.expect("a new password");
    let cmd = UpdateProfile {
        email: Some(email("moved.canary@example.com")),
        current_password: Some(password(NEW)),
        ..update(&again.pair)
    };
    world.app.accounts.update_profile(cmd).await.expect("a new address");
    let mut tx = world.store.begin().await.expect("a unit of work");
    let hash = tx.credentials().of(ann.id).await.expect("a look").expect("a password");
    drop(tx);
    world.app.sessions.log_out_with(&again.pair.refresh_token, origin()).await.expect("a logout");

    let trail = world.trail().await;
    assert!(trail.len() >= 10, "{}", trail.len());
    let shown = format!("{}\n{trail:?}", serde_json::to_string(&trail).expect("JSON"));
    let pairs = [&first, &next, &again.pair];
    let secrets = pairs.iter().flat_map(|pair| [pair.access_token.expose(), pair.refresh_token.expose()]);
    let texts = [PASSWORD, NEW, "canary", typed, token.expose(), again.device_token.expose(), hash.as_str()];
    for secret in secrets.chain(texts) {
        assert!(!shown.contains(secret), "{secret:?} is in the audit trail");
    }
    world.events().await;
}

#[tokio::test]
async fn the_trail_is_kept_for_its_retention_and_no_longer() {
    let world = World::with_settings(Settings { audit_retention: 100 * DAY, ..settings(policy()) }, |_| {}).await;
    world.acts().await;
    for day in 0..10 {
        let detail = format!("day {day}");
        world.app.audit.record(Actor::Operator, Action::ExportHashes, &detail, &origin()).await.expect("an entry");
        world.clock.advance(DAY);
    }
    assert_eq!(world.app.audit.purge().await.expect("a purge"), 0, "nothing is old enough");
    world.clock.advance(95 * DAY);
    assert_eq!(world.app.audit.purge().await.expect("a purge"), 6, "the first key and five days");
    let left: Vec<_> = world.trail().await.into_iter().filter_map(|entry| entry.detail).collect();
    assert_eq!(left, ["day 5", "day 6", "day 7", "day 8", "day 9"], "what is exactly as old as allowed stays");
    assert_eq!(world.app.audit.purge().await.expect("a purge"), 0);
}

#[tokio::test]
async fn purging_the_trail_goes_on_until_all_is_gone() {
    let world = World::new().await;
    for _ in 0..2_100 {
        world.app.audit.record(Actor::Operator, Action::ExportHashes, "again", &origin()).await.expect("an entry");
    }
    world.clock.advance(401 * DAY);
    assert_eq!(world.app.audit.purge().await.expect("a purge"), 2_101, "in batches, but all");
    assert_eq!(world.trail().await, []);
}
