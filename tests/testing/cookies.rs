//! The cookies of browsers, as in production.

use std::time::Duration;

use portcullis::testing::TestService;
use serde_json::{Value, json};

const ACCESS: &str = "__Host-portcullis_access";
const REFRESH: &str = "__Secure-portcullis_refresh";

#[tokio::test]
async fn a_browser_logs_in_stays_logged_in_and_logs_out() {
    let service = TestService::start().await;
    let ada = service.register("ada").await;
    let browser = service.browser();
    browser.get("/api/v1/me").send().await.expect(401);
    browser.log_in(&ada).await;
    let me: Value = browser.get("/api/v1/me").send().await.expect(200).json();
    assert_eq!(me["id"], ada.id.as_str());

    let access = browser.cookie(ACCESS).expect("an access cookie");
    service.clock().advance(Duration::from_secs(15 * 60));
    browser.get("/api/v1/me").send().await.expect(401);
    browser.post("/api/v1/auth/refresh").send().await.expect(200);
    assert_ne!(browser.cookie(ACCESS), Some(access));
    browser.get("/api/v1/me").send().await.expect(200);

    browser.post("/api/v1/auth/logout").send().await.expect(204);
    assert_eq!((browser.cookie(ACCESS), browser.cookie(REFRESH)), (None, None));
    browser.get("/api/v1/me").send().await.expect(401);
}

#[tokio::test]
async fn a_change_without_the_csrf_token_or_from_another_origin_is_refused() {
    let service = TestService::start().await;
    let ada = service.register("ada").await;
    let browser = service.browser();
    browser.log_in(&ada).await;
    let change = || browser.patch("/api/v1/me").json(&json!({ "username": "countess" }));
    for (name, value) in [("x-csrf-token", "AAAA"), ("origin", "https://evil.example")] {
        let refused = change().header(name, value).send().await.expect(403);
        assert_eq!(refused.json::<Value>()["code"], "csrf-failed", "{name}");
    }
    assert!(browser.csrf_token().is_some());
    change().send().await.expect(200);
}

#[tokio::test]
async fn two_browsers_share_nothing() {
    let service = TestService::start().await;
    let (ada, bob) = (service.register("ada").await, service.register("bob").await);
    let (hers, his) = (service.browser(), service.browser());
    hers.log_in(&ada).await;
    his.log_in(&bob).await;
    for (browser, account) in [(&hers, &ada), (&his, &bob)] {
        let me: Value = browser.get("/api/v1/me").send().await.expect(200).json();
        assert_eq!(me["id"], account.id.as_str());
    }
}
