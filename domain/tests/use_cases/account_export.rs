//! Everything that is kept of an account, for whom it is about.

use portcullis_domain::access::CreateApiKey;
use portcullis_domain::accounts::{AccountExport, ExportAccount, ExportAccountError};
use portcullis_domain::administration::Impersonate;
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::store::Store;
use serde_json::Value;

use crate::administration_scene::{calling, employee, manage, permissions, program, role_name};
use crate::world::{MINUTE, SECOND, World, origin};

async fn export(world: &World, caller: &Caller, user: UserId) -> Result<AccountExport, ExportAccountError> {
    world.app.accounts.export_account(ExportAccount { caller: caller.clone(), user, origin: origin() }).await
}

#[tokio::test]
async fn the_owner_reads_everything_that_was_put_in_and_no_secret_a116_a113() {
    let world = World::new().await;
    crate::administration_scene::define(&world, "reader", &["users:read"]).await;
    let (ann, pair, caller) = employee(&world, "ann", "reader").await;
    let ended = world.log_in("ann").await;
    world.app.sessions.log_out(&world.calls(&ended), origin()).await.expect("a logout");
    let cmd = CreateApiKey {
        caller: caller.clone(),
        owner: ann.id,
        name: "backup".to_owned(),
        permissions: permissions(&["users:read"]),
        roles: vec![role_name("reader")],
        networks: vec!["192.0.2.0/24".parse().expect("a network")],
        quota: Some(Quota { burst: 7, period: MINUTE }),
        expires_at: None,
        origin: origin(),
    };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    world.acts().await;

    let export = export(&world, &caller, ann.id).await.expect("everything");
    let now = world.find("ann").await;
    let account = &export.account;
    assert_eq!((account.id, account.email.as_str()), (ann.id, "ann@example.com"));
    assert_eq!((account.username.as_deref(), account.has_password), (Some("ann"), true));
    assert_eq!((account.version, account.created_at), (now.version, now.created_at));
    assert_eq!(export.roles, [role_name("reader"), role_name("user")]);
    assert_eq!(export.permissions, permissions(&["users:read"]));
    let sessions: Vec<_> = export.sessions.iter().map(|session| (session.id, session.revoked_at.is_some())).collect();
    assert_eq!(sessions, [(ended.session.id, true), (pair.session.id, false)], "ended ones too, the newest first");
    assert_eq!((export.sessions[1].ip, export.sessions[1].user_agent.as_deref()), (origin().ip, Some("test/1.0")));
    let [exported] = export.api_keys.as_slice() else { panic!("one key") };
    assert_eq!((exported.id, exported.name.as_str()), (key.key.id, "backup"));
    assert_eq!((exported.quota_burst, exported.quota_period_ms), (Some(7), Some(60_000)));
    assert_eq!(exported.networks, ["192.0.2.0/24"]);

    let text = serde_json::to_string(&export).expect("a text");
    let mut tx = world.store.begin().await.expect("a unit of work");
    let hash = tx.credentials().of(ann.id).await.expect("a look").expect("a password");
    let digest: String = pair.session.family.digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in [hash.as_str(), pair.refresh_token.expose(), key.secret.expose(), &digest, "digest", "hash", "secret"]
    {
        assert!(!text.contains(secret), "a secret is written out");
    }
    let [act] = world.acts().await.try_into().expect("one entry");
    assert_eq!((act.actor, act.action, act.subject), (Actor::User(ann.id), Action::ExportAccount, Some(ann.id)));
    assert_eq!(act.session, Some(pair.session.id));
}

#[tokio::test]
async fn any_number_of_sessions_is_written_out_a116() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    for _ in 0..1_100 {
        world.clock.advance(SECOND);
        world.log_in("ann").await;
    }
    let caller = calling(&world, &pair).await;
    // The first session made room for newer ones long ago.
    assert_eq!(caller, None);
    world.clock.advance(SECOND);
    let fresh = world.log_in("ann").await;
    let caller = calling(&world, &fresh).await.expect("a caller");
    let export = export(&world, &caller, ann.id).await.expect("everything");
    assert_eq!(export.sessions.len(), 1_102);
    assert!(export.sessions.windows(2).all(|pair| pair[0].id > pair[1].id), "each once, the newest first");
}

#[tokio::test]
async fn others_need_the_permission_and_all_that_the_account_may_a101_a102() {
    let world = World::new().await;
    crate::administration_scene::define(&world, "reader", &["users:read"]).await;
    let (ann, _, own) = employee(&world, "ann", "reader").await;
    let (ben, _) = world.signed_in("ben").await;
    for (caller, user, may) in [
        (&own, ben.id, false),
        (&program(&["users:export"]), ben.id, true),
        (&program(&["users:export"]), ann.id, false),
        (&program(&["users:export", "users:read"]), ann.id, true),
        (&program(&["users:read", "audit:read"]), ann.id, false),
        (&Caller::operator(), ann.id, true),
    ] {
        let whole = export(&world, caller, user).await;
        assert_eq!(whole.is_ok(), may, "{:?}", caller.identity);
        assert_eq!(world.app.audit.about(caller, user, None, 10).await.is_ok(), may, "{:?}", caller.identity);
    }
    let nobody = UserId::new(world.now(), &*world.ports.random);
    let missing = export(&world, &Caller::operator(), nobody).await;
    assert!(matches!(missing, Err(ExportAccountError::NotFound)), "{missing:?}");
    let foreign = export(&world, &own, nobody).await;
    assert!(matches!(foreign, Err(ExportAccountError::Forbidden(_))), "as for somebody who is there: {foreign:?}");
}

#[tokio::test]
async fn the_trail_about_oneself_comes_in_pages_and_tells_not_where_others_were_a116() {
    let world = World::new().await;
    let (_, _, root) = employee(&world, "rita", "admin").await;
    let (ann, pair) = world.signed_in("ann").await;
    let caller = calling(&world, &pair).await.expect("a caller");
    for number in 0..7 {
        let _ = world.try_log_in("ann", &format!("wrong {number}")).await;
    }
    let cmd = Impersonate {
        caller: root.clone(),
        user: ann.id,
        reason: "ticket 7".to_owned(),
        write: false,
        origin: origin(),
    };
    world.app.administration.impersonate(cmd).await.expect("a look");
    world.app.administration.expire_password(manage(&root, &ann)).await.expect("an expiry");

    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let (page, more) = world.app.audit.about(&caller, ann.id, before, 3).await.expect("a page");
        assert!(page.len() <= 3);
        before = page.last().map(|entry| (entry.at, entry.id));
        seen.extend(page);
        if !more {
            break;
        }
    }
    assert_eq!(seen.len(), 2 + 7 + 2, "registration, login, failures, and what the administrator did");
    for entry in &seen {
        let own = matches!(entry.actor, Actor::Anonymous) || entry.actor == Actor::User(ann.id);
        assert_eq!(entry.ip.is_some() && entry.user_agent.is_some(), own, "{entry:?}");
    }
    let acted =
        seen.iter().find(|entry| entry.action == Action::Impersonate).expect("the user reads who looked, and why");
    assert_eq!(acted.detail.as_deref(), Some("read only: ticket 7"));
    let text = serde_json::to_value(&seen).expect("a text");
    assert!(matches!(text, Value::Array(entries) if entries.len() == seen.len()));
}
