//! Accounts, roles and keys from the command line while the service runs.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, Person};
use crate::operator::{Called, call, call_with_input, migrated};
use crate::place::Place;
use crate::service::{ISSUER, Service, Settings};

/// Opens an account with the password of `who`.
pub(crate) fn create(settings: &Settings, who: &Person, flags: &[&str]) -> Called {
    let create = ["admin", "create-user", "--email", &who.email, "--username", &who.username, "--password-stdin"];
    call_with_input(settings, &[&create[..], flags].concat(), format!("{}\n", who.password).as_bytes())
}

async fn set_password(api: &Api, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    api.call(Method::POST, "/api/v1/auth/set-password", None, &body).await
}

/// The secret of a link to choose a password.
#[track_caller]
fn secret_of(url: &Value) -> String {
    let url = url.as_str().expect("a URL");
    let token = url.strip_prefix(&format!("{ISSUER}/set-password#")).expect("the secret is the fragment");
    assert!(token.starts_with("psl_") && token.len() == 68, "{url}");
    token.to_owned()
}

#[track_caller]
fn nowhere(secrets: &[&str], text: &str) {
    for secret in secrets {
        let digits = secret.trim_start_matches("psl_").rsplit('_').next().unwrap_or_default();
        assert!(!text.contains(digits), "a secret is told: {text}");
    }
}

async fn on_both(journey: impl AsyncFn(&Place, &Settings, &Service, &Api)) {
    for place in [Place::sqlite(), Place::postgres().await] {
        let settings = migrated(&place).with("PORTCULLIS__LOG__LEVEL", "trace");
        let service = settings.start().await;
        journey(&place, &settings, &service, &Api::at(&service.url)).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_command_line_logs_in_to_the_running_service() {
    on_both(async |_, settings, service, api| {
        let (ada, bob) = (Person::new(), Person::new());
        let made = create(settings, &ada, &["--role", "admin", "--email-verified", "--json"]).expect(0).json();
        assert_eq!((&made["roles"], &made["password_link"]), (&json!(["admin", "user"]), &Value::Null));
        assert_eq!(made["email_verified"], true);
        let tokens = api.sign_in(&ada).await;
        api.get("/api/v1/users", Some(&tokens.access)).await.expect(200);

        let flags = ["--email", &bob.email, "--username", &bob.username, "--json"];
        let invited = call(settings, &[&["admin", "create-user"], &flags[..]].concat()).expect(0);
        assert!(invited.err.contains("not shown again"), "{invited:?}");
        let link = secret_of(&invited.json()["password_link"]["url"]);
        api.login(&bob.email, &bob.password).await.expect(401);
        assert!(api.get("/set-password", None).await.expect(200).text.contains("<form"));
        set_password(api, &link, "password").await.expect(422);
        set_password(api, &link, &bob.password).await.expect(204);
        set_password(api, &link, &bob.password).await.expect_problem(410, "invalid-link");
        let session = api.sign_in(&bob).await;
        api.get("/api/v1/users", Some(&session.access)).await.expect(403);

        // A later link ends the sessions, and takes the place of an earlier one.
        let url =
            || secret_of(&call(settings, &["users", "password-link", &bob.username, "--json"]).expect(0).json()["url"]);
        let (old, new) = (url(), url());
        let next = Person::new().password;
        set_password(api, &old, &next).await.expect_problem(410, "invalid-link");
        set_password(api, &new, &next).await.expect(204);
        api.get("/api/v1/me", Some(&session.access)).await.expect(401);
        api.login(&bob.email, &bob.password).await.expect(401);
        api.login(&bob.email, &next).await.expect(200);

        let trail = call(settings, &["audit", "tail", "--json"]).expect(0);
        let secrets = [&ada.password, &bob.password, &next, &link, &old, &new].map(String::as_str);
        nowhere(&secrets, &trail.out);
        nowhere(&secrets, &service.log());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_changed_disabled_and_deleted_by_any_of_their_names() {
    on_both(async |_, settings, _, api| {
        let (ada, bob) = (Person::new(), Person::new());
        create(settings, &ada, &["--role", "admin"]).expect(0);
        let tokens = api.join(&bob).await;
        let users = |arguments: &[&str]| call(settings, &[&["users"], arguments].concat());
        let shown = |who: &str| users(&["show", who, "--json"]).expect(0).json();
        let account = shown(&bob.email);
        let id = account["id"].as_str().expect("an id").to_owned();
        for who in [&id, &bob.username, &bob.username.to_uppercase(), &bob.email.to_uppercase()] {
            assert_eq!(shown(who), account);
        }
        assert_eq!(account["roles"], json!(["user"]));
        assert_eq!(shown(&ada.email)["permissions"], json!(["*:*"]));

        let listed = users(&["list", "--json", "--sort", "email"]).expect(0).json();
        let mut emails = [ada.email.as_str(), bob.email.as_str()];
        emails.sort_unstable();
        let found: Vec<&str> =
            listed.as_array().expect("a list").iter().filter_map(|user| user["email"].as_str()).collect();
        assert_eq!(found, emails);
        let one = users(&["list", "--email", &bob.email[..8].to_uppercase()]).expect(0);
        assert!(one.out.contains(&bob.email) && one.out.lines().count() == 2, "{one:?}");
        let few = users(&["list", "--limit", "1", "--json"]).expect(0);
        assert!(few.json().as_array().map(Vec::len) == Some(1) && few.err.contains("there are more"), "{few:?}");
        assert_eq!(users(&["list", "--json", "--role", "admin"]).expect(0).json()[0]["email"], ada.email);

        let renamed = Person::new();
        users(&["update", &id, "--username", &renamed.username, "--email-verified", "true"]).expect(0);
        assert_eq!(shown(&renamed.username)["email_verified"], true);
        users(&["update", &id, "--email", &ada.email]).expect(1);
        assert!(users(&["update", &id]).expect(2).err.contains("nothing to change"));

        let disabled = users(&["disable", &id, "--reason", "asked \u{202e}for", "--json"]).expect(1);
        assert!(disabled.err.contains("a reason is"), "{disabled:?}");
        let disabled = users(&["disable", &id, "--reason", "asked for", "--json"]).expect(0).json();
        assert_eq!((&disabled["status"], &disabled["status_reason"]), (&json!("disabled"), &json!("asked for")));
        until(async || api.get("/api/v1/me", Some(&tokens.access)).await.status == 401).await;
        api.login(&bob.email, &bob.password).await.expect(401);
        assert_eq!(users(&["list", "--status", "disabled", "--json"]).expect(0).json()[0]["id"], id.as_str());
        users(&["enable", &id]).expect(0);
        let tokens = api.sign_in(&bob).await;

        assert_eq!(users(&["expire-password", &id, "--json"]).expect(0).json()["must_change_password"], true);
        until(async || api.get("/api/v1/me", Some(&tokens.access)).await.status == 401).await;
        api.login(&bob.email, &bob.password).await.expect_problem(403, "password-change-required");
        api.login(&bob.email, "not the password").await.expect_problem(401, "invalid-credentials");
        let new = Person::new().password;
        let body = json!({ "login": bob.email, "password": bob.password, "new_password": new });
        api.call(Method::POST, "/api/v1/auth/login", None, &body).await.expect(200);
        assert_eq!(users(&["revoke-sessions", &id, "--json"]).expect(0).json(), json!({ "id": id, "revoked": 1 }));

        users(&["grant", &id, "admin"]).expect(0);
        let again = users(&["grant", &id, "admin", "--json"]).expect(0);
        assert_eq!(again.json(), json!({ "id": id, "role": "admin", "changed": false }));
        assert_eq!(users(&["roles", &id, "--json"]).expect(0).json(), json!(["admin", "user"]));
        users(&["withdraw", &ada.email, "admin"]).expect(0);
        for last in [&["withdraw", &id, "admin"][..], &["disable", &id, "--reason", "x"], &["delete", &id]] {
            let told = users(last).expect(1);
            assert!(told.err.contains("the last administrator"), "{told:?}");
        }
        users(&["grant", &ada.email, "admin"]).expect(0);
        assert_eq!(users(&["delete", &id]).expect(0).out, format!("deleted {id}\n"));
        api.login(&bob.email, &new).await.expect(401);
        let stats = call(settings, &["stats", "--json"]).expect(0).json();
        assert_eq!((&stats["users"], &stats["roles"]), (&json!(1), &json!(2)));
    })
    .await;
}

async fn until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the service has not heard of it in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_keys_are_made_shown_changed_and_ended() {
    on_both(async |place, settings, service, api| {
        let ada = Person::new();
        create(settings, &ada, &["--role", "admin"]).expect(0);
        let run = |arguments: &[&str]| call(settings, arguments).expect(0);
        let made =
            run(&["roles", "create", "support", "--description", "Helps", "--permission", "users:read", "--json"]);
        assert_eq!(made.json()["permissions"], json!(["users:read"]));
        let changed = run(&["roles", "update", "support", "--permission", "shop:refund", "--json"]).json();
        assert_eq!((&changed["description"], &changed["permissions"]), (&json!("Helps"), &json!(["shop:refund"])));
        let all = run(&["permissions", "--json"]).json();
        let refund = all.as_array().expect("a list").iter().find(|one| one["permission"] == "shop:refund");
        assert_eq!(refund.expect("it is listed")["roles"], json!(["support"]));
        assert!(run(&["permissions"]).out.contains("users:read"));

        let flags = ["--name", "nightly", "--permission", "users:read", "--role", "support", "--network", "127.0.0.1"];
        let more = ["--expires-in", "90d", "--rate", "2/1h", "--json"];
        let create = ["api-keys", "create", "--user", &ada.username];
        let refused = call(settings, &[&create[..], &flags[..]].concat()).expect(1);
        assert!(refused.err.contains("has not the role support: `portcullis users grant`"), "{refused:?}");
        run(&["users", "grant", &ada.username, "support"]);
        let made = run(&[&create[..], &flags[..], &more[..]].concat());
        assert!(made.err.contains("not shown again"), "{made:?}");
        let described = made.json();
        let (id, key) = (described["id"].as_str().expect("an id"), described["key"].as_str().expect("a key"));
        assert_eq!(described["networks"], json!(["127.0.0.1/32"]));
        for _ in 0..2 {
            api.get_by_key("/api/v1/users", key).await.expect(200);
        }
        api.get_by_key("/api/v1/users", key).await.expect(429);
        run(&["api-keys", "update", id, "--no-rate", "--network", "10.0.0.0/8"]);
        until(async || api.get_by_key("/api/v1/users", key).await.status == 403).await;
        run(&["api-keys", "update", id, "--no-networks", "--no-permissions", "--name", "now"]);
        until(async || api.get_by_key("/api/v1/api-keys/current", key).await.status == 200).await;
        let own = api.get_by_key("/api/v1/api-keys/current", key).await.expect(200);
        assert_eq!((own.str("name"), &own.json["permissions"]), ("now", &json!([])));
        api.get_by_key("/api/v1/users", key).await.expect(403);

        let rotated = run(&["api-keys", "rotate", id]);
        let next = rotated.out.lines().find_map(|line| line.strip_prefix("key  ")).expect("a key").to_owned();
        until(async || api.get_by_key("/api/v1/api-keys/current", key).await.status == 401).await;
        api.get_by_key("/api/v1/api-keys/current", &next).await.expect(200);
        let listed = [run(&["api-keys", "list", "--live"]), run(&["api-keys", "list", "--user", &ada.email, "--json"])];
        assert_eq!(listed[1].json()[0]["name"], "now");
        run(&["api-keys", "revoke", id]);
        until(async || api.get_by_key("/api/v1/api-keys/current", &next).await.status == 401).await;
        assert_eq!(run(&["api-keys", "list", "--live", "--json"]).json(), json!([]));
        assert!(run(&["api-keys", "show", id]).out.contains("revoked"));
        run(&["roles", "delete", "support"]);

        let trail = run(&["audit", "tail", "--json"]);
        for told in listed.iter().chain([&trail]) {
            nowhere(&[key, &next], &told.out);
        }
        nowhere(&[key, &next], &service.log());
        if let Some(file) = place.file() {
            let stored = std::fs::read(file).expect("the database can be read");
            nowhere(&[key, &next], &String::from_utf8_lossy(&stored));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_the_same_as_the_service_and_tells_all_that_is_kept_of_an_account() {
    on_both(async |_, settings, _, api| {
        let ada = Person::new();
        create(settings, &ada, &["--role", "admin"]).expect(0);
        let tokens = api.sign_in(&ada).await;
        let said = |arguments: &[&str]| call(settings, &[arguments, &["--json"]].concat()).expect(0).json();
        let user = said(&["users", "show", &ada.email]);
        let id = user["id"].as_str().expect("an id");
        let key = said(&["api-keys", "create", "--user", id, "--name", "nightly", "--rate", "5/1m"]);
        let key = key["id"].as_str().expect("an id");
        for (arguments, path) in [
            (&["users", "show", id][..], format!("/api/v1/users/{id}")),
            (&["roles", "show", "admin"], "/api/v1/roles/admin".to_owned()),
            (&["api-keys", "show", key], format!("/api/v1/api-keys/{key}")),
        ] {
            let (mut said, answered) = (said(arguments), api.get(&path, Some(&tokens.access)).await.expect(200).json);
            // A look at one account tells what it may do as well.
            said.as_object_mut().expect("an object").retain(|name, _| answered.get(name).is_some());
            assert_eq!(said, answered, "{path}");
        }
        let sessions = said(&["users", "sessions", &ada.username]);
        assert_eq!((&sessions[0]["id"], &sessions[0]["ip"]), (&json!(tokens.session), &json!("127.0.0.1")));
        let permissions = said(&["permissions"]);
        assert_eq!(permissions, api.get("/api/v1/permissions", Some(&tokens.access)).await.expect(200).json["items"]);

        let data = call(settings, &["users", "data", id]).expect(0);
        let told = data.json();
        assert_eq!(
            (&told["account"]["email"], &told["sessions"][0]["id"]),
            (&json!(ada.email), &json!(tokens.session))
        );
        assert_eq!((&told["api_keys"][0]["id"], &told["roles"]), (&json!(key), &json!(["admin", "user"])));
        let acts: Vec<&str> =
            told["audit"].as_array().expect("a list").iter().filter_map(|act| act["action"].as_str()).collect();
        assert!(acts.contains(&"session.login") && acts.contains(&"account.read_all"), "{acts:?}");
        assert!(!data.out.contains("$argon2") && !data.out.contains("digest"), "{data:?}");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_the_exit_code_of_its_kind() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let ada = Person::new();
    create(&settings, &ada, &["--role", "admin"]).expect(0);
    let other = Person::new();
    let nobody = "0198a000-0000-7000-8000-000000000000";
    let beyond = ["api-keys", "create", "--user", &other.email, "--name", "x", "--permission", "users:read"];
    create(&settings, &other, &[]).expect(0);
    for (arguments, code, complaint) in [
        (&["users", "show", "nobody@example.com"][..], 1, "there is no account \"nobody@example.com\""),
        (&["users", "show", nobody], 1, "there is no account"),
        (&["users", "show", "so\u{1b}[31m"], 1, "there is no account"),
        (&["users", "grant", &ada.email, "nobody"], 1, "there is no such role: see `portcullis roles list`"),
        (&["users", "disable", &ada.email, "--reason", "x"], 1, "the last administrator: make another one first"),
        (&["users", "withdraw", &ada.email, "admin"], 1, "the last administrator: make another one first"),
        (&["users", "grant", &ada.email, "user"], 1, "every account has the role user: `portcullis roles update user`"),
        (&["users", "grant", &ada.email, "Admin"], 2, "the name of a role"),
        (&["users", "list", "--status", "gone"], 2, "active or disabled"),
        (&["admin", "create-user", "--email", &ada.email], 1, "already has an account: see `portcullis users show`"),
        (&["admin", "create-user", "--email", "nowhere"], 2, "e-mail address"),
        (&["admin", "create-user", "--email", "x@example.com", "--role", "nobody"], 1, "no role nobody: see"),
        (&["admin", "create-user", "--email", "x@example.com", "--password", "secret"], 2, "unexpected"),
        (&["admin", "setup-link"], 1, "there is an administrator already: see `portcullis users list --role admin`"),
        (&["roles", "create", "admin"], 1, "there is a role of this name: `portcullis roles update` changes it"),
        (&["roles", "update", "admin", "--permission", "a:b"], 1, "built in"),
        (&["roles", "update", "support"], 2, "nothing to change"),
        (&["roles", "delete", "user"], 1, "built in"),
        (&["roles", "create", "support", "--permission", "users"], 2, "a permission is"),
        (&beyond, 1, "lacks the permission users:read: `portcullis users grant`"),
        (&["api-keys", "show", nobody], 1, "there is no such API key: see `portcullis api-keys list`"),
        (&["api-keys", "create", "--user", &ada.email, "--name", "x", "--rate", "much"], 2, "100/60s"),
        (&["api-keys", "create", "--user", &ada.email, "--name", "x", "--network", "here"], 2, "10.0.0.0/8"),
        (&["api-keys", "update", nobody], 2, "nothing to change"),
        (&["api-keys", "rotate", nobody, "--overlap", "31d"], 2, "up to 30d"),
    ] {
        let told = call(&settings, arguments).expect(code);
        assert!(told.err.contains(complaint) && told.out.is_empty(), "{arguments:?}: {told:?}");
        assert!(!told.err.contains('\u{1b}'), "{told:?}");
    }
    let names: Vec<_> = (0..101).map(|number| format!("--role=role-{number}")).collect();
    let mut many = vec!["admin", "create-user", "--email", "x@example.com"];
    many.extend(names.iter().map(String::as_str));
    let told = call(&settings, &many).expect(1);
    assert!(told.err.contains("too many roles: an account has at most 100"), "{told:?}");
    let weak = Person { password: "password".to_owned(), ..Person::new() };
    create(&settings, &weak, &[]).expect(1);
    let short = Person { password: "short".to_owned(), ..Person::new() };
    let told = create(&settings, &short, &[]).expect(2);
    assert!(told.err.contains("on standard input") && !told.err.contains("short\n"), "{told:?}");
    assert_eq!(call(&settings, &["users", "list", "--json"]).expect(0).json().as_array().map(Vec::len), Some(2));
    let memory = settings.clone().with("DATABASE_URL", "memory:");
    let told = call(&memory, &["users", "list"]).expect(1);
    assert!(told.err.contains("set DATABASE_URL"), "{told:?}");
}

#[test]
fn a_whole_key_in_the_place_of_its_id_names_it_and_no_error_repeats_it() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let ada = Person::new();
    create(&settings, &ada, &["--role", "admin"]).expect(0);
    let key = |arguments: &[&str]| call(&settings, &[&["api-keys"][..], arguments].concat());
    let made = key(&["create", "--user", &ada.email, "--name", "x", "--json"]).expect(0).json();
    let (id, text) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    let (begin, secret) = text.rsplit_once('_').expect("a prefix and a secret");
    for name in [id, begin, text] {
        let shown = key(&["show", name, "--json"]).expect(0);
        assert_eq!(shown.json()["id"], id);
        nowhere(&[secret], &format!("{shown:?}"));
    }
    for broken in [&text[1..], &text.to_uppercase(), &text.replace("pk_", "pk_x"), &text.replacen('0', "é", 1)] {
        let refused = key(&["revoke", broken]).expect(2);
        assert!(refused.err.contains("this is not the id of an API key: see"), "{refused:?}");
        assert!(!refused.err.to_lowercase().contains(&secret[..20]), "{refused:?}");
    }
    key(&["revoke", text]).expect(0);
    assert!(key(&["show", id]).expect(0).out.contains("revoked"));
}

#[test]
fn help_keeps_the_flags_of_a_command_and_the_settings_of_all_commands_apart() {
    let help = call(&Settings::on(&Place::sqlite()), &["api-keys", "create", "--help"]).expect(0).out;
    let (own, settings) = help.split_once("\nSettings:\n").expect("a heading of their own");
    for (flag, is_own) in
        [("--user", true), ("--network", true), ("--rate", true), ("--config", false), ("--port", false)]
    {
        assert_eq!((own.contains(flag), settings.contains(flag)), (is_own, !is_own), "{flag}: {help}");
    }
}
