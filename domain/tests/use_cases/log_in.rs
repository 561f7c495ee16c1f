//! Signing in with a password.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_domain::accounts::{ChangePassword, ChangePasswordError, LoginName, Password, PasswordHash, UserStatus};
use portcullis_domain::event::Event;
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{LogIn, LogInError};
use tokio::sync::Barrier;

use crate::world::{DAY, MINUTE, PASSWORD, World, login, origin, password, policy};

#[tokio::test]
async fn a_login_starts_a_session_and_announces_it() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    world.events().await;
    world.clock.advance(MINUTE);
    let signed_in = world.app.sessions.log_in(login("ann", PASSWORD)).await.expect("a session");
    let (user, pair) = (signed_in.user, signed_in.pair);
    assert_eq!(user, ann);

    let session = &pair.session;
    assert_eq!((session.user, session.client_id.as_str()), (ann.id, "web"));
    assert_eq!(session.scope.to_string(), "openid profile");
    let now = world.now();
    assert_eq!((session.authenticated_at, session.created_at, session.last_seen_at), (now, now, now));
    assert_eq!((session.idle_expires_at, session.expires_at), (now.plus(30 * DAY), now.plus(90 * DAY)));
    assert_eq!((session.ip, session.user_agent.clone()), (origin().ip, origin().user_agent));
    assert_eq!((pair.issued_at, pair.access_expires_at), (now, now.plus(15 * MINUTE)));
    assert_eq!(pair.refresh_expires_at, session.idle_expires_at);
    assert_eq!(world.session(session.id).await.as_ref(), Some(session), "what is answered is what is stored");

    let caller = world.calls(&pair);
    assert_eq!((caller.user, caller.session, caller.client_id.as_str()), (ann.id, session.id, "web"));
    assert_eq!(caller.scope.to_string(), "openid profile");
    let expected = Event::SessionStarted {
        user_id: ann.id,
        session_id: session.id,
        ip: origin().ip,
        user_agent: origin().user_agent,
    };
    assert_eq!(world.events().await, [expected]);
}

#[tokio::test]
async fn what_is_stored_and_announced_never_shows_a_token_a040() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let next = world.refreshed(&pair).await;
    let stored = format!("{:?}", world.session(pair.session.id).await);
    let shown = format!("{pair:?} {next:?}");
    let bodies: String = world.publisher.published().into_iter().map(|published| published.body).collect();
    for secret in [&pair.access_token, &pair.refresh_token, &next.access_token, &next.refresh_token] {
        for text in [&stored, &bodies, &shown] {
            assert!(!text.contains(secret.expose()), "a token is in {text}");
        }
    }
}

#[tokio::test]
async fn every_refusal_looks_the_same_and_costs_the_same_a010() {
    let world = World::new().await;
    let mut disabled = world.register("disabled").await;
    world.register("ann").await;
    disabled.status = UserStatus::Disabled;
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.users().update(&disabled).await.expect("an update");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    world.events().await;

    let cases = [
        ("an unknown username", "nobody", PASSWORD, false),
        ("an unknown address", "nobody@example.com", PASSWORD, false),
        ("a name that nobody can have", "no such name!", PASSWORD, false),
        ("an address that nobody can have", "@@", PASSWORD, false),
        ("a reserved name", "root", PASSWORD, false),
        ("a wrong password", "ann", "wrong", true),
        ("an empty password", "ann", "", true),
        ("a disabled account", "disabled", PASSWORD, true),
        ("a wrong password of a disabled account", "disabled", "wrong", true),
    ];
    for (what, name, with, known) in cases {
        let before = world.hasher.verified();
        let refused = world.try_log_in(name, with).await.expect_err(what);
        assert!(matches!(refused, LogInError::InvalidCredentials), "{what}: {refused:?}");
        assert_eq!(world.hasher.verified(), before + 1, "{what}: the hasher is asked exactly once");
        let events = world.events().await;
        let [Event::LoginFailed { user_id, ip, user_agent }] = events.as_slice() else {
            panic!("{what}: one failed login is announced, not {events:?}")
        };
        assert_eq!(user_id.is_some(), known, "{what}: the event names the account that was aimed at, if there is one");
        assert_eq!((*ip, user_agent.clone()), (origin().ip, origin().user_agent), "{what}");
    }
    assert_eq!(world.hasher.hashed(), 2, "a refused login hashes nothing");
}

#[tokio::test]
async fn an_account_without_a_password_cannot_be_logged_in_to_a010() {
    let world = World::new().await;
    let mut social = world.register("ann").await;
    social.id = portcullis_domain::ids::UserId::new(world.now(), &*world.ports.random);
    (social.username, social.email) = (None, crate::world::email("social@example.com"));
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.users().insert(&social).await.expect("an account");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    for with in ["", PASSWORD] {
        let before = world.hasher.verified();
        let refused = world.try_log_in("social@example.com", with).await;
        assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "{refused:?}");
        assert_eq!(world.hasher.verified(), before + 1, "the hasher is asked all the same");
    }
}

#[tokio::test]
async fn only_the_exact_password_logs_in_a003() {
    let world = World::new().await;
    world.register("ann").await;
    for near in [
        "Correct horse battery",
        "correct horse battery ",
        " correct horse battery",
        "correct horse batter",
        "correct horse battery\0",
    ] {
        assert!(world.try_log_in("ann", near).await.is_err(), "{near:?}");
    }
    world.log_in("ann").await;
}

#[tokio::test]
async fn a_raised_cost_is_paid_at_the_next_login_a008() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    let stored = || async {
        let mut tx = world.store.begin().await.expect("a unit of work");
        tx.credentials().of(ann.id).await.expect("a look").expect("a password")
    };
    let before = stored().await;
    world.log_in("ann").await;
    assert_eq!(stored().await, before, "a hash of the current cost stays");
    world.hasher.raise_cost();
    assert!(world.try_log_in("ann", "wrong").await.is_err());
    assert_eq!(stored().await, before, "a wrong password upgrades nothing");
    world.log_in("ann").await;
    let after = stored().await;
    assert_ne!(after, before, "a login upgrades the hash");
    world.log_in("ann").await;
    assert_eq!(stored().await, after, "once");
}

/// A hasher behind which the first `racers` comparisons wait for one another.
struct Rendezvous {
    inner: Arc<dyn PasswordHasher>,
    racers: usize,
    seen: AtomicUsize,
    all_there: Barrier,
}

#[async_trait::async_trait]
impl PasswordHasher for Rendezvous {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.inner.hash(password).await
    }

    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError> {
        let matched = self.inner.verify(password, hash).await;
        if self.seen.fetch_add(1, Ordering::SeqCst) < self.racers {
            self.all_there.wait().await;
        }
        matched
    }
}

async fn rendezvous(racers: usize) -> Arc<World> {
    let world = World::with(policy(), |ports| {
        let (inner, seen, all_there) = (ports.hasher.clone(), AtomicUsize::new(0), Barrier::new(racers));
        ports.hasher = Arc::new(Rendezvous { inner, racers, seen, all_there });
    });
    Arc::new(world.await)
}

#[tokio::test]
async fn racing_logins_all_succeed_while_the_hash_is_upgraded_a008() {
    let world = rendezvous(24).await;
    world.register("ann").await;
    world.hasher.raise_cost();
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.try_log_in("ann", PASSWORD).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("the right password logs in, whoever upgrades its hash meanwhile");
    }
    assert_eq!(world.events().await.len(), 1 + 24, "each is announced as what it is");
}

#[tokio::test]
async fn a_login_that_a_change_of_password_overtakes_is_refused_a020() {
    // The login and the change compare the old password; the change is committed first.
    let world = rendezvous(2).await;
    let ann = world.register("ann").await;
    world.events().await;
    let late = tokio::spawn({
        let world = world.clone();
        async move { world.try_log_in("ann", PASSWORD).await }
    });
    let change = ChangePassword {
        user: ann.id,
        session: SessionId::new(world.now(), &*world.ports.random),
        current: password(PASSWORD),
        new: password("a rather different phrase"),
        origin: origin(),
    };
    let mut tx = world.store.begin().await.expect("a unit of work");
    let stored = tx.credentials().of(ann.id).await.expect("a look").expect("a password");
    assert!(tx.credentials().confirm(ann.id, &stored).await.expect("an answer"), "this unit holds everybody back");
    let changed = tokio::spawn({
        let world = world.clone();
        async move { world.app.accounts.change_password(change).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let other = PasswordHash::new("$plain$somebody else was faster".to_owned());
    assert!(tx.credentials().replace(ann.id, &stored, &other).await.expect("an answer"));
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    let refused = late.await.expect("a task").expect_err("the password it compared is over");
    assert!(matches!(refused, LogInError::InvalidCredentials), "{refused:?}");
    let refused = changed.await.expect("a task");
    assert!(matches!(refused, Err(ChangePasswordError::WrongPassword)), "{refused:?}");
    let events = world.events().await;
    assert!(matches!(events.as_slice(), [Event::LoginFailed { .. }]), "one failed login and nothing else: {events:?}");
}

#[tokio::test]
async fn a_name_that_cannot_be_read_is_nobodys() {
    let world = World::new().await;
    let cmd = LogIn { name: None, ..login("ann", PASSWORD) };
    let refused = world.app.sessions.log_in(cmd).await;
    assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "{refused:?}");
    for text in ["", " ", "a", "\u{0}", "a@", "@b", "ann@example.com\n\0", &"x".repeat(100_000), &"@".repeat(5_000)] {
        assert_eq!(LoginName::parse(text), None, "{text:.20?}");
    }
}

#[tokio::test]
async fn each_login_is_a_session_of_its_own_a039() {
    let world = World::new().await;
    let (_, one) = world.signed_in("ann").await;
    let two = world.log_in("ann").await;
    assert_ne!(one.session.id, two.session.id);
    assert_ne!(one.refresh_token.expose(), two.refresh_token.expose());
    assert_ne!(one.access_token.expose(), two.access_token.expose());
    world.calls(&one);
    world.calls(&two);
}
