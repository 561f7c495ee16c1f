//! Other services that prove who they are.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::app::Settings;
use portcullis_domain::audit::{Action, Actor, AuditEntry, Outcome, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::clients::{ChangeClientError, Client, ClientId, CreateClient, CreateClientError, RotateSecret};
use portcullis_domain::event::Event;
use portcullis_domain::ports::store::Store;
use portcullis_domain::secret::LONGEST_OVERLAP;
use portcullis_domain::tokens::Scope;
use portcullis_domain::{App, Failure};
use portcullis_memory::MemoryRevocations;

use crate::faulty::faulty_world;
use crate::world::{HOUR, MINUTE, SECOND, World, origin, policy, settings};

const MICRO: Duration = Duration::from_micros(1);

pub(crate) fn id(text: &str) -> ClientId {
    text.parse().expect("a client id")
}

pub(crate) fn wanted(name: &str, scope: &str) -> CreateClient {
    CreateClient {
        id: Some(id(name)),
        name: None,
        scope: Scope::parse(scope).expect("a scope"),
        caller: Caller::operator(),
        origin: origin(),
    }
}

/// A client with its secret; its events and entries have been seen.
pub(crate) async fn client(world: &World, name: &str, scope: &str) -> (Client, String) {
    let (client, secret) = world.app.clients.create(wanted(name, scope)).await.expect("a new client");
    world.events().await;
    world.acts().await;
    (client, secret.expose().to_owned())
}

/// Another process over the world's store, that has learned nothing yet.
pub(crate) fn replica(world: &World, staleness: Option<Duration>) -> App {
    let mut ports = world.ports.clone();
    ports.revocations = Arc::new(MemoryRevocations::new());
    App::new(ports, Settings { staleness, ..settings(policy()) })
}

async fn proves(app: &App, name: &str, secret: &str) -> bool {
    let found = app.clients.authenticate(name, secret, &origin()).await.expect("an answer");
    assert!(found.as_ref().is_none_or(|client| client.id == id(name)));
    found.is_some()
}

async fn rotate(app: &App, name: &str, overlap: Duration) -> Result<String, ChangeClientError> {
    let cmd = RotateSecret { client: id(name), overlap, caller: Caller::operator(), origin: origin() };
    app.clients.rotate_secret(cmd).await.map(|secret| secret.expose().to_owned())
}

async fn delete(app: &App, name: &str) -> Result<(), ChangeClientError> {
    app.clients.delete(&Caller::operator(), &id(name), &origin()).await
}

fn entry(entry: &AuditEntry) -> (Actor, Action, Outcome, Option<&str>) {
    (entry.actor.clone(), entry.action, entry.outcome, entry.detail.as_deref())
}

async fn stored(world: &World, name: &str) -> Option<Client> {
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.clients().by_id(&id(name)).await.expect("an answer")
}

#[tokio::test]
async fn a_new_client_proves_itself_with_the_secret_that_is_told_once_a077() {
    let world = World::new().await;
    world.acts().await;
    let cmd = CreateClient { name: Some("Order desk".to_owned()), ..wanted("orders", "orders:read orders:write") };
    let (client, secret) = world.app.clients.create(cmd).await.expect("a new client");
    let secret = secret.expose();
    assert!(secret.len() == 68 && secret.starts_with("pcs_"), "256 bits, and a mark for scanners: {secret}");
    assert_eq!((client.name.as_deref(), client.created_at, client.version), (Some("Order desk"), world.now(), 1));
    assert_eq!(client.scope.to_string(), "orders:read orders:write");
    assert!(proves(&world.app, "orders", secret).await);
    assert_eq!(stored(&world, "orders").await.as_ref(), Some(&client), "what is answered is what is stored");
    assert!(!format!("{client:?}").contains(&secret[4..20]), "nothing shows the secret");
    assert_ne!(&client.secret.0[..], secret.as_bytes(), "a digest is stored");
    let event = Event::ClientCreated { client_id: id("orders"), scope: "orders:read orders:write".to_owned() };
    assert_eq!(world.events().await, [event]);
    let acts = world.acts().await;
    let created = (Actor::Operator, Action::CreateClient, Outcome::Success, Some("orders"));
    assert_eq!(acts.iter().map(entry).collect::<Vec<_>>(), [created]);
    assert_eq!(world.app.clients.list(&Caller::operator()).await.expect("a list"), [client]);
}

#[tokio::test]
async fn two_clients_of_one_secret_have_different_digests() {
    let world = World::new().await;
    let (one, _) = client(&world, "orders", "").await;
    let (two, secret) = client(&world, "billing", "").await;
    assert_ne!(one.secret, two.secret);
    assert!(!proves(&world.app, "orders", &secret).await, "a secret is nobody else's");
}

#[tokio::test]
async fn an_id_of_our_making_is_an_id() {
    let world = World::new().await;
    let made = || async {
        let cmd = CreateClient { id: None, ..wanted("ignored", "") };
        world.app.clients.create(cmd).await.expect("a new client").0.id
    };
    let (one, two) = (made().await, made().await);
    assert!(one.as_str().starts_with("c-") && one.as_str().len() == 34, "{one}");
    assert_ne!(one, two);
}

#[tokio::test]
async fn an_id_is_given_once_and_reserved_ones_never() {
    let world = World::new().await;
    client(&world, "orders", "").await;
    let again = || world.app.clients.create(wanted("orders", ""));
    assert!(matches!(again().await, Err(CreateClientError::Taken(taken)) if taken == id("orders")));
    delete(&world.app, "orders").await.expect("the end of a client");
    assert!(matches!(again().await, Err(CreateClientError::Taken(_))), "not even after its client was deleted");
    let reserved = world.app.clients.create(wanted("web", "")).await;
    assert!(matches!(reserved, Err(CreateClientError::Reserved(_))), "{reserved:?}");
    assert_eq!(world.app.clients.list(&Caller::operator()).await.expect("a list"), []);
}

#[tokio::test]
async fn a_name_is_for_people() {
    let world = World::new().await;
    let named = |number: usize, name: &str| {
        let cmd = CreateClient { name: Some(name.to_owned()), ..wanted(&format!("client-{number}"), "") };
        world.app.clients.create(cmd)
    };
    for (number, wrong) in ["", "  ", "a\nb", "\u{7}", &"x".repeat(101)].into_iter().enumerate() {
        assert!(matches!(named(number, wrong).await, Err(CreateClientError::Name)), "{wrong:?}");
    }
    for (number, fine) in ["x", "Bücher & Co.", &"🦀".repeat(100)].into_iter().enumerate() {
        assert_eq!(named(number, fine).await.expect("a client").0.name.as_deref(), Some(fine));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_creations_of_one_id_one_wins() {
    let world = Arc::new(World::new().await);
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.app.clients.create(wanted("orders", "")).await })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.expect("a task") {
            Ok((_, secret)) => won.push(secret),
            Err(CreateClientError::Taken(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let [secret] = &won[..] else { panic!("{} of them won", won.len()) };
    assert!(proves(&world.app, "orders", secret.expose()).await);
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn a_new_secret_ends_the_old_one_at_once() {
    let world = World::new().await;
    let (before, old) = client(&world, "orders", "orders:read").await;
    world.clock.advance(HOUR);
    let new = rotate(&world.app, "orders", Duration::ZERO).await.expect("a new secret");
    let rotated = (Actor::Operator, Action::RotateClientSecret, Outcome::Success, Some("orders"));
    assert_eq!(world.acts().await.iter().map(entry).collect::<Vec<_>>(), [rotated]);
    assert!(proves(&world.app, "orders", &new).await);
    assert!(!proves(&world.app, "orders", &old).await);
    let after = stored(&world, "orders").await.expect("the client");
    assert_eq!((after.created_at, after.updated_at, after.version), (before.created_at, world.now(), 2));
    assert_eq!((after.scope, after.previous), (before.scope, None));
    assert_eq!(world.events().await, [Event::ClientSecretRotated { client_id: id("orders") }]);
}

#[tokio::test]
async fn within_the_overlap_both_secrets_work_to_the_microsecond() {
    let world = World::new().await;
    let (_, old) = client(&world, "orders", "").await;
    let new = rotate(&world.app, "orders", HOUR).await.expect("a new secret");
    for pause in [Duration::ZERO, HOUR - MICRO] {
        world.clock.advance(pause);
        assert!(proves(&world.app, "orders", &old).await && proves(&world.app, "orders", &new).await);
    }
    world.clock.advance(MICRO);
    assert!(!proves(&world.app, "orders", &old).await, "the overlap is over");
    assert!(proves(&world.app, "orders", &new).await);
}

#[tokio::test]
async fn the_secret_before_works_for_thirty_days_at_the_longest() {
    let world = World::new().await;
    let (_, old) = client(&world, "orders", "").await;
    rotate(&world.app, "orders", Duration::MAX).await.expect("a new secret");
    let until = stored(&world, "orders").await.and_then(|client| client.previous).map(|(_, until)| until);
    assert_eq!(until, Some(world.now().plus(LONGEST_OVERLAP)));
    world.clock.advance(LONGEST_OVERLAP - MICRO);
    assert!(proves(&world.app, "orders", &old).await);
    world.clock.advance(MICRO);
    assert!(!proves(&world.app, "orders", &old).await);
}

#[tokio::test]
async fn a_second_rotation_within_the_overlap_ends_the_oldest_secret() {
    let world = World::new().await;
    let (_, first) = client(&world, "orders", "").await;
    let second = rotate(&world.app, "orders", HOUR).await.expect("a new secret");
    let third = rotate(&world.app, "orders", HOUR).await.expect("a new secret");
    assert!(!proves(&world.app, "orders", &first).await);
    assert!(proves(&world.app, "orders", &second).await && proves(&world.app, "orders", &third).await);
    let last = rotate(&world.app, "orders", Duration::ZERO).await.expect("a new secret");
    assert!(!proves(&world.app, "orders", &second).await && !proves(&world.app, "orders", &third).await);
    assert!(proves(&world.app, "orders", &last).await);
}

#[tokio::test]
async fn a_deleted_client_proves_itself_no_more() {
    let world = World::new().await;
    let (_, secret) = client(&world, "orders", "").await;
    let newer = rotate(&world.app, "orders", HOUR).await.expect("a new secret");
    world.events().await;
    world.acts().await;
    world.clock.advance(MINUTE);
    delete(&world.app, "orders").await.expect("the end of a client");
    let until = world.now().plus(16 * MINUTE);
    assert_eq!(world.events().await, [Event::ClientDeleted { client_id: id("orders"), until }]);
    let acts = world.acts().await;
    assert_eq!(entry(&acts[0]), (Actor::Operator, Action::DeleteClient, Outcome::Success, Some("orders")));
    for secret in [&secret, &newer] {
        assert!(!proves(&world.app, "orders", secret).await);
    }
    let gone = stored(&world, "orders").await.expect("the row stays");
    assert_eq!((gone.deleted_at, gone.previous), (Some(world.now()), None));
    assert_eq!(world.app.clients.list(&Caller::operator()).await.expect("a list"), []);
}

#[tokio::test]
async fn there_is_nothing_to_change_about_a_client_that_is_not_there() {
    let world = World::new().await;
    client(&world, "orders", "").await;
    delete(&world.app, "orders").await.expect("the end of a client");
    world.events().await;
    for name in ["orders", "nobody"] {
        let refused = rotate(&world.app, name, HOUR).await;
        assert!(matches!(refused, Err(ChangeClientError::Unknown(unknown)) if unknown == id(name)));
        assert!(matches!(delete(&world.app, name).await, Err(ChangeClientError::Unknown(_))));
    }
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn what_a_replica_does_not_know_it_looks_up() {
    let world = World::new().await;
    let elsewhere = replica(&world, None);
    let (_, first) = client(&world, "orders", "").await;
    assert!(elsewhere.clients.recognize("orders", &first).expect("an answer").is_none(), "it has not heard");
    assert!(proves(&elsewhere, "orders", &first).await, "a client of a moment ago works everywhere");
    assert!(elsewhere.clients.recognize("orders", &first).expect("an answer").is_some(), "and is known then");
    let second = rotate(&world.app, "orders", Duration::ZERO).await.expect("a new secret");
    assert!(proves(&elsewhere, "orders", &second).await, "and so does a secret of a moment ago");
    assert!(!proves(&elsewhere, "orders", &first).await, "who learned the new one knows the old one no more");
}

#[tokio::test]
async fn a_replica_learns_what_changed_elsewhere() {
    let world = World::new().await;
    let elsewhere = replica(&world, None);
    let (_, orders) = client(&world, "orders", "").await;
    let (_, billing) = client(&world, "billing", "").await;
    let last = elsewhere.learn(None).await.expect("a look");
    world.clock.advance(SECOND);
    rotate(&world.app, "orders", Duration::ZERO).await.expect("a new secret");
    delete(&world.app, "billing").await.expect("the end of a client");
    assert!(elsewhere.clients.recognize("billing", &billing).expect("an answer").is_some(), "it has not heard");
    elsewhere.learn(Some(last)).await.expect("a look");
    for (name, old) in [("orders", &orders), ("billing", &billing)] {
        assert!(elsewhere.clients.recognize(name, old).expect("an answer").is_none(), "{name}");
        assert!(!proves(&elsewhere, name, old).await, "{name}");
    }
}

#[tokio::test]
async fn knowledge_that_is_too_old_confirms_nobody() {
    let world = World::new().await;
    let (_, secret) = client(&world, "orders", "").await;
    let elsewhere = replica(&world, Some(5 * SECOND));
    elsewhere.learn(None).await.expect("a look");
    world.clock.advance(5 * SECOND);
    assert!(proves(&elsewhere, "orders", &secret).await);
    world.clock.advance(MICRO);
    let stale = elsewhere.clients.authenticate("orders", &secret, &origin()).await;
    assert!(matches!(stale, Err(Failure::Unavailable(_))), "the secret may have changed since: {stale:?}");
    assert!(matches!(elsewhere.clients.recognize("orders", &secret), Err(Failure::Unavailable(_))));
    assert!(elsewhere.clients.recognize("orders", "wrong").expect("an answer").is_none());
    elsewhere.learn(None).await.expect("a look");
    assert!(proves(&elsewhere, "orders", &secret).await);
}

#[tokio::test]
async fn a_failed_proof_is_on_record_without_what_a_caller_chose() {
    let world = World::new().await;
    let (_, secret) = client(&world, "orders", "").await;
    let (_, gone) = client(&world, "billing", "").await;
    delete(&world.app, "billing").await.expect("the end of a client");
    world.acts().await;
    let wrong = Outcome::Refused(Refusal::WrongSecret);
    let unknown = Outcome::Refused(Refusal::UnknownClient);
    for (name, with, outcome, detail) in [
        ("orders", "wrong", wrong, Some("orders")),
        ("orders", "", wrong, Some("orders")),
        ("orders", gone.as_str(), wrong, Some("orders")),
        ("web", secret.as_str(), wrong, Some("web")),
        ("billing", gone.as_str(), unknown, Some("billing")),
        ("nobody", secret.as_str(), unknown, None),
    ] {
        assert!(!proves(&world.app, name, with).await, "{name}");
        let acts = world.acts().await;
        let expected = (Actor::Anonymous, Action::AuthenticateClient, outcome, detail);
        assert_eq!(acts.iter().map(entry).collect::<Vec<_>>(), [expected], "{name}");
        assert_eq!((acts[0].ip, &acts[0].request_id), (origin().ip, &origin().request_id));
    }
    for nobody in ["", "x", "Orders", "orders ", "01234567-89ab-7def-8123-456789abcdef", &"x".repeat(1 << 20)] {
        assert!(world.app.clients.authenticate(nobody, &secret, &origin()).await.expect("an answer").is_none());
    }
    assert!(proves(&world.app, "orders", &secret).await);
    assert_eq!(world.acts().await, [], "what cannot be an id, and what is right, leaves no entry");
    assert_eq!(world.events().await.len(), 1, "and nothing is announced but the end of the one client");
}

#[tokio::test]
async fn an_unknown_client_costs_what_a_wrong_secret_costs_a010() {
    let (world, fault) = faulty_world().await;
    client(&world, "orders", "").await;
    client(&world, "billing", "").await;
    delete(&world.app, "billing").await.expect("the end of a client");
    fault.asked();
    for name in ["orders", "nobody", "billing", "web"] {
        assert!(!proves(&world.app, name, "wrong").await);
        assert_eq!(fault.asked(), ["begin", "clients", "audit", "commit"], "{name}");
    }
    assert!(world.app.clients.authenticate("no id", "wrong", &origin()).await.expect("an answer").is_none());
    assert_eq!(fault.asked(), Vec::<&str>::new(), "what cannot be an id asks nobody");
}

#[tokio::test]
async fn a_guess_at_a_client_of_the_configuration_is_on_record_whatever_its_id_looks_like() {
    let mut settings = settings(policy());
    settings.reserved_clients.push("Legacy Gateway".to_owned());
    let world = World::with_settings(settings, |_| {}).await;
    assert!(!proves(&world.app, "Legacy Gateway", "wrong").await);
    let entry = world.acts().await.pop().expect("an entry");
    assert_eq!(entry.detail.as_deref(), Some("Legacy Gateway"));
}

#[tokio::test]
async fn who_is_known_is_confirmed_without_the_store() {
    let (world, fault) = faulty_world().await;
    let (_, secret) = client(&world, "orders", "").await;
    fault.asked();
    assert!(proves(&world.app, "orders", &secret).await);
    assert_eq!(fault.asked(), Vec::<&str>::new());
}

#[tokio::test]
async fn what_was_not_committed_has_not_happened_to_a_client() {
    let (world, fault) = faulty_world().await;
    let (before, secret) = client(&world, "orders", "").await;
    fault.set(true);
    assert!(matches!(world.app.clients.create(wanted("billing", "")).await, Err(CreateClientError::Failure(_))));
    assert!(matches!(rotate(&world.app, "orders", HOUR).await, Err(ChangeClientError::Failure(_))));
    assert!(matches!(delete(&world.app, "orders").await, Err(ChangeClientError::Failure(_))));
    fault.set(false);
    assert!(proves(&world.app, "orders", &secret).await);
    assert_eq!(world.app.clients.list(&Caller::operator()).await.expect("a list"), [before]);
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
}
