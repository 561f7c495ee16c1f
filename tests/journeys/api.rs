//! The HTTP interface as a client sees it: one method a call, answers kept whole.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::service::CLIENT;

/// An answer with its body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body as text.
    pub(crate) text: String,
    /// The body as JSON; null when it is none.
    pub(crate) json: Value,
}

impl Answer {
    /// A text of the body; empty when it is not there.
    pub(crate) fn str(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_default()
    }

    /// Whether the service had no room for the request: nothing has happened, and a later try is welcome.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.status == 503 && self.str("code") == "overloaded" && self.headers.contains_key("retry-after")
    }

    /// The answer, when it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The answer, when it is a problem (RFC 9457) of this status and code.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.str("code")), (status, code), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        self
    }
}

/// A client that shares no connection with others.
pub(crate) fn http() -> Client {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).pool_max_idle_per_host(64);
    client.build().expect("a client can be built")
}

/// A service's interface.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    base: String,
}

impl Api {
    /// At this URL.
    pub(crate) fn at(base: &str) -> Self {
        Self { http: http(), base: base.to_owned() }
    }

    /// A request by hand.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends, and reads the body; an error when there was no complete answer.
    pub(crate) async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, json })
    }

    /// Sends, and expects an answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the service answers")
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(bearer(self.request(Method::GET, path), token)).await
    }

    /// A call with a JSON body.
    pub(crate) async fn call(&self, method: Method, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.send(bearer(self.request(method, path).json(body), token)).await
    }

    /// DELETE.
    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(bearer(self.request(Method::DELETE, path), Some(token))).await
    }

    /// GET with an API key.
    pub(crate) async fn get_by_key(&self, path: &str, key: &str) -> Answer {
        self.send(self.request(Method::GET, path).header("x-api-key", key)).await
    }

    /// Deletes the own account.
    pub(crate) async fn delete_account(&self, token: &str, password: &str) -> Answer {
        self.send(deletion(self, Some(token), password)).await
    }

    /// Opens an account.
    pub(crate) async fn register(&self, who: &Person) -> Answer {
        self.call(Method::POST, "/api/v1/auth/register", None, &who.registration()).await
    }

    /// Signs in with any login name.
    pub(crate) async fn login(&self, login: &str, password: &str) -> Answer {
        let body = json!({ "login": login, "password": password });
        self.call(Method::POST, "/api/v1/auth/login", None, &body).await
    }

    /// Opens an account and signs in.
    pub(crate) async fn join(&self, who: &Person) -> Tokens {
        self.register(who).await.expect(201);
        self.sign_in(who).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, who: &Person) -> Tokens {
        Tokens::of(&self.login(&who.email, &who.password).await.expect(200))
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let body = json!({ "refresh_token": token });
        self.call(Method::POST, "/api/v1/auth/refresh", None, &body).await
    }

    /// Ends the session of a token.
    pub(crate) async fn logout(&self, token: &str) -> Answer {
        self.send(bearer(self.request(Method::POST, "/api/v1/auth/logout"), Some(token))).await
    }

    /// Forward authentication.
    pub(crate) async fn verify(&self, token: &str) -> Answer {
        self.get("/api/v1/auth/verify", Some(token)).await
    }

    /// Changes the password.
    pub(crate) async fn change_password(&self, token: &str, current: &str, new: &str) -> Answer {
        let body = json!({ "current_password": current, "new_password": new });
        self.call(Method::PUT, "/api/v1/me/password", Some(token), &body).await
    }

    /// The ids of the live sessions.
    pub(crate) async fn sessions(&self, token: &str) -> Vec<String> {
        let answer = self.get("/api/v1/me/sessions?limit=200", Some(token)).await.expect(200);
        let items = answer.json["items"].as_array().expect("a list");
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// What the service says about a token to a client.
    pub(crate) async fn introspect(&self, token: &str) -> Answer {
        let request = self.request(Method::POST, "/oauth2/introspect");
        let request = request.basic_auth(CLIENT.0, Some(CLIENT.1));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(format!("token={token}"))).await
    }
}

/// Adds a bearer token.
pub(crate) fn bearer(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Asks for the end of the own account.
pub(crate) fn deletion(api: &Api, token: Option<&str>, password: &str) -> RequestBuilder {
    let body = json!({ "current_password": password });
    bearer(api.request(Method::DELETE, "/api/v1/me").json(&body), token)
}

/// What a client holds after signing in or refreshing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// For each call.
    pub(crate) access: String,
    /// For the next pair.
    pub(crate) refresh: String,
    /// The session.
    pub(crate) session: String,
}

impl Tokens {
    /// From the answer to a login or a refresh.
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = |key| {
            let value = answer.str(key);
            assert!(!value.is_empty(), "the answer has no {key}: {}", answer.text);
            value.to_owned()
        };
        Self { access: text("access_token"), refresh: text("refresh_token"), session: text("session_id") }
    }
}

/// Somebody with an account, or about to have one.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// A second name to log in with.
    pub(crate) username: String,
    /// The address.
    pub(crate) email: String,
    /// The password.
    pub(crate) password: String,
}

impl Person {
    /// Nobody else has this name or this password.
    pub(crate) fn new() -> Self {
        let name = format!("u{}", random_hex(10));
        let email = format!("{name}@example.com");
        Self { username: name, email, password: fresh_password() }
    }

    /// The body of a registration.
    pub(crate) fn registration(&self) -> Value {
        json!({ "username": self.username, "email": self.email, "password": self.password })
    }
}

/// A password that nobody guesses.
pub(crate) fn fresh_password() -> String {
    format!("pw-{}", random_hex(16))
}

fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random).expect("randomness");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
