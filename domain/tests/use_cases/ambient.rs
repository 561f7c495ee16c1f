//! How the use cases take time and chance.

use std::sync::Arc;

use mockall::mock;
use portcullis_domain::accounts::{ChangePassword, DeleteAccount, ExportAccount, UpdateProfile};
use portcullis_domain::administration::{Manage, SetPassword, SetUp};
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::caller::Caller;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::sessions::{ListSessions, Refresh};
use portcullis_domain::{App, Timestamp};

use crate::world::{
    PASSWORD, World, deletion, email, login, origin, password, policy, registration, settings, username,
};

/// The password after the change.
const NEW: &str = "a rather different phrase";

mock! {
    Clock {}
    impl Clock for Clock {
        fn now(&self) -> Timestamp;
    }
}

/// The world's service with a clock that fails the test unless it is read exactly once.
fn read_once(world: &World) -> App {
    let (now, mut clock) = (world.now(), MockClock::new());
    clock.expect_now().times(1).return_const(now);
    let mut ports = world.ports.clone();
    ports.clock = Arc::new(clock);
    App::new(ports, settings(policy()))
}

#[tokio::test]
async fn a_use_case_reads_the_clock_once() {
    let world = World::new().await;
    let user = read_once(&world).accounts.register(registration("ann")).await.expect("an account");
    let signed_in = read_once(&world).sessions.log_in(login("ann", PASSWORD)).await.expect("a session");
    let pair = signed_in.pair;
    let token = pair.refresh_token.expose().to_owned();
    read_once(&world)
        .sessions
        .refresh(Refresh { token: token.into(), by: None, origin: origin() })
        .await
        .expect("new tokens");
    let query = ListSessions { user: user.id, after: None, limit: 5 };
    read_once(&world).sessions.list(query).await.expect("a list");
    let update = UpdateProfile {
        user: user.id,
        session: pair.session.id,
        username: Some(Some(username("anna"))),
        email: None,
        current_password: None,
        origin: origin(),
    };
    read_once(&world).accounts.update_profile(update).await.expect("a new name");
    let change = ChangePassword {
        user: user.id,
        session: pair.session.id,
        current: password(PASSWORD),
        new: password(NEW),
        origin: origin(),
    };
    read_once(&world).accounts.change_password(change).await.expect("a new password");
    let caller = read_once(&world).tokens.authenticate(pair.access_token.expose()).expect("a caller");
    read_once(&world).sessions.log_out(&caller, origin()).await.expect("a logout");
    let again = read_once(&world).sessions.log_in(login("anna", NEW)).await.expect("a session");
    read_once(&world).sessions.log_out_with(&again.pair.refresh_token, origin()).await.expect("a logout");
    read_once(&world).audit.record(Actor::Operator, Action::ExportHashes, "none", &origin()).await.expect("an entry");
    let own = DeleteAccount { current_password: password(NEW), ..deletion(user.id) };
    read_once(&world).accounts.delete(own).await.expect("a deletion");
}

#[tokio::test]
async fn an_act_of_administration_reads_the_clock_once() {
    let world = World::new().await;
    let operator = Caller::operator();
    let link = read_once(&world).administration.setup_link(&operator).await.expect("a link");
    let cmd = SetUp {
        token: link.token,
        username: None,
        email: email("rita@example.com"),
        password: password(PASSWORD),
        origin: origin(),
    };
    read_once(&world).administration.set_up(cmd).await.expect("an administrator");
    let user = world.register("ann").await;
    let manage = || Manage { caller: operator.clone(), user: user.id, origin: origin() };
    let link = read_once(&world).administration.password_link(manage()).await.expect("a link");
    let cmd = SetPassword { token: link.token, password: password(NEW), origin: origin() };
    read_once(&world).administration.set_password(cmd).await.expect("a password");
    read_once(&world).administration.expire_password(manage()).await.expect("an expiry");
    read_once(&world).administration.disable(manage(), "left".to_owned()).await.expect("disabled");
    read_once(&world).administration.enable(manage()).await.expect("enabled");
    read_once(&world).administration.revoke_sessions(manage(), None).await.expect("none");
    read_once(&world).administration.statistics(&operator).await.expect("numbers");
    let cmd = ExportAccount { caller: operator.clone(), user: user.id, origin: origin() };
    read_once(&world).accounts.export_account(cmd).await.expect("everything");
    read_once(&world).administration.delete(manage()).await.expect("a deletion");
    read_once(&world).audit.erase().await.expect("an erasure");
}

#[tokio::test]
async fn ids_sort_by_the_clock_of_the_use_case() {
    let world = World::new().await;
    let mut last = world.register("first").await.id;
    for name in ["second", "third"] {
        world.clock.advance(std::time::Duration::from_millis(1));
        let next = world.register(name).await.id;
        assert!(next > last, "an id sorts by its birth");
        last = next;
    }
}
