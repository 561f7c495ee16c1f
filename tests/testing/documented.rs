//! What the documentation shows; a test compares the two.

#[tokio::test]
async fn a_login_and_what_follows() {
    use portcullis::testing::TestService;

    let service = TestService::start().await;
    let (ada, login) = service.user("ada").await;
    let me = service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(200);
    assert_eq!(me.json::<serde_json::Value>()["id"], ada.id.as_str());

    service.post("/api/v1/auth/logout").bearer(&login.access_token).send().await.expect(204);
    service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(401);
}

#[test]
fn without_an_async_test() {
    use portcullis::testing::TestService;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let service = TestService::start().await;
        service.get("/readyz").send().await.expect(200);
    });
}

#[tokio::test]
async fn time_is_in_the_hand_of_the_test() {
    use std::time::Duration;

    use portcullis::testing::TestService;

    let service = TestService::builder().access_ttl(Duration::from_secs(300)).build().await.expect("settings");
    let (_, login) = service.user("ada").await;
    service.advance(Duration::from_secs(299)).await;
    service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(200);
    service.advance(Duration::from_secs(1)).await;
    service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(401);
}

#[tokio::test]
async fn every_event_is_at_hand() {
    use portcullis::testing::TestService;

    let service = TestService::start().await;
    let ada = service.register("ada").await;
    let registered = service.event("user.registered").await;
    assert_eq!(registered.subject, format!("users/{}", ada.id));
    assert_eq!(registered.data["email"], "ada@example.com");
    assert_eq!(registered.cloud_event["specversion"], "1.0");

    service.forget_events().await;
    service.log_in(&ada).await;
    let names: Vec<String> = service.events().await.into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["session.started"]);
}

#[tokio::test]
async fn a_browser_keeps_cookies() {
    use portcullis::testing::TestService;

    let service = TestService::start().await;
    let ada = service.register("ada").await;
    let browser = service.browser();
    browser.log_in(&ada).await;
    browser.get("/api/v1/me").send().await.expect(200);
    browser.patch("/api/v1/me").json(&serde_json::json!({ "username": "countess" })).send().await.expect(200);
}

#[tokio::test]
async fn a_service_calls_in_its_own_name() {
    use portcullis::testing::TestService;

    let service = TestService::start().await;
    let orders = service.client("orders", "stock:read stock:write").await;
    let token = service.client_token(&orders).await;

    let ask = service.post("/oauth2/introspect").header("authorization", &orders.authorization());
    let told = ask.form(&[("token", &token)]).send().await.expect(200).json::<serde_json::Value>();
    assert_eq!((&told["active"], &told["sub"]), (&true.into(), &"orders".into()));
    assert_eq!(told["scope"], "stock:read stock:write");
}

#[tokio::test]
async fn who_may_do_what() {
    use portcullis::testing::TestService;

    let service = TestService::start().await;
    service.role("support", &["users:read"]).await;
    let (sam, login) = service.account("sam").role("support").log_in().await;
    service.get("/api/v1/users").bearer(&login.access_token).send().await.expect(200);
    service.get("/api/v1/audit").bearer(&login.access_token).send().await.expect(403);

    let key = service.api_key(&sam, &["users:read"]).await;
    service.get("/api/v1/users").api_key(&key).send().await.expect(200);

    service.withdraw(&sam, "support").await;
    service.get("/api/v1/users").bearer(&login.access_token).send().await.expect(403);
    service.get("/api/v1/users").api_key(&key).send().await.expect(403);

    let (_, admin) = service.admin().await;
    service.get("/api/v1/audit").bearer(&admin.access_token).send().await.expect(200);
}

#[tokio::test]
async fn a_real_address_for_other_clients() {
    use portcullis::testing::TestService;

    let service = TestService::listen().await;
    let (_, login) = service.user("ada").await;
    let me = format!("{}/api/v1/me", service.url());
    let answer = reqwest::Client::new().get(me).bearer_auth(&login.access_token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn what_only_an_operator_does() {
    use portcullis::testing::TestService;
    use portcullis::testing::domain::caller::Caller;
    use portcullis::testing::domain::origin::Origin;

    let service = TestService::start().await;
    let orders = service.client("orders", "stock:read").await;
    let token = service.client_token(&orders).await;
    let id = orders.id.parse().expect("an id");
    service.app().clients.delete(&Caller::operator(), &id, &Origin::default()).await.expect("the client was there");
    service.get("/api/v1/auth/verify").bearer(&token).send().await.expect(401);
}
