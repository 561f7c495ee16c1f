//! The first administrator, and the pages behind links that work once.

use poem::http::StatusCode;
use portcullis_domain::caller::Caller;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House, PASSWORD};

async fn token(house: &House) -> String {
    house.app.administration.setup_link(&Caller::operator()).await.unwrap().token.expose().to_owned()
}

fn form(token: &str) -> Value {
    json!({ "token": token, "email": "root@example.com", "password": PASSWORD })
}

async fn set_up(house: &House, body: Value) -> Answer {
    house.post("/api/v1/setup", body).await
}

#[tokio::test]
async fn the_first_administrator_comes_in_by_a_link_and_the_door_closes() {
    let house = House::new().await;
    house.send(Ask::get("/setup")).await.is(StatusCode::OK);
    let (old, new) = (token(&house).await, token(&house).await);
    for wrong in [old.as_str(), "", "psu_", &"f".repeat(1_000)] {
        assert_eq!(set_up(&house, form(wrong)).await.is(StatusCode::GONE).problem(), "invalid-link");
    }
    let flawed = json!({ "token": new, "email": "x", "username": "y", "password": "short", "role": "admin" });
    let flawed = set_up(&house, flawed).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    let expected = ["/username too-short", "/email malformed", "/password too-short", "/role unknown-field"];
    assert_eq!(flawed.violations(), expected);
    set_up(&house, form(&new)).await.is(StatusCode::NO_CONTENT);
    let tokens = house.login("root@example.com", PASSWORD).await;
    house.send(Ask::get("/api/v1/users").bearer(&tokens.access)).await.is(StatusCode::OK);

    let closed = house.send(Ask::get("/setup")).await.is(StatusCode::GONE);
    assert_eq!(closed.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(!closed.text().contains("<form"));
    let mut again = form(&new);
    again["email"] = "second@example.com".into();
    assert_eq!(set_up(&house, again).await.is(StatusCode::CONFLICT).problem(), "setup-closed");
    assert!(house.app.administration.setup_link(&Caller::operator()).await.is_err());
}

#[tokio::test]
async fn a_link_that_was_made_before_somebody_became_an_administrator_opens_nothing() {
    let house = House::new().await;
    let token = token(&house).await;
    house.admin("root-1").await;
    assert_eq!(set_up(&house, form(&token)).await.is(StatusCode::CONFLICT).problem(), "setup-closed");
}

#[tokio::test]
async fn of_many_who_use_the_link_at_once_one_gets_in() {
    let house = House::new().await;
    let token = token(&house).await;
    let tries = (0..8).map(|number| {
        let mut body = form(&token);
        body["email"] = format!("root-{number}@example.com").into();
        set_up(&house, body)
    });
    let answers = futures_util::future::join_all(tries).await;
    let got_in = answers.iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(got_in, 1);
}

#[tokio::test]
async fn a_link_for_one_thing_is_good_for_nothing_else() {
    let house = House::new().await;
    let setup = token(&house).await;
    let body = json!({ "token": setup, "password": PASSWORD });
    house.post("/api/v1/auth/set-password", body).await.is(StatusCode::GONE);
    set_up(&house, form(&setup)).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere_keep_nothing_and_name_every_input() {
    let house = House::new().await;
    for path in ["/setup", "/set-password"] {
        let page = house.send(Ask::get(path)).await.is(StatusCode::OK);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("x-robots-tag"), Some("noindex, nofollow"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("form-action 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let html = page.text();
        for forbidden in ["http://", "https://", "//", " style=", " onclick=", "<style", "javascript:", "innerHTML"] {
            assert!(!html.contains(forbidden), "{path}: {forbidden}");
        }
        for source in html.split("src=\"").skip(1).chain(html.split("href=\"").skip(1)) {
            let source = source.split('"').next().unwrap();
            let file = house.send(Ask::get(&format!("/{source}"))).await.is(StatusCode::OK);
            let again = Ask::get(&format!("/{source}")).header("if-none-match", file.tag());
            house.send(again).await.is(StatusCode::NOT_MODIFIED);
            for forbidden in ["innerHTML", "eval(", "document.write", "localStorage", "sessionStorage", "cookie"] {
                assert!(!file.text().contains(forbidden), "{source}: {forbidden}");
            }
        }
        for input in html.split("<input id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(html.contains(&format!("<label for=\"{input}\">")), "{path}: {input} has a label");
        }
        for described in html.split("aria-describedby=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(html.contains(&format!("id=\"{described}\"")), "{path}: {described}");
        }
    }
}

#[tokio::test]
async fn a111_a_link_leads_to_the_configured_address_whatever_the_request_says() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({ "email": "ada@example.com" });
    let poisoned =
        admin.post("/api/v1/users", body).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    let created = house.send(poisoned).await.is(StatusCode::CREATED);
    assert!(!created.text().contains("evil") && created.text().contains("https://auth.example.com/set-password#psl_"));
}
