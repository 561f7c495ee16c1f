//! The guides `docs/access.md` and `docs/administration.md`: their commands are run, and their tables are true.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use portcullis_domain::access::{Asked, KeyText};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, Person};
use crate::browser::{fences, problems_of, read, root};
use crate::operator::{call, call_with_input, file, migrated};
use crate::place::Place;
use crate::service::{Service, Settings, binary};

/// A service, and the folder in which the commands of a guide are run.
struct Scene {
    place: Place,
    settings: Settings,
    service: Service,
    api: Api,
}

impl Scene {
    async fn open() -> Self {
        let place = Place::sqlite();
        let settings = migrated(&place);
        let service = settings.start().await;
        let api = Api::at(&service.url);
        Self { place, settings, service, api }
    }

    /// Runs the commands of a guide as one script; what they print.
    async fn run(&self, guide: &str, token: Option<&str>) -> String {
        let text = read(&root().join(guide));
        let blocks = fences(&text).into_iter().filter(|(_, language, _)| *language == "sh");
        let script: String = blocks.map(|(_, _, code)| code).collect();
        assert!(script.lines().count() > 20, "{guide} has commands");
        // The program under its name, for whoever looks for it.
        let programs = self.place.dir().join("programs");
        std::fs::create_dir_all(&programs).expect("the folder can be made");
        let program = programs.join("portcullis");
        std::fs::write(&program, format!("#!/bin/sh\nexec '{}' \"$@\"\n", binary().display())).expect("it is written");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("it may be run");
        let script = format!("set -eu\nPATH='{}':$PATH\n{script}", programs.display());
        let script = file(&self.place, "guide.sh", script);

        let mut shell = Command::new("sh");
        shell.arg("-x").arg(script).current_dir(self.place.dir()).stdin(Stdio::null());
        self.settings.lend(&mut shell);
        shell.env("AUTH", &self.service.url).envs(token.map(|token| ("TOKEN", token)));
        let output = tokio::task::spawn_blocking(move || shell.output()).await.expect("no panic").expect("sh runs");
        let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let last: Vec<_> = errors.lines().rev().take(20).collect();
        assert!(output.status.success(), "{guide}: {}\n{told}\n… {last:#?}\n{}", output.status, self.service.log());
        told.into_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guide_to_access_do_what_it_says() {
    let scene = Scene::open().await;
    let (ada, text) = (Person::new(), read(&root().join("docs/access.md")));
    let create = ["admin", "create-user", "--email", &ada.email, "--role", "admin", "--password-stdin"];
    call_with_input(&scene.settings, &create, ada.password.as_bytes()).expect(0);
    let body = json!({ "email": "grace@example.com", "password": Person::new().password });
    scene.api.call(Method::POST, "/api/v1/auth/register", None, &body).await.expect(201);
    let files: Vec<_> = fences(&text).into_iter().filter(|(_, language, _)| *language == "toml").collect();
    let [(_, _, roles)] = &files[..] else { panic!("one file of roles") };
    file(&scene.place, "roles.toml", roles);

    let told = scene.run("docs/access.md", Some(&scene.api.sign_in(&ada).await.access)).await;
    assert!(told.starts_with("users:read\n"), "{told}");
    assert!(told.contains("\"*:*\"") && told.contains("nothing was changed: this is a dry run"), "{told}");
    assert!(told.contains("the key 019bc0fc60007a118000000000000005 has leaked"), "{told}");
    assert!(told.contains("\"active\":true") && told.contains("\"token_use\":\"api_key\""), "{told}");

    let all = call(&scene.settings, &["roles", "list", "--json"]).expect(0).json();
    let names: Vec<&str> = all.as_array().expect("a list").iter().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(names, ["admin", "auditor", "support", "user"]);
    let again = call(&scene.settings, &["access", "apply", "roles.toml"]).expect(0);
    assert_eq!(again.out, "the roles are as the file says\n");
    scene.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guide_to_administration_do_what_it_says() {
    let scene = Scene::open().await;
    let told = scene.run("docs/administration.md", None).await;
    assert!(told.contains("/set-password#psl_") && told.contains("joan@example.com\n"), "{told}");
    let file = |name: &str| read(&scene.place.dir().join(name));
    let lines = |name: &str| -> Vec<Value> {
        file(name).lines().map(|line| serde_json::from_str(line).expect("a JSON document")).collect()
    };
    assert_eq!(lines("accounts.jsonl").len(), 3);
    let trail = lines("trail.jsonl");
    assert!(trail.iter().any(|entry| entry["detail"] == "left the company"), "{trail:?}");
    let export: Value = serde_json::from_str(&file("export.json")).expect("JSON");
    assert!(export.to_string().contains("ticket 4711"), "whoever is acted for reads why: {export}");
    call(&scene.settings, &["users", "show", "joan@example.com"]).expect(1);
    call(&scene.settings, &["admin", "setup-link"]).expect(1);
    scene.service.stop().await;
}

#[test]
fn the_guide_to_access_lists_what_the_service_asks_for() {
    let text = read(&root().join("docs/access.md"));
    let table = text.split_once("\n## What Portcullis asks for\n").expect("a chapter").1;
    let table = table.split_once("\n## ").expect("its end").0;
    let row = |line: &str| {
        let (permission, about) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
        permission.contains(':').then(|| (permission.to_owned(), about.to_owned()))
    };
    let listed: BTreeSet<_> = table.lines().filter_map(row).collect();
    let asked = Asked::ALL.iter().map(|asked| (asked.as_str().to_owned(), asked.about().to_owned()));
    assert_eq!(listed, asked.collect());
}

#[test]
fn the_guide_to_access_names_only_problems_that_exist() {
    assert_eq!(problems_of("docs/access.md"), 6);
}

#[test]
fn a105_the_leaked_key_of_the_guide_is_one_to_us_and_to_scanners() {
    let text = read(&root().join("docs/access.md"));
    let key = text.lines().find_map(|line| line.strip_prefix("leaked=")).expect("a key");
    let read = KeyText::parse(key).expect("it is well formed");
    assert_eq!(read.id.to_string(), "019bc0fc-6000-7a11-8000-000000000005");
    assert_eq!(read.text().expose(), key);
    let patterns: Vec<_> = fences(&text).into_iter().filter(|(_, language, _)| *language == "text").collect();
    let [(_, _, pattern)] = &patterns[..] else { panic!("one pattern") };
    assert_eq!(pattern, "\\bpk_[0-9a-f]{32}_[0-9a-f]{72}\\b\n");
}

#[test]
fn every_block_of_the_guides_is_run_or_checked() {
    for guide in ["docs/access.md", "docs/administration.md"] {
        for (_, language, code) in fences(&read(&root().join(guide))) {
            assert!(
                ["sh", "toml", "text"].contains(&language),
                "{guide}: nothing checks a block of `{language}`: {code}"
            );
        }
    }
}
