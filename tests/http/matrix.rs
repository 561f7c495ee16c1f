//! Who may do what: every operation of the OpenAPI document, asked by every kind of caller.
//!
//! The expected answer follows from the document alone (who may authenticate how, and which permission is needed); what
//! the service really answers is kept as a snapshot besides, so that a change of any cell is seen.

use std::fmt::Write;

use poem::http::{Method, StatusCode};
use portcullis_domain::access::{Asked, Permission, Permissions};
use serde_json::{Value, json};

use crate::cast::{CALLERS, Proof, Scene, Who};
use crate::harness::{Answer, Ask, House};
use crate::sample_bodies::{body_of, path_of};

/// An operation as the document describes it.
struct Operation {
    method: Method,
    path: String,
    id: String,
    permission: Option<Permission>,
    /// The schemes of its security requirement.
    schemes: Vec<String>,
    /// Whether it needs none of them.
    is_open: bool,
    has_body: bool,
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value) -> Self {
        let security = operation["security"].as_array().into_iter().flatten();
        let security: Vec<_> = security.map(|requirement| requirement.as_object().unwrap()).collect();
        Self {
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            id: operation["operationId"].as_str().unwrap().to_owned(),
            permission: operation["x-permission"].as_str().map(|text| Permission::parse(text).unwrap()),
            schemes: security.iter().flat_map(|requirement| requirement.keys().cloned()).collect(),
            is_open: security.is_empty() || security.iter().any(|requirement| requirement.is_empty()),
            has_body: operation.get("requestBody").is_some(),
        }
    }

    fn takes(&self, scheme: &str) -> bool {
        self.schemes.iter().any(|known| known == scheme)
    }

    const fn is_harmless(&self) -> bool {
        matches!(self.method, Method::GET)
    }

    /// A request that lacks nothing but a proof of who sends it.
    fn good(&self, scene: &Scene) -> Ask {
        let ask = Ask::new(self.method.clone(), &path_of(&self.path, &scene.targets));
        let ask = if self.method == Method::PATCH { ask.header("if-match", "*") } else { ask };
        if self.has_body { body_of(&self.id, &scene.targets, ask) } else { ask }
    }

    /// A request whose body nobody could read, where it is not the body that proves who sends it.
    fn broken(&self, scene: &Scene) -> Ask {
        if !self.has_body || self.is_open {
            return self.good(scene);
        }
        Ask::new(self.method.clone(), &path_of(&self.path, &scene.targets)).raw("text/plain", "{")
    }
}

async fn operations() -> Vec<Operation> {
    let document = House::new().await.send(Ask::get("/openapi.json")).await.json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        operations.extend(methods.as_object().unwrap().iter().map(|(method, it)| Operation::read(path, method, it)));
    }
    operations
}

/// What the document promises to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    Unauthenticated,
    Forbidden,
    Served,
}

fn promise(operation: &Operation, who: Who) -> Promise {
    // A client proves itself by its secret, also in the form; nobody here does.
    if operation.is_open && !operation.takes("client_secret_basic") {
        return Promise::Served;
    }
    let fits = operation.takes(if who.is_key() { "apiKey" } else { "bearer" });
    if who.is_nobody() || !fits {
        return Promise::Unauthenticated;
    }
    let permissions: Permissions = who.permissions().iter().map(|text| Permission::parse(text).unwrap()).collect();
    match &operation.permission {
        Some(needed) if !permissions.allow(needed) => Promise::Forbidden,
        _ => Promise::Served,
    }
}

/// Whether an answer is what was promised.
fn is_kept(promise: Promise, operation: &Operation, who: Who, answer: &Answer) -> bool {
    let code = || answer.json()["code"].as_str().unwrap_or_default().to_owned();
    match (promise, answer.status) {
        (Promise::Unauthenticated, status) => status == StatusCode::UNAUTHORIZED,
        // Those who only look are told that first.
        (Promise::Forbidden, StatusCode::FORBIDDEN) => match code().as_str() {
            "not-permitted" => true,
            "read-only" => who == Who::Looking && !operation.is_harmless(),
            "impersonated" => who == Who::Looking,
            "user-required" => who.is_client(),
            _ => false,
        },
        // Whoever only looks, or is no user, is told so; nobody is asked for a permission that is not documented.
        (Promise::Served, StatusCode::FORBIDDEN) => match code().as_str() {
            "user-required" => who.is_client(),
            "read-only" | "impersonated" => who == Who::Looking,
            _ => false,
        },
        (Promise::Served, status) => status != StatusCode::UNAUTHORIZED && !status.is_server_error(),
        (Promise::Forbidden, _) => false,
    }
}

#[tokio::test]
async fn a101_every_operation_answers_every_caller_as_its_document_says() {
    let shared = Scene::new().await;
    let mut proofs = Vec::new();
    for who in CALLERS {
        proofs.push(shared.proof(who).await);
    }
    let mut table = String::from("operation | permission | by | ");
    writeln!(table, "{}", CALLERS.map(|who| format!("{who:?}")).join(" ")).unwrap();
    let mut wrong = Vec::new();
    for operation in operations().await {
        let Operation { method, path, permission, schemes, .. } = &operation;
        let needed = permission.as_ref().map_or("-".to_owned(), ToString::to_string);
        write!(table, "{method} {path} | {needed} | {} |", schemes.join(",")).unwrap();
        for (who, proof) in CALLERS.into_iter().zip(&proofs) {
            let promised = promise(&operation, who);
            let answer = if promised != Promise::Served {
                shared.house.send(proof.on(operation.broken(&shared))).await
            } else if operation.is_harmless() {
                shared.house.send(proof.on(operation.good(&shared))).await
            } else {
                let scene = Scene::new().await;
                scene.house.send(scene.proof(who).await.on(operation.good(&scene))).await
            };
            write!(table, " {}", answer.status.as_u16()).unwrap();
            if !is_kept(promised, &operation, who, &answer) {
                let told = String::from_utf8_lossy(&answer.body);
                wrong.push(format!("{method} {path} by {who:?}: {promised:?}, but {} {told}", answer.status));
            }
        }
        table.push('\n');
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!("authorization_matrix", table);
}

/// The permission that a refusal says is missing.
#[track_caller]
fn missing(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "not-permitted"));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    Asked::ALL.iter().map(ToString::to_string).find(|known| detail.contains(known)).unwrap_or(detail)
}

#[tokio::test]
async fn a101_every_permission_but_the_one_that_is_needed_is_not_enough() {
    let scene = Scene::new().await;
    let mut staff = Vec::new();
    for asked in Asked::ALL {
        let others: Vec<&str> = Asked::ALL.iter().filter(|other| *other != asked).map(|other| other.as_str()).collect();
        let name = format!("no-{}", asked.as_str().replace(':', "-"));
        staff.push((Permission::from(*asked), scene.house.staff(&name, &others).await));
    }
    let mut asked_for = Vec::new();
    for operation in operations().await {
        let Some(needed) = &operation.permission else { continue };
        let (_, member) = staff.iter().find(|(lacking, _)| lacking == needed).expect("a permission of the service");
        for ask in [operation.broken(&scene), operation.good(&scene)] {
            let answer = scene.house.send(ask.bearer(&member.tokens.access)).await;
            assert_eq!(missing(&answer), needed.to_string(), "{} {}", operation.method, operation.path);
        }
        asked_for.push(needed.clone());
    }
    // What allows more of an operation than the operation itself needs.
    asked_for.push(Asked::ImpersonateWrite.into());
    for asked in Asked::ALL {
        assert!(asked_for.contains(&(*asked).into()), "no operation asks for {asked}");
    }
}

#[tokio::test]
async fn a101_the_permission_that_is_needed_is_enough() {
    for operation in operations().await {
        let Some(needed) = operation.permission.as_ref().map(ToString::to_string) else { continue };
        let told = format!("{} {} with {needed}", operation.method, operation.path);
        let scene = Scene::new().await;
        let member = scene.house.staff("exact", &[&needed]).await;
        // Whoever gives a role has it, or may make roles.
        scene.house.grant(&member, "support").await;
        let answer = scene.house.send(operation.good(&scene).bearer(&member.tokens.access)).await;
        assert!(answer.status.is_success(), "{told}: {}", answer.text());
        if operation.takes("apiKey") {
            let scene = Scene::new().await;
            let key = scene.key(&scene.admin, json!([needed])).await.0;
            let answer = scene.house.send(Proof::Key(key).on(operation.good(&scene))).await;
            assert!(answer.status.is_success(), "{told} in an API key: {}", answer.text());
        }
    }
}
