//! Opening, finding and changing the accounts of others.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::access::Role;
use portcullis_domain::accounts::{CredentialState, User, UserStatus};
use portcullis_domain::administration::{
    AdministrationError, CreateUser, CreateUserError, CreatedUser, UpdateUser, UpdateUserError, UserQuery, UserSort,
};
use portcullis_domain::audit::{Action, Actor, AuditQuery, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::sessions::LogInError;

use crate::administration_scene::{define, grant, manage, one_refusal, program, role_name};
use crate::faulty::faulty_world;
use crate::world::{MINUTE, PASSWORD, World, email, origin, password, username};

fn newcomer(name: &str) -> CreateUser {
    CreateUser {
        caller: program(&["users:write"]),
        username: Some(username(name)),
        email: email(&format!("{name}@example.com")),
        email_verified: true,
        password: None,
        roles: Vec::new(),
        origin: origin(),
    }
}

fn update(user: &User) -> UpdateUser {
    UpdateUser {
        caller: program(&["users:write"]),
        user: user.id,
        version: None,
        username: None,
        email: None,
        email_verified: None,
        origin: origin(),
    }
}

async fn create(world: &World, cmd: CreateUser) -> Result<CreatedUser, CreateUserError> {
    world.app.administration.create_user(cmd).await
}

#[tokio::test]
async fn an_account_is_opened_with_a_link_and_its_roles_a112() {
    let world = World::new().await;
    define(&world, "reader", &["users:read"]).await;
    world.events().await;
    world.acts().await;
    let roles = vec![role_name("reader"), role_name("reader")];
    let created =
        create(&world, CreateUser { roles, caller: Caller::operator(), ..newcomer("ann") }).await.expect("ann");
    assert_eq!(created.view.user, world.find("ann").await, "what is answered is what is stored");
    assert!(created.view.user.email_verified && created.link.is_some());
    assert_eq!(created.view.roles, [role_name("reader"), role_name("user")]);

    let events = world.events().await;
    assert!(matches!(&events[0], Event::UserRegistered { user_id, .. } if *user_id == created.view.user.id));
    assert!(matches!(&events[1], Event::UserRolesChanged { roles, .. } if *roles == created.view.roles));
    let acts: Vec<_> = world.acts().await.into_iter().map(|act| (act.actor, act.action, act.detail)).collect();
    let expected = [
        (Actor::Operator, Action::CreateUser, None),
        (Actor::Operator, Action::GrantRole, Some("reader".to_owned())),
        (Actor::Operator, Action::CreateLink, Some("set_password".to_owned())),
    ];
    assert_eq!(acts.len(), expected.len());
    assert!(expected.iter().all(|act| acts.contains(act)), "{acts:?}");
}

#[tokio::test]
async fn nobody_opens_an_account_with_more_roles_than_an_account_can_have() {
    let world = World::new().await;
    let mut roles = Vec::new();
    for number in 0..=Role::PER_ACCOUNT_MAX {
        define(&world, &format!("role-{number}"), &[]).await;
        roles.push(role_name(&format!("role-{number}")));
    }
    let with = |roles| CreateUser { roles, caller: Caller::operator(), ..newcomer("ann") };
    let refused = create(&world, with(roles.clone())).await.expect_err("one too many");
    assert!(matches!(refused, CreateUserError::TooManyRoles), "{refused:?}");
    assert_eq!(refused.to_string(), "too many roles: an account has at most 100");
    let first = roles[0].clone();
    *roles.last_mut().expect("a role") = first;
    let created = create(&world, with(roles)).await.expect("the same role twice is one");
    assert_eq!(created.view.roles.len(), Role::PER_ACCOUNT_MAX + 1, "these and `user`");
}

#[tokio::test]
async fn a_password_that_another_chose_is_changed_at_the_first_login_a016() {
    let world = World::new().await;
    let chosen = |caller, name: &str| CreateUser { caller, password: Some(password(PASSWORD)), ..newcomer(name) };
    let weak = CreateUser { password: Some(password("password")), ..newcomer("ann") };
    let refused = create(&world, weak).await;
    assert!(matches!(refused, Err(CreateUserError::WeakPassword(_))), "{refused:?}");

    let ann = create(&world, chosen(program(&["users:write"]), "ann")).await.expect("ann").view.user;
    assert_eq!(CredentialState::of(&ann), CredentialState::MustChange);
    let refused = world.try_log_in("ann", PASSWORD).await;
    assert!(matches!(refused, Err(LogInError::PasswordChangeRequired)), "{refused:?}");
    let root = create(&world, chosen(Caller::operator(), "rita")).await.expect("rita");
    assert!(root.link.is_none() && !root.view.user.must_change_password, "the operator speaks for themselves");
    world.log_in("rita").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_equal_requests_one_opens_the_account_a115() {
    let (world, _) = faulty_world().await;
    let world = Arc::new(world);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { create(&world, newcomer("ann")).await })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        match task.await.expect("a task") {
            Ok(_) => opened += 1,
            Err(CreateUserError::EmailTaken | CreateUserError::UsernameTaken) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(opened, 1);
    assert_eq!(world.events().await.len(), 1, "announced once");
}

#[tokio::test]
async fn names_of_others_are_not_given_twice() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let (ben, _) = world.signed_in("ben").await;
    let refused = create(&world, newcomer("ann")).await;
    assert!(matches!(refused, Err(CreateUserError::EmailTaken | CreateUserError::UsernameTaken)), "{refused:?}");
    one_refusal(&world, Action::CreateUser, None, Refusal::Taken).await;
    let cmd = UpdateUser { email: Some(ann.email.clone()), ..update(&ben) };
    let refused = world.app.administration.update_user(cmd).await;
    assert!(matches!(refused, Err(UpdateUserError::EmailTaken)), "{refused:?}");
    one_refusal(&world, Action::UpdateUser, Some(ben.id), Refusal::Taken).await;
    let cmd = UpdateUser { username: Some(ann.username.clone()), ..update(&ben) };
    let refused = world.app.administration.update_user(cmd).await;
    assert!(matches!(refused, Err(UpdateUserError::UsernameTaken)), "{refused:?}");
    assert_eq!(world.find("ben").await, ben);
}

#[tokio::test]
async fn a_change_names_what_changed_and_the_version_it_is_made_to_a115() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let admin = &world.app.administration;
    world.clock.advance(MINUTE);
    let same = UpdateUser { email: Some(ann.email.clone()), username: Some(ann.username.clone()), ..update(&ann) };
    assert_eq!(admin.update_user(same).await.expect("no change").user, ann, "changing nothing changes nothing");
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));

    let cmd = UpdateUser { version: Some(ann.version), email_verified: Some(true), ..update(&ann) };
    let view = admin.update_user(cmd.clone()).await.expect("a change");
    assert!(view.user.email_verified && view.user.version == ann.version + 1 && view.user.updated_at == world.now());
    let stale = admin.update_user(cmd).await;
    assert!(matches!(stale, Err(UpdateUserError::Version)), "{stale:?}");

    world.clock.advance(MINUTE);
    let cmd = UpdateUser { email: Some(email("anna@example.org")), username: Some(None), ..update(&ann) };
    let view = admin.update_user(cmd).await.expect("a change");
    assert!(!view.user.email_verified, "a new address is not proved");
    assert_eq!((view.user.username.as_ref(), view.user.email.as_str()), (None, "anna@example.org"));
    let changed = |fields: &[&str]| Event::UserUpdated {
        user_id: ann.id,
        changed: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    assert_eq!(world.events().await, [changed(&["email_verified"]), changed(&["username", "email", "email_verified"])]);
    let details: Vec<_> = world.acts().await.into_iter().map(|act| (act.action, act.detail)).collect();
    let told = |text: &str| (Action::UpdateUser, Some(text.to_owned()));
    assert_eq!(details, [told("email_verified"), told("username email email_verified")]);
    let cmd = UpdateUser { email: Some(email("ann@example.org")), email_verified: Some(true), ..update(&ann) };
    assert!(admin.update_user(cmd).await.expect("a change").user.email_verified, "unless it is said so too");
}

#[tokio::test]
async fn accounts_are_found_with_their_roles_and_page_by_page_a107() {
    let world = World::new().await;
    define(&world, "reader", &["users:read"]).await;
    for number in 0..5 {
        let user = world.register(&format!("user{number}")).await;
        if number % 2 == 0 {
            grant(&world, user.id, "reader").await;
        }
        world.clock.advance(MINUTE);
    }
    let looks = program(&["users:read"]);
    let admin = &world.app.administration;
    for (sort, descending) in [(UserSort::CreatedAt, false), (UserSort::Email, true), (UserSort::Username, false)] {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let query = UserQuery { sort, descending, after, limit: 2, ..UserQuery::default() };
            let page = admin.search(&looks, &query).await.expect("a page");
            assert!(page.users.len() <= 2);
            for view in &page.users {
                let name = view.user.username.as_ref().expect("a username").as_str().to_owned();
                let even = name.ends_with(['0', '2', '4']);
                assert_eq!(view.roles.contains(&role_name("reader")), even);
                assert!(view.roles.contains(&role_name("user")), "every account has it");
                names.push(name);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = (0..5).map(|number| format!("user{number}")).collect();
        if descending {
            expected.reverse();
        }
        assert_eq!(names, expected, "{sort:?}: each once, in order");
    }
    let found = UserQuery { role: Some(role_name("reader")), ..UserQuery::default() };
    assert_eq!(admin.search(&looks, &found).await.expect("a page").users.len(), 3);
    for (limit, expected) in [(0, 1), (u32::MAX, 5)] {
        let query = UserQuery { limit, ..UserQuery::default() };
        assert_eq!(admin.search(&looks, &query).await.expect("a page").users.len(), expected, "limit {limit}");
    }
    let user = world.find("user0").await;
    admin.disable(manage(&Caller::operator(), &user), "left".to_owned()).await.expect("disabled");
    let found = UserQuery { status: Some(UserStatus::Disabled), ..UserQuery::default() };
    assert_eq!(admin.search(&looks, &found).await.expect("a page").users.len(), 1);
}

#[tokio::test]
async fn sessions_of_others_are_listed_page_by_page() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    world.log_in("ann").await;
    world.log_in("ann").await;
    let looks = program(&["users:read"]);
    let admin = &world.app.administration;
    let (first, more) = admin.sessions(&looks, ann.id, None, 2).await.expect("a page");
    assert!(more && first.len() == 2);
    let (rest, more) = admin.sessions(&looks, ann.id, Some(first[1].id), 2).await.expect("a page");
    assert!(!more && rest.len() == 1 && rest[0].id < first[1].id);
    let one = admin.user(&looks, ann.id).await;
    assert!(matches!(one, Ok(view) if view.user == ann));
    assert!(!matches!(admin.user(&looks, ann.id).await, Err(AdministrationError::NotFound)));
}

#[tokio::test]
async fn the_trail_is_searched_page_by_page_a107() {
    let world = World::new().await;
    world.signed_in("ann").await;
    let reads = program(&["audit:read"]);
    let (all, more) =
        world.app.audit.search(&reads, &AuditQuery { limit: u32::MAX, ..AuditQuery::default() }).await.expect("a page");
    assert!(!more && all.len() >= 3);
    let (first, more) =
        world.app.audit.search(&reads, &AuditQuery { limit: 2, ..AuditQuery::default() }).await.expect("a page");
    assert!(more && first[..] == all[..2]);
    let before = first.last().map(|entry| (entry.at, entry.id));
    let query = AuditQuery { before, limit: 1, ..AuditQuery::default() };
    let (next, _) = world.app.audit.search(&reads, &query).await.expect("a page");
    assert_eq!(next[..], all[2..3]);
}

#[tokio::test]
async fn what_there_is_is_counted_once_a_minute() {
    let world = World::new().await;
    let reads = program(&["stats:read"]);
    world.signed_in("ann").await;
    let first = world.app.administration.statistics(&reads).await.expect("numbers");
    assert_eq!((first.counts.users, first.counts.live_sessions, first.counted_at), (1, 1, world.now()));
    world.signed_in("ben").await;
    world.clock.advance(MINUTE - Duration::from_micros(1));
    assert_eq!(world.app.administration.statistics(&reads).await.expect("numbers"), first);
    world.clock.advance(Duration::from_micros(1));
    let second = world.app.administration.statistics(&reads).await.expect("numbers");
    assert_eq!((second.counts.users, second.counts.live_sessions, second.counted_at), (2, 2, world.now()));
}

#[tokio::test]
async fn what_was_counted_before_the_clock_was_set_back_is_counted_anew() {
    let world = World::new().await;
    let reads = program(&["stats:read"]);
    let right = world.now();
    world.clock.advance(Duration::from_secs(3_600));
    world.app.administration.statistics(&reads).await.expect("numbers");
    world.clock.set(right);
    world.signed_in("ann").await;
    let again = world.app.administration.statistics(&reads).await.expect("numbers");
    assert_eq!((again.counts.users, again.counted_at), (1, right));
}
