//! Attempts of those who are signed in, and attempts that something comes in between of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_domain::accounts::{
    AttemptKey, Attempts, ChangePassword, ChangePasswordError, DeleteAccount, DeleteAccountError, Password,
    PasswordHash, UpdateProfile, UpdateProfileError,
};
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{LogInError, TokenPair};
use portcullis_domain::{Failure, Timestamp};

use crate::attempts::{counted, exhaust, refused};
use crate::faulty::{Fault, faulty_world};
use crate::world::{ATTEMPTS, PASSWORD, SECOND, World, deletion, email, origin, password, policy};

const NEW: &str = "a rather different phrase";

fn change(pair: &TokenPair, current: &str) -> ChangePassword {
    let (user, session) = (pair.session.user, pair.session.id);
    ChangePassword { user, session, current: password(current), new: password(NEW), origin: origin() }
}

fn moving(pair: &TokenPair, current: &str) -> UpdateProfile {
    UpdateProfile {
        user: pair.session.user,
        session: pair.session.id,
        username: None,
        email: Some(email("new@example.com")),
        current_password: Some(password(current)),
        origin: origin(),
    }
}

#[tokio::test]
async fn a007_b36_a_wrong_current_password_counts_and_is_throttled() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let before = world.hasher.verified();
    for number in 0..ATTEMPTS.free {
        if number % 2 == 0 {
            let refused = world.app.accounts.change_password(change(&pair, "wrong")).await;
            assert!(matches!(refused, Err(ChangePasswordError::WrongPassword)), "{number}: {refused:?}");
        } else {
            let refused = world.app.accounts.update_profile(moving(&pair, "wrong")).await;
            assert!(matches!(refused, Err(UpdateProfileError::WrongPassword)), "{number}: {refused:?}");
        }
    }
    for current in ["wrong", PASSWORD] {
        let refused = world.app.accounts.change_password(change(&pair, current)).await;
        let Err(ChangePasswordError::TooManyAttempts(wait)) = refused else { panic!("{current:?}: {refused:?}") };
        assert_eq!(wait.retry_after, SECOND);
        let refused = world.app.accounts.update_profile(moving(&pair, current)).await;
        let Err(UpdateProfileError::TooManyAttempts(wait)) = refused else { panic!("{current:?}: {refused:?}") };
        assert_eq!(wait.retry_after, SECOND);
    }
    assert_eq!(world.hasher.verified(), before + u64::from(ATTEMPTS.free), "a throttled password is not looked at");
    assert_eq!(world.events().await, [], "none of it is announced");
    world.calls(&pair);

    world.clock.advance(SECOND);
    world.app.accounts.change_password(change(&pair, PASSWORD)).await.expect("after the wait the right one counts");
    world.app.accounts.update_profile(moving(&pair, NEW)).await.expect("and nothing is left of the failures");
}

#[tokio::test]
async fn a007_of_racing_changes_after_a_wait_one_is_looked_at() {
    let (world, _) = faulty_world().await;
    let (_, pair) = world.signed_in("ann").await;
    for _ in 0..ATTEMPTS.free {
        drop(world.app.accounts.change_password(change(&pair, "wrong")).await);
    }
    world.clock.advance(SECOND);
    let tries = (0..24).map(|_| world.app.accounts.change_password(change(&pair, "wrong")));
    let answers = futures_util::future::join_all(tries).await;
    let looked_at = answers.iter().filter(|answer| matches!(answer, Err(ChangePasswordError::WrongPassword)));
    assert_eq!(looked_at.count(), 1, "{answers:?}");
}

#[tokio::test]
async fn the_right_password_for_a_new_address_clears_the_count() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    for _ in 1..ATTEMPTS.free {
        let refused = world.app.accounts.update_profile(moving(&pair, "wrong")).await;
        assert!(matches!(refused, Err(UpdateProfileError::WrongPassword)), "{refused:?}");
    }
    assert_eq!(counted_of(&world, &pair).await.map(|seen| seen.failures), Some(ATTEMPTS.free - 1));
    world.app.accounts.update_profile(moving(&pair, PASSWORD)).await.expect("a new address");
    assert_eq!(counted_of(&world, &pair).await, None);
}

/// What is counted against somebody who is signed in.
async fn counted_of(world: &World, pair: &TokenPair) -> Option<Attempts> {
    let key = AttemptKey::of_user(pair.session.user, &*world.ports.mac);
    world.ports.store.begin().await.expect("a unit of work").attempts().of(&key).await.expect("a look")
}

#[tokio::test]
async fn a013_strangers_do_not_hold_up_the_owner_who_is_signed_in() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    for name in ["ann", "ann@example.com"] {
        exhaust(&world, name).await;
    }
    world.app.accounts.change_password(change(&pair, PASSWORD)).await.expect("the owner changes the password");
}

#[tokio::test]
async fn a_profile_that_needs_no_password_is_not_throttled() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    for _ in 0..ATTEMPTS.free {
        drop(world.app.accounts.change_password(change(&pair, "wrong")).await);
    }
    let without = UpdateProfile { current_password: None, ..moving(&pair, "") };
    for _ in 0..30 {
        let refused = world.app.accounts.update_profile(without.clone()).await;
        assert!(matches!(refused, Err(UpdateProfileError::PasswordNeeded)), "nothing was guessed: {refused:?}");
    }
    let renamed = UpdateProfile { username: Some(None), email: None, ..without };
    world.app.accounts.update_profile(renamed).await.expect("a name needs no password");
}

#[tokio::test]
async fn a_failure_is_counted_in_the_unit_of_its_event_and_its_entry() {
    let (world, fault) = faulty_world().await;
    let (_, pair) = world.signed_in("ann").await;
    fault.set(true);
    for name in ["ann", "nobody"] {
        let broken = world.try_log_in(name, "wrong").await;
        assert!(matches!(broken, Err(LogInError::Failure(Failure::Unavailable(_)))), "{broken:?}");
        assert_eq!(counted(&world, name).await, None, "what is not committed is not counted");
    }
    let broken = world.app.accounts.change_password(change(&pair, "wrong")).await;
    assert!(matches!(broken, Err(ChangePasswordError::Failure(Failure::Unavailable(_)))), "{broken:?}");
    assert_eq!(counted_of(&world, &pair).await, None);
    assert_eq!((world.events().await.len(), world.acts().await.len()), (0, 0), "nor announced, nor recorded");

    fault.set(false);
    assert_eq!(refused(&world, "ann", "wrong").await, None);
    assert_eq!(counted(&world, "ann").await, Some(Attempts { failures: 1, last_at: world.now() }));
    assert_eq!((world.events().await.len(), world.acts().await.len()), (1, 1), "counted, announced, recorded");
}

#[tokio::test]
async fn a_store_that_cannot_reserve_lets_nobody_guess() {
    let (world, fault) = faulty_world().await;
    world.register("ann").await;
    exhaust(&world, "ann").await;
    world.clock.advance(SECOND);
    let before = world.hasher.verified();
    fault.set(true);
    for with in ["wrong", PASSWORD] {
        let broken = world.try_log_in("ann", with).await;
        assert!(matches!(broken, Err(LogInError::Failure(Failure::Unavailable(_)))), "{broken:?}");
    }
    assert_eq!(world.hasher.verified(), before, "what is not counted is not looked at");
    fault.set(false);
    world.log_in("ann").await;
}

/// A hasher during whose next right answer somebody else upgrades the hash of the same password.
struct Overtaker {
    inner: Arc<dyn PasswordHasher>,
    store: Arc<dyn Store>,
    armed: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl PasswordHasher for Overtaker {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.inner.hash(password).await
    }

    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError> {
        let matched = self.inner.verify(password, hash).await?;
        if let Some(stored) = hash
            && matched != Match::No
            && self.armed.swap(false, Ordering::SeqCst)
        {
            let upgraded = self.inner.hash(password).await?;
            let mut tx = self.store.begin().await.expect("a unit of work");
            let ann = tx.users().by_email(&email("ann@example.com")).await.expect("a look").expect("an account");
            assert!(tx.credentials().replace(ann.id, stored, &upgraded).await.expect("an answer"));
            tx.commit(Timestamp::UNIX_EPOCH, Vec::new()).await.expect("a commit");
        }
        Ok(matched)
    }
}

#[tokio::test]
async fn the_one_attempt_after_a_wait_survives_an_upgrade_of_the_hash_by_another_login() {
    let armed = Arc::new(AtomicBool::new(false));
    let world = World::with(policy(), |ports| {
        let (inner, store, armed) = (ports.hasher.clone(), ports.store.clone(), armed.clone());
        ports.hasher = Arc::new(Overtaker { inner, store, armed });
    })
    .await;
    let (_, pair) = world.signed_in("ann").await;
    exhaust(&world, "ann").await;
    world.hasher.raise_cost();
    world.clock.advance(SECOND);
    armed.store(true, Ordering::SeqCst);
    world.log_in("ann").await;
    assert!(!armed.load(Ordering::SeqCst), "the login was overtaken");

    exhaust(&world, "ann@example.com").await;
    world.clock.advance(SECOND);
    armed.store(true, Ordering::SeqCst);
    world.app.accounts.change_password(change(&pair, PASSWORD)).await.expect("so does a change of the password");
    assert!(!armed.load(Ordering::SeqCst), "the change was overtaken");
}

/// A hasher whose line is full when it is armed: for those who ask first, or only for those who come with a password.
struct Full {
    inner: Arc<dyn PasswordHasher>,
    armed: Arc<AtomicBool>,
    admits: bool,
}

impl Full {
    /// A world with such a hasher.
    async fn world(admits: bool) -> (World, Arc<AtomicBool>) {
        let armed = Arc::new(AtomicBool::new(false));
        let world = World::with(policy(), |ports| {
            ports.hasher = Arc::new(Self { inner: ports.hasher.clone(), armed: armed.clone(), admits });
        });
        (world.await, armed)
    }
}

#[async_trait::async_trait]
impl PasswordHasher for Full {
    fn admit(&self) -> Result<(), HashError> {
        let full = !self.admits && self.armed.load(Ordering::SeqCst);
        if full { Err(HashError::Overloaded) } else { Ok(()) }
    }

    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.inner.hash(password).await
    }

    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError> {
        if self.armed.swap(false, Ordering::SeqCst) {
            return Err(HashError::Overloaded);
        }
        self.inner.verify(password, hash).await
    }
}

#[tokio::test]
async fn a013_an_attempt_that_met_a_full_line_is_not_used_up() {
    let (world, armed) = Full::world(true).await;
    world.register("ann").await;
    exhaust(&world, "ann").await;
    world.clock.advance(SECOND);
    armed.store(true, Ordering::SeqCst);
    let turned_away = world.try_log_in("ann", PASSWORD).await;
    assert!(matches!(turned_away, Err(LogInError::Failure(Failure::Overloaded))), "{turned_away:?}");
    world.log_in("ann").await;
}

/// Fails as often as costs no wait, and waits for the one attempt that is free then.
async fn exhausted(world: &World, pair: &TokenPair) {
    for _ in 0..ATTEMPTS.free {
        drop(world.app.accounts.change_password(change(pair, "wrong")).await);
    }
    world.clock.advance(SECOND);
}

#[tokio::test]
async fn a013_nor_is_that_of_somebody_who_is_signed_in() {
    let (world, armed) = Full::world(true).await;
    let (_, pair) = world.signed_in("ann").await;
    let accounts = &world.app.accounts;

    exhausted(&world, &pair).await;
    armed.store(true, Ordering::SeqCst);
    let turned_away = accounts.update_profile(moving(&pair, PASSWORD)).await;
    assert!(matches!(turned_away, Err(UpdateProfileError::Failure(Failure::Overloaded))), "{turned_away:?}");
    accounts.update_profile(moving(&pair, PASSWORD)).await.expect("a new address");

    exhausted(&world, &pair).await;
    armed.store(true, Ordering::SeqCst);
    let turned_away = accounts.change_password(change(&pair, PASSWORD)).await;
    assert!(matches!(turned_away, Err(ChangePasswordError::Failure(Failure::Overloaded))), "{turned_away:?}");
    accounts.change_password(change(&pair, PASSWORD)).await.expect("a new password");

    exhausted(&world, &pair).await;
    armed.store(true, Ordering::SeqCst);
    let end = || DeleteAccount { current_password: password(NEW), ..deletion(pair.session.user) };
    let turned_away = accounts.delete(end()).await;
    assert!(matches!(turned_away, Err(DeleteAccountError::Failure(Failure::Overloaded))), "{turned_away:?}");
    accounts.delete(end()).await.expect("the end");
}

#[tokio::test]
async fn a013_the_right_password_is_not_used_up_by_a_new_one_that_is_too_weak() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    exhausted(&world, &pair).await;
    let weak = ChangePassword { new: password("password"), ..change(&pair, PASSWORD) };
    let refused = world.app.accounts.change_password(weak).await;
    assert!(matches!(refused, Err(ChangePasswordError::WeakPassword(_))), "{refused:?}");
    world.app.accounts.change_password(change(&pair, PASSWORD)).await.expect("the same attempt, with a better one");
}

#[tokio::test]
async fn whoever_is_refused_by_a_full_line_has_asked_nothing_of_the_store() {
    let fault = Fault::default();
    let (armed, behind) = (Arc::new(AtomicBool::new(false)), fault.clone());
    let world = World::with(policy(), |ports| {
        behind.stand_before(ports);
        ports.hasher = Arc::new(Full { inner: ports.hasher.clone(), armed: armed.clone(), admits: false });
    })
    .await;
    let (_, pair) = world.signed_in("ann").await;
    armed.store(true, Ordering::SeqCst);
    fault.asked();
    let accounts = &world.app.accounts;
    let refused = accounts.update_profile(moving(&pair, PASSWORD)).await;
    assert!(matches!(refused, Err(UpdateProfileError::Failure(Failure::Overloaded))), "{refused:?}");
    let refused = accounts.change_password(change(&pair, PASSWORD)).await;
    assert!(matches!(refused, Err(ChangePasswordError::Failure(Failure::Overloaded))), "{refused:?}");
    let refused = accounts.delete(deletion(pair.session.user)).await;
    assert!(matches!(refused, Err(DeleteAccountError::Failure(Failure::Overloaded))), "{refused:?}");
    assert!(fault.asked().is_empty());
}
