//! How the first administrator comes in, and that nobody comes in that way afterwards.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, Person};
use crate::operator::{call, migrated};
use crate::place::Place;
use crate::service::{ISSUER, Settings};

/// The secret of the link that the command prints.
#[track_caller]
pub(crate) fn link(settings: &Settings) -> String {
    let told = call(settings, &["admin", "setup-link", "--json"]).expect(0);
    let url = told.json()["url"].as_str().expect("a URL").to_owned();
    let token = url.strip_prefix(&format!("{ISSUER}/setup#")).expect("the secret is the fragment").to_owned();
    assert!(token.starts_with("psu_") && token.len() == 68, "{url}");
    assert!(told.err.contains("not shown again") && !told.err.contains(&token), "{told:?}");
    token
}

pub(crate) async fn set_up(api: &Api, token: &str, who: &Person) -> Answer {
    let body = json!({ "token": token, "email": who.email, "username": who.username, "password": who.password });
    api.call(Method::POST, "/api/v1/setup", None, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_comes_in_by_a_link_that_works_once_and_the_door_closes_on_sqlite() {
    the_first_administrator_comes_in(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_comes_in_by_a_link_that_works_once_and_the_door_closes_on_postgres() {
    the_first_administrator_comes_in(&Place::postgres().await).await;
}

async fn the_first_administrator_comes_in(place: &Place) {
    let settings =
        migrated(place).with("PORTCULLIS__LOG__LEVEL", "trace").with("PORTCULLIS__SERVER__ACCESS_LOG", "true");
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let (old, token) = (link(&settings), link(&settings));
    let page = api.get("/setup", None).await.expect(200);
    assert!(page.text.contains("<form") && page.headers.contains_key("content-security-policy"), "{}", page.text);

    let (ada, eve) = (Person::new(), Person::new());
    for wrong in [&old, &format!("psu_{}", "0".repeat(64)), "psu_", ""] {
        let refused = set_up(&api, wrong, &eve).await;
        assert!((400..500).contains(&refused.status), "{}", refused.text);
    }
    // A mistake does not use the link up.
    set_up(&api, &token, &Person { password: "password".to_owned(), ..ada.clone() }).await.expect(422);
    set_up(&api, &token, &ada).await.expect(204);
    let tokens = api.sign_in(&ada).await;
    let users = api.get("/api/v1/users", Some(&tokens.access)).await.expect(200);
    assert_eq!(users.json["items"][0]["email"], ada.email);
    assert_eq!(users.json["items"][0]["roles"], json!(["admin", "user"]));

    set_up(&api, &token, &eve).await.expect_problem(409, "setup-closed");
    api.login(&eve.email, &eve.password).await.expect(401);
    assert!(!api.get("/setup", None).await.text.contains("<form"), "the page is closed, too");
    let refused = call(&settings, &["admin", "setup-link"]).expect(1);
    assert!(refused.err.contains("there is an administrator already") && refused.out.is_empty(), "{refused:?}");

    let log = service.log();
    for secret in [&old, &token, &ada.password] {
        assert!(!log.contains(secret.trim_start_matches("psu_")), "a secret is in the log");
    }
    service.stop().await;
    let trail = call(&settings, &["audit", "tail", "--json", "--action", "setup"]).expect(0);
    let done: Vec<Value> = trail.lines().into_iter().filter(|entry| entry["outcome"] == "success").collect();
    assert_eq!(done.len(), 1, "{trail:?}");
    assert!(!trail.out.contains(token.trim_start_matches("psu_")), "{trail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_open_the_link_at_once_one_becomes_the_administrator_on_sqlite() {
    of_many_one_becomes_the_administrator(&Place::sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_open_the_link_at_once_one_becomes_the_administrator_on_three_replicas() {
    of_many_one_becomes_the_administrator(&Place::postgres().await, 3).await;
}

async fn of_many_one_becomes_the_administrator(place: &Place, replicas: usize) {
    let settings = migrated(place);
    let services = join_all((0..replicas).map(|_| settings.start())).await;
    let apis: Vec<Api> = services.iter().map(|service| Api::at(&service.url)).collect();
    let token = link(&settings);
    let people: Vec<Person> = (0..24).map(|_| Person::new()).collect();
    let tries = people.iter().enumerate().map(|(number, who)| {
        let (api, token) = (&apis[number % replicas], &token);
        async move {
            let mut answer = set_up(api, token, who).await;
            while answer.is_overloaded() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                answer = set_up(api, token, who).await;
            }
            answer.status
        }
    });
    let statuses = join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 409, 410].contains(status)), "{statuses:?}");
    let listed = call(&settings, &["users", "list", "--json", "--role", "admin"]).expect(0).json();
    let winner = &people[statuses.iter().position(|status| *status == 204).expect("one")];
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["email"], winner.email);
    assert_eq!(call(&settings, &["users", "list", "--json"]).expect(0).json(), listed, "nobody else got an account");
    for service in services {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_shows_the_link_while_nobody_is_an_administrator() {
    let place = Place::sqlite();
    let settings = Settings::on(&place).without("PORTCULLIS__TOKENS__ISSUER");
    let (first, issuer, token) = dev(&settings);
    let token = token.expect("a link");
    let ada = Person::new();
    set_up(&Api::at(&issuer), &token, &ada).await.expect(204);
    Api::at(&issuer).sign_in(&ada).await;
    drop(first);
    let (_second, _, none) = dev(&settings);
    assert_eq!(none, None);
}

/// A child that is killed when it is dropped.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        self.0.kill().expect("the child can be killed");
        self.0.wait().expect("the child can be waited for");
    }
}

/// Starts `dev`: the URL that it names, and the secret of the link if it shows one.
fn dev(settings: &Settings) -> (Child, String, Option<String>) {
    let child = settings.command(&["dev"]).stdout(Stdio::piped()).spawn().expect("the program runs");
    let mut child = Child(child);
    let mut lines = BufReader::new(child.0.stdout.take().expect("a pipe")).lines();
    let (mut issuer, mut token) = (None, None);
    for line in lines.by_ref() {
        let line = line.expect("text");
        if line.starts_with('{') {
            assert!(!line.contains("psu_"), "the log is no place for the link: {line}");
        } else if let Some(rest) = line.strip_prefix("Portcullis is ready at ") {
            issuer = rest.split_whitespace().next().map(str::to_owned);
        } else if let Some((_, secret)) = line.split_once("/setup#") {
            token = Some(secret.to_owned());
        } else if line.contains("/api/v1/auth/login") {
            break;
        }
    }
    // Somebody has to go on reading, or the service waits for room in the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (child, issuer.expect("it says where it is"), token)
}
