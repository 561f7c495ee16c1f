//! Acts on one account that are done at the same time, over PostgreSQL: none stands in another's way, none slips through.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use databases::{Counter, Fresh};
use portcullis_domain::accounts::{
    AttemptPolicy, ChangePassword, ChangePasswordError, DeleteAccount, DeleteAccountError, Email, Password, Register,
    User,
};
use portcullis_domain::administration::{
    AdministrationError, CreateUser, Impersonate, ImpersonateError, Manage, SetPassword, SetPasswordError,
};
use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::caller::{Caller, Identity, UserSession};
use portcullis_domain::ids::SessionId;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::SessionPolicy;
use portcullis_domain::tokens::{Algorithm, KeySchedule, Scope};
use portcullis_domain::{App, Timestamp};
use portcullis_memory::{
    LaxPolicy, ManualClock, MemoryRevocations, PlainHasher, PlainHashes, RecordingWebhooks, ToyMac, ToyRefreshTokens,
    ToyTokens, ToyVault,
};
use portcullis_sql::SqlStore;

const ROUNDS: usize = 24;
/// How many do each of the two things at once.
const EACH: usize = 3;
const OLD: &str = "correct horse battery";
const HOUR: Duration = Duration::from_secs(3_600);

/// A service over PostgreSQL.
struct House {
    app: App,
    store: Arc<SqlStore>,
    _fresh: Fresh,
}

async fn house() -> Arc<House> {
    let fresh = Fresh::postgres().await;
    let store = fresh.migrated().await;
    let random = Arc::new(Counter);
    let tokens = Arc::new(ToyTokens::new(Algorithm::Es256, "https://id.example.com", "api", random.clone()));
    let ports = Ports {
        store: store.clone(),
        hasher: Arc::new(PlainHasher::new(random.clone())),
        policy: Arc::new(LaxPolicy),
        import: Arc::new(PlainHashes),
        vault: Arc::new(ToyVault::new([1; 32], random.clone())),
        mac: Arc::new(ToyMac::new([3; 32])),
        issuer: tokens.clone(),
        verifier: tokens.clone(),
        keys: tokens,
        refresh_tokens: Arc::new(ToyRefreshTokens::new([2; 32])),
        revocations: Arc::new(MemoryRevocations::new()),
        webhook_queue: store.clone(),
        webhook_sender: Arc::new(RecordingWebhooks::new()),
        clock: Arc::new(ManualClock::default()),
        random,
    };
    let settings = Settings {
        issuer: "https://id.example.com".to_owned(),
        audience: "api".to_owned(),
        sessions: SessionPolicy {
            access_ttl: HOUR,
            idle_ttl: 2 * HOUR,
            absolute_ttl: 3 * HOUR,
            reuse_grace: Duration::from_secs(10),
            max_per_account: 100,
            announce_refreshes: false,
        },
        attempts: AttemptPolicy {
            free: 20,
            first_wait: Duration::from_secs(1),
            longest_wait: HOUR,
            forgotten_after: HOUR,
        },
        staleness: None,
        keys: KeySchedule { every: None, ahead: HOUR },
        first_party_client: "web".to_owned(),
        roles_in_tokens: false,
        permissions_in_tokens: false,
        reserved_clients: vec!["web".to_owned()],
        audit_retention: HOUR,
    };
    let app = App::new(ports, settings);
    app.tokens.open_keys(&[Algorithm::Es256]).await.unwrap();
    app.access.seed(&[]).await.unwrap();
    Arc::new(House { app, store, _fresh: fresh })
}

fn password(text: &str) -> Password {
    Password::present(text.to_owned()).unwrap()
}

fn some_session() -> SessionId {
    SessionId::new(Timestamp::UNIX_EPOCH, &Counter)
}

fn change(user: &User, current: &str) -> ChangePassword {
    let (user, session, origin) = (user.id, some_session(), Origin::default());
    ChangePassword { user, session, current: password(current), new: password("a rather different phrase"), origin }
}

impl House {
    /// An account with a password, whose owner has mistyped it before.
    async fn account(&self, round: usize) -> User {
        let email = Email::parse(&format!("ann{round}@example.com")).unwrap();
        let register = Register { username: None, email, password: password(OLD), origin: Origin::default() };
        let user = self.app.accounts.register(register).await.unwrap();
        let mistyped = self.app.accounts.change_password(change(&user, "wrong")).await;
        assert!(matches!(mistyped, Err(ChangePasswordError::WrongPassword)), "{mistyped:?}");
        user
    }

    /// An account that nobody has chosen a password for.
    async fn without_password(&self, round: usize) -> User {
        let cmd = CreateUser {
            caller: Caller::operator(),
            username: None,
            email: Email::parse(&format!("ben{round}@example.com")).unwrap(),
            email_verified: false,
            password: None,
            roles: Vec::new(),
            origin: Origin::default(),
        };
        self.app.administration.create_user(cmd).await.unwrap().view.user
    }

    async fn is_revoked(&self, session: SessionId) -> bool {
        let mut tx = self.store.begin().await.unwrap();
        let all = tx.revocations().since(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).await.unwrap();
        all.iter().any(|revocation| revocation.grant == session.into())
    }
}

fn manage(user: &User) -> Manage {
    Manage { caller: Caller::operator(), user: user.id, origin: Origin::default() }
}

/// Does both at once, each several times.
async fn both<A, B, S: Future<Output = A> + Send + 'static, T: Future<Output = B> + Send + 'static>(
    mut one: impl FnMut() -> S,
    mut other: impl FnMut() -> T,
) -> (Vec<A>, Vec<B>)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..EACH {
        ones.push(tokio::spawn(one()));
        others.push(tokio::spawn(other()));
    }
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for task in ones {
        of_one.push(task.await.unwrap());
    }
    for task in others {
        of_other.push(task.await.unwrap());
    }
    (of_one, of_other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_end_of_an_account_and_a_new_password_do_not_wait_for_each_other() {
    let house = house().await;
    for round in 0..ROUNDS {
        let ann = house.account(round).await;
        let (changes, ends) = both(
            || {
                let (house, cmd) = (house.clone(), change(&ann, OLD));
                async move { house.app.accounts.change_password(cmd).await }
            },
            || {
                let (user, session, current_password) = (ann.id, some_session(), password(OLD));
                let cmd = DeleteAccount { user, session, current_password, origin: Origin::default() };
                let house = house.clone();
                async move { house.app.accounts.delete(cmd).await }
            },
        )
        .await;
        let done =
            changes.iter().filter(|change| change.is_ok()).count() + ends.iter().filter(|end| end.is_ok()).count();
        assert_eq!(done, 1, "round {round}: {changes:?} {ends:?}");
        for refused in changes.into_iter().filter_map(Result::err) {
            use ChangePasswordError::{NotFound, WrongPassword};
            assert!(matches!(refused, NotFound | WrongPassword), "round {round}: {refused:?}");
        }
        for refused in ends.into_iter().filter_map(Result::err) {
            use DeleteAccountError::{NotFound, WrongPassword};
            assert!(matches!(refused, NotFound | WrongPassword), "round {round}: {refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_password_by_a_link_and_one_by_its_owner_do_not_wait_for_each_other() {
    let house = house().await;
    for round in 0..ROUNDS {
        let ann = house.account(round).await;
        let link = house.app.administration.password_link(manage(&ann)).await.unwrap();
        let (links, changes) = both(
            || {
                let (token, origin) = (link.token.clone(), Origin::default());
                let cmd = SetPassword { token, password: password("chosen by the link"), origin };
                let house = house.clone();
                async move { house.app.administration.set_password(cmd).await.map(drop) }
            },
            || {
                let (house, cmd) = (house.clone(), change(&ann, OLD));
                async move { house.app.accounts.change_password(cmd).await }
            },
        )
        .await;
        let done =
            links.iter().filter(|link| link.is_ok()).count() + changes.iter().filter(|change| change.is_ok()).count();
        assert_eq!(done, 1, "round {round}: {links:?} {changes:?}");
        for refused in links.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, SetPasswordError::Invalid), "round {round}: {refused:?}");
        }
        for refused in changes.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, ChangePasswordError::WrongPassword), "round {round}: {refused:?}");
        }
    }
}

/// Somebody of the support, in a session of their own.
async fn support(house: &House) -> Caller {
    let sue = house.account(1_000).await;
    let session = UserSession {
        user: sue.id,
        session: some_session(),
        client_id: "web".to_owned(),
        scope: Scope::default(),
        roles: Vec::new(),
        expires_at: Timestamp::UNIX_EPOCH,
        impersonation: None,
    };
    Caller { identity: Identity::User(session), ..Caller::operator() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_acts_as_somebody_without_a_password_is_stopped_when_the_account_ends() {
    let house = house().await;
    let support = support(&house).await;
    for round in 0..2 * ROUNDS {
        let ben = house.without_password(round).await;
        let (acting, ends) = both(
            || {
                let (caller, reason) = (support.clone(), "ticket 7".to_owned());
                let cmd = Impersonate { caller, user: ben.id, reason, write: false, origin: Origin::default() };
                let house = house.clone();
                async move { house.app.administration.impersonate(cmd).await.map(|acting| acting.session.id) }
            },
            || {
                let (house, cmd) = (house.clone(), manage(&ben));
                async move {
                    if round % 2 == 0 {
                        house.app.administration.disable(cmd, "left".to_owned()).await.map(drop)
                    } else {
                        house.app.administration.delete(cmd).await
                    }
                }
            },
        )
        .await;
        assert!(ends.iter().any(Result::is_ok), "round {round}: {ends:?}");
        for refused in ends.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, AdministrationError::NotFound), "round {round}: {refused:?}");
        }
        for acting in acting {
            match acting {
                Ok(session) => assert!(house.is_revoked(session).await, "round {round}: nobody has stopped it"),
                Err(ImpersonateError::NotFound | ImpersonateError::Failure(_)) => {}
                Err(error) => panic!("round {round}: {error:?}"),
            }
        }
    }
}
