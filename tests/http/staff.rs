//! Those in charge, and whom they have to do with.

use poem::http::{Method, StatusCode};
use portcullis_domain::access::{DefineRole, GrantRole, Permission, Permissions, RoleName};
use portcullis_domain::caller::Caller;
use portcullis_domain::origin::Origin;
use serde_json::Value;

use crate::harness::{Answer, Ask, House, Tokens};

/// Somebody with an account, who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) tokens: Tokens,
}

impl Member {
    pub(crate) fn get(&self, path: &str) -> Ask {
        Ask::get(path).bearer(&self.tokens.access)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        Ask::new(method, path).bearer(&self.tokens.access)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Ask {
        self.ask(Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, tag: &str, body: Value) -> Ask {
        self.ask(Method::PATCH, path).header("if-match", tag).json(body)
    }

    pub(crate) fn put(&self, path: &str) -> Ask {
        self.ask(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask {
        self.ask(Method::DELETE, path)
    }

    /// Where those in charge find the account.
    pub(crate) fn path(&self) -> String {
        format!("/api/v1/users/{}", self.id)
    }
}

impl House {
    /// Somebody without any role but `user`.
    pub(crate) async fn member(&self, name: &str) -> Member {
        let tokens = self.user(name).await;
        let me = self.send(Ask::get("/api/v1/me").bearer(&tokens.access)).await.is(StatusCode::OK).json();
        Member { id: me["id"].as_str().unwrap().to_owned(), tokens }
    }

    /// An administrator.
    pub(crate) async fn admin(&self, name: &str) -> Member {
        let member = self.member(name).await;
        self.grant(&member, "admin").await;
        member
    }

    /// Somebody who may do this, by a role of the same name.
    pub(crate) async fn staff(&self, name: &str, permissions: &[&str]) -> Member {
        let member = self.member(name).await;
        self.role(name, permissions).await;
        self.grant(&member, name).await;
        member
    }

    pub(crate) async fn role(&self, name: &str, permissions: &[&str]) {
        let permissions = permissions.iter().map(|text| Permission::parse(text).unwrap());
        let cmd = DefineRole {
            caller: Caller::operator(),
            name: RoleName::parse(name).unwrap(),
            description: None,
            permissions: Some(Permissions::from_iter(permissions)),
            version: None,
            origin: Origin::default(),
        };
        self.app.access.create_role(cmd).await.unwrap();
    }

    pub(crate) async fn grant(&self, member: &Member, role: &str) {
        let role = RoleName::parse(role).unwrap();
        let user = member.id.parse().unwrap();
        let cmd = GrantRole { caller: Caller::operator(), user, role, origin: Origin::default() };
        self.app.access.grant(cmd).await.unwrap();
    }

    /// All pages of a list; `path` has a `?` already.
    pub(crate) async fn all_pages(&self, member: &Member, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.send(member.get(&format!("{path}{cursor}"))).await.is(StatusCode::OK).json();
            items.extend(page["items"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

impl Answer {
    /// The documents of an answer in lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert_eq!(self.header("content-type"), Some("application/jsonl"));
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line ends");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The `ETag` that it must have.
    #[track_caller]
    pub(crate) fn tag(&self) -> String {
        self.header("etag").expect("an entity tag").to_owned()
    }
}
