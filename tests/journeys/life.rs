//! The whole life of an account, with every event that it causes.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::api::{Api, Person, Tokens, fresh_password};
use crate::broker::{Broker, Received};
use crate::events;
use crate::place::Place;
use crate::service::{SECRET_KEY, Settings};

const GRACE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lives_on_sqlite() {
    an_account_lives(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lives_on_postgres() {
    an_account_lives(Place::postgres().await).await;
}

async fn an_account_lives(place: Place) {
    let broker = Broker::fresh().await;
    let settings = Settings::on(&place).with_real_passwords().publishing_to(&broker);
    let service = settings.with("PORTCULLIS__SESSIONS__REUSE_GRACE", "2s").start().await;
    let api = Api::at(&service.url);
    let mut who = Person::new();
    let mut secrets = vec![SECRET_KEY.to_owned(), who.password.clone()];

    let user = api.register(&who).await.expect(201);
    let id = user.str("id").to_owned();
    assert!(user.headers["location"].to_str().expect("text").ends_with("/api/v1/me"));
    api.register(&who).await.expect_problem(409, "email-taken");
    api.login(&who.username, "not the password").await.expect_problem(401, "invalid-credentials");

    // By name, by address in another case: the same account.
    let first = Tokens::of(&api.login(&who.username, &who.password).await.expect(200));
    let second = Tokens::of(&api.login(&who.email.to_uppercase(), &who.password).await.expect(200));
    let third = api.sign_in(&who).await;
    for tokens in [&first, &second, &third] {
        secrets.extend([tokens.access.clone(), tokens.refresh.clone()]);
        assert_eq!(api.get("/api/v1/me", Some(&tokens.access)).await.expect(200).str("id"), id);
        api.verify(&tokens.access).await.expect(204);
        assert_eq!(api.introspect(&tokens.access).await.expect(200).json["active"], true);
    }

    who.username = Person::new().username;
    let patch = json!({ "username": who.username });
    let patched = api.call(Method::PATCH, "/api/v1/me", Some(&first.access), &patch).await.expect(200);
    assert_eq!(patched.str("username"), who.username);

    // A64, A67: rotated once, and the same successor for whoever comes again within the grace.
    let rotated = Tokens::of(&api.refresh(&first.refresh).await.expect(200));
    let replayed = Tokens::of(&api.refresh(&first.refresh).await.expect(200));
    assert_ne!(rotated.refresh, first.refresh);
    assert_eq!(rotated.refresh, replayed.refresh, "the grace gives the same successor");
    let next = Tokens::of(&api.refresh(&rotated.refresh).await.expect(200));
    secrets.extend([&rotated, &replayed, &next].into_iter().flat_map(|t| [t.access.clone(), t.refresh.clone()]));

    // A65: after the grace the family dies, with the access tokens of its session.
    tokio::time::sleep(GRACE + Duration::from_millis(500)).await;
    api.refresh(&rotated.refresh).await.expect(401);
    api.refresh(&next.refresh).await.expect(401);
    api.verify(&next.access).await.expect(401);
    assert_eq!(api.introspect(&next.access).await.expect(200).json, json!({ "active": false }));

    let mut live = api.sessions(&second.access).await;
    live.sort();
    let mut expected = vec![second.session.clone(), third.session.clone()];
    expected.sort();
    assert_eq!(live, expected);
    let fourth = api.sign_in(&who).await;
    api.delete(&format!("/api/v1/me/sessions/{}", third.session), &second.access).await.expect(204);
    api.verify(&third.access).await.expect(401);

    // A007, A020: the change needs the password, and ends the other sessions.
    let new = fresh_password();
    api.change_password(&second.access, "not the password", &new).await.expect_problem(403, "wrong-password");
    api.change_password(&second.access, &who.password, &new).await.expect(204);
    secrets.extend([new.clone(), fourth.access.clone(), fourth.refresh.clone()]);
    api.verify(&fourth.access).await.expect(401);
    api.refresh(&fourth.refresh).await.expect(401);
    api.verify(&second.access).await.expect(204);
    api.login(&who.email, &who.password).await.expect_problem(401, "invalid-credentials");
    who.password = new;

    let fifth = api.sign_in(&who).await;
    api.logout(&fifth.access).await.expect(204);
    api.verify(&fifth.access).await.expect(401);
    api.refresh(&fifth.refresh).await.expect(401);

    api.delete_account(&second.access, &who.password).await.expect(204);
    api.verify(&second.access).await.expect(401);
    api.login(&who.email, &who.password).await.expect_problem(401, "invalid-credentials");

    let about = broker.of("user.deleted", &id, 1).await;
    assert_eq!(about.len(), 1);
    let (refused, events): (Vec<Received>, Vec<Received>) = broker
        .received()
        .into_iter()
        .filter(|event| event.data("user_id") == id)
        .partition(|event| event.name() == "login.failed");
    assert_eq!(refused.len(), 2, "one for each wrong password");
    let story: Vec<(&str, &str, &str)> =
        events.iter().map(|event| (event.name(), event.data("session_id"), event.data("reason"))).collect();
    assert_eq!(
        story,
        [
            ("user.registered", "", ""),
            ("session.started", first.session.as_str(), ""),
            ("session.started", &second.session, ""),
            ("session.started", &third.session, ""),
            ("user.updated", "", ""),
            ("session.reuse_detected", &first.session, ""),
            ("session.revoked", &first.session, "token_reuse"),
            ("session.started", &fourth.session, ""),
            ("session.revoked", &third.session, "revoked_by_owner"),
            ("user.password_changed", "", ""),
            ("session.revoked", &fourth.session, "password_changed"),
            ("session.started", &fifth.session, ""),
            ("session.revoked", &fifth.session, "logout"),
            ("session.revoked", &second.session, "account_deleted"),
            ("user.deleted", "", ""),
        ]
    );
    assert_eq!(events[0].data("email"), who.email);

    let all = broker.received();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    events::check_all(&all, &secrets);
    // The queue that the service declared for whoever comes later holds the same.
    broker.until_service_queue_holds(all.len()).await;

    service.stop().await;
}
