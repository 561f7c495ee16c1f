//! Who may do what: every operation of the OpenAPI document, asked by every kind of caller.
//!
//! The expected answer follows from the document alone (who may authenticate how, and which permission is needed); what
//! the service really answers is kept as a snapshot besides, so that a change of any cell is seen.

use std::fmt::Write;

use poem::http::{Method, StatusCode};
use portcullis_domain::access::{DefineRole, GrantRole, Permission, Permissions, RoleName};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::UserId;
use portcullis_domain::origin::Origin;
use serde_json::{Value, json};

use crate::harness::{Ask, House, PASSWORD, Tokens};
use crate::sample_bodies::{body_of, path_of};

/// Whoever may knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anonymous,
    /// A user without any role but `user`.
    Plain,
    /// A user who may look at everything.
    Reader,
    Admin,
    /// An API key of the administrator that may do nothing.
    BareKey,
    /// An API key of the administrator that may look at everything.
    ReaderKey,
    /// An API key of the administrator that may do everything.
    FullKey,
    /// A client whose token allows nothing.
    BareClient,
    /// A client whose token allows everything.
    FullClient,
    /// The administrator, who looks at the service as a plain user.
    Looking,
    /// A user who has logged out since.
    Gone,
    /// An API key that was revoked.
    GoneKey,
}

const CALLERS: [Who; 12] = [
    Who::Anonymous,
    Who::Plain,
    Who::Reader,
    Who::Admin,
    Who::BareKey,
    Who::ReaderKey,
    Who::FullKey,
    Who::BareClient,
    Who::FullClient,
    Who::Looking,
    Who::Gone,
    Who::GoneKey,
];

impl Who {
    /// What they may do at most.
    const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Reader | Self::ReaderKey => &["*:read"],
            Self::Admin | Self::FullKey | Self::FullClient => &["*:*"],
            _ => &[],
        }
    }

    const fn is_key(self) -> bool {
        matches!(self, Self::BareKey | Self::ReaderKey | Self::FullKey | Self::GoneKey)
    }

    const fn is_client(self) -> bool {
        matches!(self, Self::BareClient | Self::FullClient)
    }

    const fn is_nobody(self) -> bool {
        matches!(self, Self::Anonymous | Self::Gone | Self::GoneKey)
    }
}

/// An operation as the document describes it.
struct Operation {
    method: Method,
    path: String,
    id: String,
    permission: Option<Permission>,
    /// The schemes of its security requirement; empty when everybody may.
    schemes: Vec<String>,
    has_body: bool,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse() else { continue };
            let schemes = operation["security"].as_array().into_iter().flatten();
            operations.push(Operation {
                method,
                path: path.clone(),
                id: operation["operationId"].as_str().unwrap_or_default().to_owned(),
                permission: operation["x-permission"].as_str().map(|text| Permission::parse(text).unwrap()),
                schemes: schemes.flat_map(|scheme| scheme.as_object().unwrap().keys().cloned()).collect(),
                has_body: operation.get("requestBody").is_some(),
            });
        }
    }
    operations
}

/// A house with an administrator, somebody to act upon, and whoever calls.
struct Scene {
    house: House,
    victim: Tokens,
    victim_id: UserId,
    admin: Tokens,
}

impl Scene {
    async fn new() -> Self {
        let house = House::new().await;
        house.app.access.seed(&[]).await.unwrap();
        for (name, permission) in [("reader", "*:read"), ("support", "users:read")] {
            let cmd = DefineRole {
                caller: Caller::operator(),
                name: RoleName::parse(name).unwrap(),
                description: None,
                permissions: Some(Permissions::from_iter([Permission::parse(permission).unwrap()])),
                version: None,
                origin: Origin::default(),
            };
            house.app.access.create_role(cmd).await.unwrap();
        }
        let victim = house.user("victim").await;
        let victim_id = id_of(&house, &victim).await;
        let admin = Self::signed_in(&house, "root", Some("admin")).await;
        Self { house, victim, victim_id, admin }
    }

    async fn signed_in(house: &House, name: &str, role: Option<&str>) -> Tokens {
        let tokens = house.user(name).await;
        if let Some(role) = role {
            let (user, role) = (id_of(house, &tokens).await, RoleName::parse(role).unwrap());
            let cmd = GrantRole { caller: Caller::operator(), user, role, origin: Origin::default() };
            house.app.access.grant(cmd).await.unwrap();
        }
        tokens
    }

    async fn key(&self, permissions: &[&str]) -> (String, String) {
        let body = json!({ "name": "a robot", "permissions": permissions });
        let ask = Ask::post("/api/v1/me/api-keys").bearer(&self.admin.access).json(body);
        let answer = self.house.send(ask).await.is(StatusCode::CREATED).json();
        (answer["key"].as_str().unwrap().to_owned(), answer["id"].as_str().unwrap().to_owned())
    }

    /// Adds to a request what the caller proves themselves with.
    async fn by(&self, who: Who, ask: Ask) -> Ask {
        let house = &self.house;
        match who {
            Who::Anonymous => ask,
            Who::Plain => ask.bearer(&Self::signed_in(house, "plain", None).await.access),
            Who::Reader => ask.bearer(&Self::signed_in(house, "reader", Some("reader")).await.access),
            Who::Admin => ask.bearer(&self.admin.access),
            Who::BareKey | Who::ReaderKey | Who::FullKey => {
                ask.header("x-api-key", self.key(who.permissions()).await.0)
            }
            Who::BareClient | Who::FullClient => {
                let secret = house.client("robot", &who.permissions().join(" ")).await;
                ask.bearer(&house.client_token(("robot", &secret)).await)
            }
            Who::Looking => {
                let path = format!("/api/v1/users/{}/impersonate", self.victim_id);
                let look = Ask::post(&path).bearer(&self.admin.access).json(json!({ "reason": "a look" }));
                let answer = house.send(look).await.is(StatusCode::OK).json();
                ask.bearer(answer["access_token"].as_str().unwrap())
            }
            Who::Gone => {
                let tokens = Self::signed_in(house, "gone", Some("admin")).await;
                house.send(Ask::post("/api/v1/auth/logout").bearer(&tokens.access)).await.is(StatusCode::NO_CONTENT);
                ask.bearer(&tokens.access)
            }
            Who::GoneKey => {
                let (key, id) = self.key(&["*:*"]).await;
                let revoke = Ask::new(Method::DELETE, &format!("/api/v1/me/api-keys/{id}"));
                house.send(revoke.bearer(&self.admin.access)).await.is(StatusCode::NO_CONTENT);
                ask.header("x-api-key", key)
            }
        }
    }
}

async fn id_of(house: &House, tokens: &Tokens) -> UserId {
    let answer = house.send(Ask::get("/api/v1/me").bearer(&tokens.access)).await.is(StatusCode::OK);
    answer.json()["id"].as_str().unwrap().parse().unwrap()
}

/// What the document promises to a caller.
#[derive(Debug, PartialEq, Eq)]
enum Promise {
    Unauthenticated,
    Forbidden,
    Served,
}

fn promise(operation: &Operation, who: Who) -> Promise {
    let takes = |scheme: &str| operation.schemes.iter().any(|known| known == scheme);
    let (by_token, by_key) = (takes("bearer"), takes("apiKey"));
    if !by_token && !by_key {
        return Promise::Served;
    }
    if who.is_nobody() || (who.is_key() && !by_key) || (!who.is_key() && !by_token) {
        return Promise::Unauthenticated;
    }
    let permissions: Permissions = who.permissions().iter().map(|text| Permission::parse(text).unwrap()).collect();
    if operation.permission.as_ref().is_some_and(|needed| !permissions.allow(needed)) {
        return Promise::Forbidden;
    }
    Promise::Served
}

#[tokio::test]
async fn a101_every_operation_answers_every_caller_as_its_document_says() {
    let document = House::new().await.send(Ask::get("/openapi.json")).await.json();
    let mut table = String::from("operation | permission | by | ");
    writeln!(table, "{}", CALLERS.map(|who| format!("{who:?}")).join(" ")).unwrap();
    let mut broken = Vec::new();
    for operation in operations(&document) {
        let Operation { method, path, permission, schemes, .. } = &operation;
        let needed = permission.as_ref().map_or("-".to_owned(), ToString::to_string);
        write!(table, "{method} {path} | {needed} | {} |", schemes.join(",")).unwrap();
        for who in CALLERS {
            let scene = Scene::new().await;
            let mut ask = Ask::new(method.clone(), &path_of(path, &scene.victim_id.to_string(), &scene.victim.session));
            if operation.has_body {
                ask = body_of(&operation.id, PASSWORD, ask);
            }
            let answer = scene.house.send(scene.by(who, ask).await).await;
            write!(table, " {}", answer.status.as_u16()).unwrap();
            let (promised, status) = (promise(&operation, who), answer.status);
            let kept = match promised {
                Promise::Unauthenticated => status == StatusCode::UNAUTHORIZED,
                Promise::Forbidden => status == StatusCode::FORBIDDEN,
                // Whoever only looks, or is no user, may be told so; nobody is asked for a permission they need not have.
                Promise::Served => {
                    let code = || answer.json()["code"].as_str().unwrap_or_default().to_owned();
                    let for_oauth = path.starts_with("/oauth2/") || path == "/api/v1/revocations";
                    match status {
                        StatusCode::UNAUTHORIZED => for_oauth || schemes.is_empty(),
                        StatusCode::FORBIDDEN => match code().as_str() {
                            "user-required" => who.is_client() || who.is_key(),
                            "read-only" | "impersonated" => who == Who::Looking,
                            _ => false,
                        },
                        _ => !status.is_server_error(),
                    }
                }
            };
            if !kept {
                broken.push(format!("{method} {path} by {who:?}: promised {promised:?}, answered {}", answer.text()));
            }
        }
        table.push('\n');
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    insta::assert_snapshot!("authorization_matrix", table);
}
