//! People with accounts.

use serde_json::{Value, json};

use super::service::TestService;

/// The password of every account that [`TestService::register`] opens.
pub const PASSWORD: &str = "seven grey herons wading";

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Its id: `sub` of its tokens.
    pub id: String,
    /// Its username.
    pub username: String,
    /// Its address.
    pub email: String,
    /// Its password.
    pub password: String,
}

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Login {
    /// For each call.
    pub access_token: String,
    /// For the next pair, once.
    pub refresh_token: String,
    /// The session: `sid` of the access token.
    pub session_id: String,
}

impl Login {
    /// The value of the header `Authorization`.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.access_token)
    }
}

impl TestService {
    /// Opens an account of this username, with the address `<name>@example.com`.
    ///
    /// # Panics
    /// When the service refuses: the name is taken, or no username.
    pub async fn register(&self, name: &str) -> Account {
        let (email, password) = (format!("{name}@example.com"), PASSWORD.to_owned());
        let body = json!({ "username": name, "email": email, "password": password });
        let account: Value = self.post("/api/v1/auth/register").json(&body).send().await.expect(201).json();
        let id = text(&account, "id");
        Account { id, username: name.to_owned(), email, password }
    }

    /// Logs in.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn log_in(&self, account: &Account) -> Login {
        let body = json!({ "login": account.email, "password": account.password });
        let tokens: Value = self.post("/api/v1/auth/login").json(&body).send().await.expect(200).json();
        Login {
            access_token: text(&tokens, "access_token"),
            refresh_token: text(&tokens, "refresh_token"),
            session_id: text(&tokens, "session_id"),
        }
    }

    /// Opens an account and logs in.
    ///
    /// # Panics
    /// As [`TestService::register`] does.
    pub async fn user(&self, name: &str) -> (Account, Login) {
        let account = self.register(name).await;
        let login = self.log_in(&account).await;
        (account, login)
    }
}

#[track_caller]
pub(super) fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("there is no {name} in {body}")).to_owned()
}
