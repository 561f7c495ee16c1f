//! Who may do what, for the suites of others.

use portcullis::testing::TestService;
use serde_json::{Value, json};

#[tokio::test]
async fn an_administrator_may_do_what_a_user_may_not() {
    let service = TestService::start().await;
    let (warden, admin) = service.admin().await;
    let (_, user) = service.user("ada").await;
    let found = service.get("/api/v1/users").bearer(&admin.access_token).send().await.expect(200).json::<Value>();
    let ids: Vec<&Value> = found["items"].as_array().expect("a list").iter().map(|user| &user["id"]).collect();
    assert!(ids.contains(&&json!(warden.id)), "{found}");
    service.get("/api/v1/users").bearer(&user.access_token).send().await.expect(403);
    service.get("/api/v1/users").send().await.expect(401);
}

#[tokio::test]
async fn a_changed_role_changes_what_its_holders_may_do_at_once() {
    let service = TestService::start().await;
    service.role("support", &["users:read"]).await;
    let (_, sam) = service.account("sam").role("support").log_in().await;
    service.get("/api/v1/users").bearer(&sam.access_token).send().await.expect(200);
    service.role("support", &["roles:read"]).await;
    service.get("/api/v1/users").bearer(&sam.access_token).send().await.expect(403);
    service.get("/api/v1/roles").bearer(&sam.access_token).send().await.expect(200);
    assert_eq!(service.event("role.updated").await.data["permissions"], json!(["roles:read"]));
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_and_is_counted() {
    let service = TestService::start().await;
    let (warden, admin) = service.admin().await;
    let key = service.api_key(&warden, &["users:read"]).await;
    for _ in 0..3 {
        service.get("/api/v1/users").api_key(&key).send().await.expect(200);
    }
    service.get("/api/v1/roles").api_key(&key).send().await.expect(403);
    service.advance(std::time::Duration::from_secs(10)).await;
    let path = format!("/api/v1/api-keys/{}", key.id);
    let seen = service.get(&path).bearer(&admin.access_token).send().await.expect(200).json::<Value>();
    assert_eq!(seen["uses"], 4, "{seen}");
    service.delete(&path).bearer(&admin.access_token).send().await.expect(204);
    service.get("/api/v1/users").api_key(&key).send().await.expect(401);
}

#[tokio::test]
#[should_panic(expected = "does not get the role nobody")]
async fn a_role_that_is_not_there_is_named() {
    let service = TestService::start().await;
    service.account("sam").role("nobody").open().await;
}

#[tokio::test]
#[should_panic(expected = "gets no API key")]
async fn a_key_beyond_its_owner_is_refused() {
    let service = TestService::start().await;
    let ada = service.register("ada").await;
    service.api_key(&ada, &["users:read"]).await;
}

#[tokio::test]
async fn tokens_say_which_roles_their_user_has_when_that_is_asked_for() {
    let silent = TestService::start().await;
    let (_, login) = silent.admin().await;
    assert_eq!(crate::tokens::claims(&login.access_token).get("roles"), None);

    let builder = TestService::builder().setting("tokens.roles", "true").setting("tokens.permissions", "true");
    let service = builder.build().await.expect("settings");
    let (_, login) = service.admin().await;
    let claims = crate::tokens::claims(&login.access_token);
    assert_eq!((&claims["roles"], &claims["permissions"]), (&json!(["admin", "user"]), &json!(["*:*"])));
}

#[tokio::test]
async fn the_roles_of_a_file_are_there_from_the_start() {
    let name = format!("portcullis-roles-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, "[roles.support]\ndescription = \"Helps\"\npermissions = [\"users:read\"]\n")
        .expect("a file");
    let builder = TestService::builder().setting("access.file", path.to_str().expect("text"));
    let service = builder.build().await.expect("settings");
    std::fs::remove_file(&path).expect("it was there");
    let (_, sam) = service.account("sam").role("support").log_in().await;
    service.get("/api/v1/users").bearer(&sam.access_token).send().await.expect(200);
}
