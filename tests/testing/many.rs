//! Many services in one process know nothing of each other.

use std::sync::Arc;
use std::time::Duration;

use portcullis::testing::TestService;
use serde_json::{Value, json};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_each_with_its_own_users_time_and_events() {
    let mut all = JoinSet::new();
    for number in 0..50_u64 {
        all.spawn(async move {
            let builder = TestService::builder().seed(number);
            let builder = if number % 10 == 0 { builder.listen() } else { builder };
            let service = builder.build().await.expect("settings");
            let (ada, login) = service.user("ada").await;
            let mine = number % 2 == 0;
            if mine {
                service.clock().advance(Duration::from_secs(900));
            }
            let status = service.get("/api/v1/me").bearer(&login.access_token).send().await.status;
            assert_eq!(status, if mine { 401 } else { 200 });
            assert_eq!(service.events().await.len(), 2);
            (ada.id, service)
        });
    }
    let (ids, services): (Vec<_>, Vec<_>) = all.join_all().await.into_iter().unzip();
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), ids.len());
    for service in &services {
        let (_, login) = service.user("bob").await;
        let me: Value = service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(200).json();
        assert_eq!(me["username"], "bob");
    }
}

#[test]
fn each_test_may_bring_its_own_runtime() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let service = TestService::start().await;
                    let (_, login) = service.user("ada").await;
                    service.get("/api/v1/me").bearer(&login.access_token).send().await.status.as_u16()
                })
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("the test passes"), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_use_one_service_and_exactly_one_gets_a_name() {
    let service = Arc::new(TestService::start().await);
    let mut all = JoinSet::new();
    for number in 0..20 {
        let service = service.clone();
        all.spawn(async move {
            let email = format!("ada{number}@example.com");
            let body = json!({ "username": "ada", "email": email, "password": "seven grey herons wading" });
            service.post("/api/v1/auth/register").json(&body).send().await.status.as_u16()
        });
    }
    let mut statuses = all.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!(service.events().await.len(), 1);
}
