//! Every act leaves one entry: who, what, on whom, from where, how it ended.

use portcullis_domain::accounts::{
    ChangePassword, ChangePasswordError, DeleteAccountError, Import, Register, RegisterError, UpdateProfile,
    UpdateProfileError, User, UserStatus,
};
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery, Outcome, Refusal};
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{RefreshError, RevocationReason, RevokeSession, TokenPair};

use crate::world::{PASSWORD, SECOND, World, deletion, email, origin, password, registration, username};

pub(crate) const NEW: &str = "a rather different phrase";

/// What an entry is about; the rest is the same for all.
struct Act {
    actor: Actor,
    action: Action,
    outcome: Outcome,
    subject: Option<UserId>,
    session: Option<SessionId>,
}

fn done(actor: Actor, action: Action, subject: UserId, session: Option<SessionId>) -> Act {
    Act { actor, action, outcome: Outcome::Success, subject: Some(subject), session }
}

fn refused(actor: Actor, action: Action, why: Refusal, subject: Option<UserId>, session: Option<SessionId>) -> Act {
    Act { actor, action, outcome: Outcome::Refused(why), subject, session }
}

/// Exactly these entries are new, each with where the request came from; gives their details. Time goes on.
async fn recorded<const N: usize>(world: &World, expected: [Act; N]) -> [Option<String>; N] {
    let acts: [AuditEntry; N] = match world.acts().await.try_into() {
        Ok(acts) => acts,
        Err(acts) => panic!("{N} entries are expected, not {acts:#?}"),
    };
    for (entry, act) in acts.iter().zip(&expected) {
        assert_eq!((&entry.actor, entry.action, entry.outcome), (&act.actor, act.action, act.outcome), "{entry:?}");
        assert_eq!((entry.subject, entry.session), (act.subject, act.session), "{entry:?}");
        assert_eq!(entry.at, world.now(), "{entry:?}");
        let from = origin();
        assert_eq!((entry.ip, &entry.user_agent), (from.ip, &from.user_agent), "{entry:?}");
        assert_eq!(entry.request_id, from.request_id, "{entry:?}");
    }
    world.clock.advance(SECOND);
    acts.map(|entry| entry.detail)
}

async fn nothing_is_recorded(world: &World) {
    recorded::<0>(world, []).await;
}

/// A world whose first entry, of the signing key, has been read.
pub(crate) async fn world() -> World {
    let world = World::new().await;
    world.acts().await;
    world
}

async fn disable(world: &World, user: &User) {
    let mut tx = world.store.begin().await.expect("a unit of work");
    let disabled = User { status: UserStatus::Disabled, ..user.clone() };
    tx.users().update(&disabled).await.expect("an update");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
}

#[tokio::test]
async fn opening_an_account_is_recorded() {
    let world = world().await;
    let ann = world.register("ann").await;
    recorded(&world, [done(Actor::User(ann.id), Action::Register, ann.id, None)]).await;

    let taken = |_| refused(Actor::Anonymous, Action::Register, Refusal::Taken, None, None);
    let cmd = Register { username: None, ..registration("ann") };
    assert!(matches!(world.app.accounts.register(cmd).await, Err(RegisterError::EmailTaken)));
    assert_eq!(recorded(&world, [taken(())]).await, [Some("the e-mail address".to_owned())]);
    let cmd = Register { email: email("other@example.com"), ..registration("ann") };
    assert!(matches!(world.app.accounts.register(cmd).await, Err(RegisterError::UsernameTaken)));
    assert_eq!(recorded(&world, [taken(())]).await, [Some("the username".to_owned())]);
}

#[tokio::test]
async fn signing_in_is_recorded_and_so_is_every_refusal() {
    let world = world().await;
    let ann = world.register("ann").await;
    let ben = world.register("ben").await;
    disable(&world, &ben).await;
    world.acts().await;

    let pair = world.log_in("ann").await;
    recorded(&world, [done(Actor::User(ann.id), Action::LogIn, ann.id, Some(pair.session.id))]).await;
    for (name, with, why, subject) in [
        ("ann", "wrong", Refusal::WrongPassword, Some(ann.id)),
        ("ann@example.com", "", Refusal::WrongPassword, Some(ann.id)),
        ("nobody", PASSWORD, Refusal::UnknownAccount, None),
        ("no such name!", PASSWORD, Refusal::UnknownAccount, None),
        ("ben", PASSWORD, Refusal::AccountDisabled, Some(ben.id)),
        ("ben", "wrong", Refusal::WrongPassword, Some(ben.id)),
    ] {
        assert!(world.try_log_in(name, with).await.is_err());
        let details = recorded(&world, [refused(Actor::Anonymous, Action::LogIn, why, subject, None)]).await;
        assert_eq!(details, [None], "{name}");
    }
}

#[tokio::test]
async fn the_failure_that_starts_a_wait_says_so_and_what_is_throttled_is_not_recorded() {
    let world = world().await;
    let ann = world.register("ann").await;
    world.acts().await;
    let wrong = |_| refused(Actor::Anonymous, Action::LogIn, Refusal::WrongPassword, Some(ann.id), None);
    for number in 1..=20 {
        assert!(world.try_log_in("ann", "wrong").await.is_err());
        let [detail] = recorded(&world, [wrong(())]).await;
        assert_eq!(detail.is_some(), number == 20, "{number}: {detail:?}");
    }
    world.clock.advance(2 * SECOND);
    assert!(world.try_log_in("ann", "wrong").await.is_err());
    let [detail] = recorded(&world, [wrong(())]).await;
    let detail = detail.expect("how it goes on");
    assert!(detail.contains("21 failures") && detail.contains("2 s"), "{detail}");
    for with in ["wrong", PASSWORD] {
        assert!(world.try_log_in("ann", with).await.is_err());
        assert_eq!(world.acts().await, [], "the failure that started the wait is on record, not those that wait");
    }
}

#[tokio::test]
async fn an_upgrade_of_a_hash_is_an_act_of_its_own() {
    let world = world().await;
    let ann = world.register("ann").await;
    world.acts().await;
    world.hasher.raise_cost();
    let pair = world.log_in("ann").await;
    let mut acts = world.acts().await;
    acts.sort_by_key(|entry| entry.action.as_str());
    let session = Some(pair.session.id);
    let shown: Vec<_> = acts.iter().map(|entry| (entry.action, entry.outcome, entry.subject, entry.session)).collect();
    let expected =
        [Action::UpgradePassword, Action::LogIn].map(|action| (action, Outcome::Success, Some(ann.id), session));
    assert_eq!(shown, expected, "{acts:?}");
    assert!(acts.iter().all(|entry| entry.actor == Actor::User(ann.id) && entry.request_id == origin().request_id));
}

pub(crate) fn change(pair: &TokenPair, current: &str, new: &str) -> ChangePassword {
    let (user, session) = (pair.session.user, pair.session.id);
    ChangePassword { user, session, current: password(current), new: password(new), origin: origin() }
}

#[tokio::test]
async fn changing_a_password_is_recorded() {
    let world = world().await;
    let (ann, pair) = world.signed_in("ann").await;
    let (who, session) = (Actor::User(ann.id), Some(pair.session.id));
    let refusal = world.app.accounts.change_password(change(&pair, "wrong", NEW)).await;
    assert!(matches!(refusal, Err(ChangePasswordError::WrongPassword)));
    let expected = refused(who.clone(), Action::ChangePassword, Refusal::WrongPassword, Some(ann.id), session);
    recorded(&world, [expected]).await;
    world.app.accounts.change_password(change(&pair, PASSWORD, NEW)).await.expect("a new password");
    recorded(&world, [done(who, Action::ChangePassword, ann.id, session)]).await;
}

pub(crate) fn update(pair: &TokenPair) -> UpdateProfile {
    UpdateProfile {
        user: pair.session.user,
        session: pair.session.id,
        username: None,
        email: None,
        current_password: Some(password(PASSWORD)),
        origin: origin(),
    }
}

#[tokio::test]
async fn changing_a_name_is_recorded_with_the_fields_and_without_their_values() {
    let world = world().await;
    world.register("ben").await;
    let (ann, pair) = world.signed_in("ann").await;
    let (who, session) = (Actor::User(ann.id), Some(pair.session.id));
    let not = |why| refused(Actor::User(ann.id), Action::UpdateProfile, why, Some(ann.id), session);

    let cmd = UpdateProfile {
        email: Some(email("new@example.com")),
        current_password: Some(password("wrong")),
        ..update(&pair)
    };
    assert!(matches!(world.app.accounts.update_profile(cmd).await, Err(UpdateProfileError::WrongPassword)));
    recorded(&world, [not(Refusal::WrongPassword)]).await;
    let cmd = UpdateProfile { email: Some(email("ben@example.com")), ..update(&pair) };
    assert!(matches!(world.app.accounts.update_profile(cmd).await, Err(UpdateProfileError::EmailTaken)));
    assert_eq!(recorded(&world, [not(Refusal::Taken)]).await, [Some("the e-mail address".to_owned())]);
    let cmd = UpdateProfile { username: Some(Some(username("ben"))), ..update(&pair) };
    assert!(matches!(world.app.accounts.update_profile(cmd).await, Err(UpdateProfileError::UsernameTaken)));
    assert_eq!(recorded(&world, [not(Refusal::Taken)]).await, [Some("the username".to_owned())]);

    let both = UpdateProfile {
        username: Some(Some(username("anna"))),
        email: Some(email("anna@example.com")),
        ..update(&pair)
    };
    world.app.accounts.update_profile(both.clone()).await.expect("new names");
    let details = recorded(&world, [done(who, Action::UpdateProfile, ann.id, session)]).await;
    assert_eq!(details, [Some("username email".to_owned())]);
    world.app.accounts.update_profile(both).await.expect("nothing to change");
    nothing_is_recorded(&world).await;
}

#[tokio::test]
async fn a_theft_of_a_refresh_token_is_recorded_and_ordinary_refreshes_are_not() {
    let world = world().await;
    let (ann, stolen) = world.signed_in("ann").await;
    world.refreshed(&stolen).await;
    world.refreshed(&stolen).await;
    nothing_is_recorded(&world).await;
    world.clock.advance(11 * SECOND);
    assert!(matches!(world.refresh(&stolen).await, Err(RefreshError::Reused)));
    let session = Some(stolen.session.id);
    let expected = refused(Actor::Anonymous, Action::Refresh, Refusal::TokenReuse, Some(ann.id), session);
    recorded(&world, [expected]).await;
    assert!(matches!(world.refresh(&stolen).await, Err(RefreshError::Invalid)));
    nothing_is_recorded(&world).await;
}

#[tokio::test]
async fn the_end_of_a_session_is_recorded_once_whoever_ends_it() {
    let world = world().await;
    let (ann, mine) = world.signed_in("ann").await;
    let revoke = |pair: &TokenPair, reason, actor| RevokeSession {
        user: ann.id,
        session: pair.session.id,
        reason,
        actor,
        origin: origin(),
    };
    for (actor, reason) in [
        (Actor::User(ann.id), RevocationReason::RevokedByOwner),
        (Actor::Client("web".to_owned()), RevocationReason::TokenRevoked),
        (Actor::Operator, RevocationReason::RevokedByOwner),
    ] {
        let pair = world.log_in("ann").await;
        world.acts().await;
        let ended = world.app.sessions.revoke(revoke(&pair, reason, actor.clone())).await.expect("an answer");
        assert!(ended);
        let expected = done(actor.clone(), Action::Revoke, ann.id, Some(pair.session.id));
        assert_eq!(recorded(&world, [expected]).await, [Some(reason.as_str().to_owned())]);
        assert!(!world.app.sessions.revoke(revoke(&pair, reason, actor)).await.expect("an answer"));
        nothing_is_recorded(&world).await;
    }
    let caller = world.calls(&mine);
    world.app.sessions.log_out(&caller, origin()).await.expect("a logout");
    let expected = done(Actor::User(ann.id), Action::Revoke, ann.id, Some(mine.session.id));
    assert_eq!(recorded(&world, [expected]).await, [Some("logout".to_owned())]);
    world.app.sessions.log_out(&caller, origin()).await.expect("a second logout");
    world.app.sessions.log_out_with(&mine.refresh_token, origin()).await.expect("a third");
    nothing_is_recorded(&world).await;

    let by_cookie = world.log_in("ann").await;
    world.acts().await;
    world.app.sessions.log_out_with(&by_cookie.refresh_token, origin()).await.expect("a logout");
    let expected = done(Actor::User(ann.id), Action::Revoke, ann.id, Some(by_cookie.session.id));
    assert_eq!(recorded(&world, [expected]).await, [Some("logout".to_owned())]);

    let last = world.log_in("ann").await;
    world.acts().await;
    world.app.sessions.log_out_everywhere(&world.calls(&last), origin()).await.expect("a logout");
    recorded(&world, [done(Actor::User(ann.id), Action::RevokeAll, ann.id, Some(last.session.id))]).await;
}

#[tokio::test]
async fn closing_an_account_is_recorded_and_outlives_it() {
    let world = world().await;
    let (ann, _) = world.signed_in("ann").await;
    world.clock.advance(SECOND);
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    recorded(&world, [done(Actor::User(ann.id), Action::DeleteAccount, ann.id, Some(crate::world::some_session()))])
        .await;
    let again = world.app.accounts.delete(deletion(ann.id)).await;
    assert!(matches!(again, Err(DeleteAccountError::NotFound)), "{again:?}");
    nothing_is_recorded(&world).await;
    let on_ann = AuditQuery { subject: Some(ann.id), limit: 10, ..AuditQuery::default() };
    let actions: Vec<_> = world.app.audit.page(&on_ann).await.expect("a page").iter().map(|e| e.action).collect();
    assert_eq!(actions.len(), 3, "what was done on the account is still on record: {actions:?}");
    assert_eq!(actions[0], Action::DeleteAccount, "the newest first");
}

#[tokio::test]
async fn what_the_operator_and_the_service_do_is_recorded() {
    let world = World::new().await;
    let [key] = world.acts().await.try_into().expect("the first key");
    assert_eq!((key.actor, key.action, key.outcome), (Actor::Service, Action::CreateKey, Outcome::Success));
    let kid = &world.app.tokens.stored_keys().await.expect("keys")[0].kid;
    assert_eq!(key.detail, Some(format!("ES256 {kid}")));

    let cmd = Import {
        id: None,
        username: None,
        email: email("ann@example.com"),
        email_verified: true,
        status: UserStatus::Active,
        password_hash: None,
        created_at: None,
    };
    world.app.accounts.import(cmd.clone(), true).await.expect("a dry run");
    assert_eq!(world.acts().await, [], "a dry run does nothing");
    world.app.accounts.import(cmd.clone(), false).await.expect("an import");
    let [entry] = world.acts().await.try_into().expect("one entry");
    assert_eq!((entry.actor, entry.action, entry.outcome), (Actor::Operator, Action::Import, Outcome::Success));
    assert!(entry.subject.is_some() && entry.ip.is_none() && entry.request_id.is_none());
    world.app.accounts.import(cmd, false).await.expect("it is here already");
    assert_eq!(world.acts().await, [], "what is here already is not brought in again");

    let recorded = world.app.audit.record(Actor::Operator, Action::ExportHashes, "12 accounts", &origin()).await;
    recorded.expect("an entry");
    let [entry] = world.acts().await.try_into().expect("one entry");
    assert_eq!((entry.actor, entry.action), (Actor::Operator, Action::ExportHashes));
    assert_eq!((entry.detail.as_deref(), entry.subject, entry.at), (Some("12 accounts"), None, world.now()));
}
