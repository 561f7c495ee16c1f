//! Everybody who may knock, and a house in which there is something to find for each of them.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Ask, House, PASSWORD};
use crate::sample_bodies::Targets;
use crate::staff::Member;

/// Whoever may knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Anonymous,
    /// A user without any role but `user`.
    Plain,
    /// A user who may look at everything.
    Reader,
    /// The administrator.
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
    /// An administrator who has logged out since.
    Gone,
    /// An API key that was revoked.
    GoneKey,
}

pub(crate) const CALLERS: [Who; 12] = [
    Who::Anonymous,
    Who::Plain,
    Who::Reader,
    Who::Admin,
    Who::BareKey,
    Who::ReaderKey,
    Who::FullKey,
    Who::BareClient,
    Who::FullClient,
    // Before whoever looks on: that ends with a session of who looks.
    Who::Gone,
    Who::Looking,
    Who::GoneKey,
];

impl Who {
    /// What they may do.
    pub(crate) const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Reader | Self::ReaderKey => &["*:read"],
            Self::Admin | Self::FullKey | Self::FullClient => &["*:*"],
            _ => &[],
        }
    }

    pub(crate) const fn is_key(self) -> bool {
        matches!(self, Self::BareKey | Self::ReaderKey | Self::FullKey | Self::GoneKey)
    }

    pub(crate) const fn is_client(self) -> bool {
        matches!(self, Self::BareClient | Self::FullClient)
    }

    pub(crate) const fn is_nobody(self) -> bool {
        matches!(self, Self::Anonymous | Self::Gone | Self::GoneKey)
    }
}

/// What somebody proves themselves with.
pub(crate) enum Proof {
    Nothing,
    Token(String),
    Key(String),
}

impl Proof {
    /// A request that has it.
    pub(crate) fn on(&self, ask: Ask) -> Ask {
        match self {
            Self::Nothing => ask,
            Self::Token(token) => ask.bearer(token),
            Self::Key(key) => ask.header("x-api-key", key),
        }
    }
}

/// A house with an administrator, somebody to act upon, a role that both have, one that nobody has, and a client. The
/// roles hold no permission.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) admin: Member,
    pub(crate) targets: Targets,
    victim: Member,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let house = House::new().await;
        for role in ["support", "vacant"] {
            house.role(role, &[]).await;
        }
        house.client("orders", "").await;
        let (admin, victim) = (house.admin("root-1").await, house.member("victim").await);
        for member in [&admin, &victim] {
            house.grant(member, "support").await;
        }
        let mut scene = Self { targets: Targets::of(&victim), house, admin, victim };
        scene.targets.own_session = scene.admin.tokens.session.clone();
        scene.targets.own_key = scene.key(&scene.admin, json!([])).await.1;
        scene.targets.key = scene.key(&scene.victim, json!([])).await.1;
        scene
    }

    /// An API key of somebody, with these permissions and one of their roles: its text, and its id.
    pub(crate) async fn key(&self, owner: &Member, permissions: Value) -> (String, String) {
        let body = json!({ "name": "a robot", "permissions": permissions, "roles": ["support"] });
        let answer = self.house.send(owner.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED).json();
        (answer["key"].as_str().unwrap().to_owned(), answer["id"].as_str().unwrap().to_owned())
    }

    /// What `who` proves themselves with here.
    pub(crate) async fn proof(&self, who: Who) -> Proof {
        let (house, admin) = (&self.house, &self.admin);
        match who {
            Who::Anonymous => Proof::Nothing,
            Who::Plain => Proof::Token(house.member("plain").await.tokens.access),
            Who::Reader => Proof::Token(house.staff("reader", who.permissions()).await.tokens.access),
            Who::Admin => Proof::Token(admin.tokens.access.clone()),
            Who::BareKey | Who::ReaderKey | Who::FullKey => {
                Proof::Key(self.key(admin, json!(who.permissions())).await.0)
            }
            Who::BareClient | Who::FullClient => {
                let id = format!("{who:?}").to_lowercase();
                let secret = house.client(&id, &who.permissions().join(" ")).await;
                Proof::Token(house.client_token((&id, &secret)).await)
            }
            Who::Looking => {
                let path = format!("{}/impersonate", self.victim.path());
                let answer = house.send(admin.post(&path, json!({ "reason": "a look" }))).await.is(StatusCode::OK);
                Proof::Token(answer.json()["access_token"].as_str().unwrap().to_owned())
            }
            Who::Gone => {
                let tokens = house.login("root-1", PASSWORD).await;
                let ask = Ask::post("/api/v1/auth/logout").bearer(&tokens.access);
                house.send(ask).await.is(StatusCode::NO_CONTENT);
                Proof::Token(tokens.access)
            }
            Who::GoneKey => {
                let (key, id) = self.key(admin, json!(["*:*"])).await;
                let revoke = admin.ask(Method::DELETE, &format!("/api/v1/me/api-keys/{id}"));
                house.send(revoke).await.is(StatusCode::NO_CONTENT);
                Proof::Key(key)
            }
        }
    }
}
