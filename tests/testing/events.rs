//! Events are kept, in order, until the test forgets them.

use std::sync::Arc;
use std::time::Duration;

use portcullis::testing::TestService;
use serde_json::Value;

fn names(events: &[portcullis::testing::CapturedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

#[tokio::test]
async fn they_are_listed_in_order_and_stay_until_they_are_forgotten() {
    let service = TestService::start().await;
    assert_eq!(service.events().await, []);
    let (_, login) = service.user("ada").await;
    service.post("/api/v1/auth/logout").bearer(&login.access_token).send().await.expect(204);
    let events = service.events().await;
    assert_eq!(names(&events), ["user.registered", "session.started", "session.revoked"]);
    assert_eq!(service.events().await, events);
    service.forget_events().await;
    assert_eq!(service.events().await, []);
    service.register("bob").await;
    assert_eq!(names(&service.events().await), ["user.registered"]);
}

#[tokio::test]
async fn each_is_a_cloud_event_of_the_service() {
    let service = TestService::start().await;
    let (ada, login) = service.user("ada").await;
    let started = service.event("session.started").await;
    assert_eq!(started.subject, format!("users/{}", ada.id));
    assert_eq!(started.data["session_id"], login.session_id.as_str());
    let event: &Value = &started.cloud_event;
    assert_eq!((&event["source"], &event["type"]), (&service.issuer().into(), &"portcullis.session.started.v1".into()));
    assert_eq!((&event["data"], event["subject"].as_str()), (&started.data, Some(started.subject.as_str())));
}

#[tokio::test]
async fn one_that_is_still_to_come_is_waited_for() {
    let service = Arc::new(TestService::start().await);
    let waiting = tokio::spawn({
        let service = service.clone();
        async move { service.event("user.registered").await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "nothing has happened yet");
    let ada = service.register("ada").await;
    let event = waiting.await.expect("it ends");
    assert_eq!(event.data["user_id"], ada.id.as_str());
}

#[tokio::test]
async fn two_who_look_at_once_see_all_of_them() {
    let service = TestService::start().await;
    for number in 0..40 {
        service.register(&format!("user{number}")).await;
    }
    let (a, b) = tokio::join!(service.events(), service.events());
    assert_eq!(a, b);
    assert_eq!(a.len(), 40);
}
