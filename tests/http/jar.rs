//! A browser as far as cookies go: it keeps what `Set-Cookie` says, and sends it back where it belongs.

use std::collections::BTreeMap;

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House};

pub(crate) const ACCESS: &str = "__Host-portcullis_access";
pub(crate) const REFRESH: &str = "__Secure-portcullis_refresh";
pub(crate) const DEVICE: &str = "__Host-portcullis_device";

/// One `Set-Cookie`.
#[derive(Clone, Debug)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    attributes: BTreeMap<String, Option<String>>,
}

impl SetCookie {
    #[track_caller]
    pub(crate) fn parse(line: &str) -> Self {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut attributes = BTreeMap::new();
        for part in parts {
            let (key, value) = part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value.to_owned())));
            assert!(attributes.insert(key.to_ascii_lowercase(), value).is_none(), "{line}");
        }
        Self { name: name.to_owned(), value: value.to_owned(), attributes }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Option::as_deref)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    fn is_cleared(&self) -> bool {
        self.attribute("max-age") == Some("0")
    }

    /// What every cookie of this service must be, wherever it is seen (A045).
    #[track_caller]
    fn check(&self, line: &str) {
        assert!(line.len() < 4096, "{line}");
        assert!(!self.has("domain"), "{line}");
        assert!(self.has("httponly"), "{line}");
        assert_eq!(self.attribute("samesite"), Some("Lax"), "{line}");
        assert!(self.attribute("max-age").unwrap().parse::<u32>().is_ok(), "{line}");
        let (prefix, bare) = match self.name.split_once("portcullis_") {
            Some((prefix, bare)) => (prefix, bare),
            None => panic!("a foreign cookie: {line}"),
        };
        let expected = if bare == "refresh" { ("__Secure-", "/api/v1/auth") } else { ("__Host-", "/") };
        assert!(["access", "refresh", "device"].contains(&bare), "{line}");
        assert_eq!(self.attribute("path"), Some(expected.1), "{line}");
        // Only plain http on loopback goes without; a test of its own looks at that.
        assert_eq!(self.has("secure"), !prefix.is_empty(), "{line}");
        assert!(prefix.is_empty() || prefix == expected.0, "{line}");
    }
}

/// The cookies that an answer sets; each is what A045 asks for, and its value is nowhere else in the answer (A046).
#[track_caller]
pub(crate) fn cookies_of(answer: &Answer) -> Vec<SetCookie> {
    let body = String::from_utf8_lossy(&answer.body);
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let cookies: Vec<SetCookie> = lines
        .map(|line| {
            let cookie = SetCookie::parse(line);
            cookie.check(line);
            cookie
        })
        .collect();
    for cookie in cookies.iter().filter(|cookie| !cookie.value.is_empty()) {
        assert!(!body.contains(&cookie.value), "{} is in the body", cookie.name);
        let others = answer.headers.iter().filter(|(name, _)| *name != "set-cookie");
        for (name, value) in others {
            assert!(!value.to_str().unwrap().contains(&cookie.value), "{} is in {name}", cookie.name);
        }
    }
    cookies
}

/// A browser with a page of ours open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, SetCookie>,
    /// What the page keeps in memory.
    pub(crate) csrf: Value,
}

impl Browser {
    /// Logs in by cookie, in a new browser.
    pub(crate) async fn new(house: &House, login: &str, password: &str) -> Self {
        let mut browser = Self::default();
        browser.login(house, login, password).await.is(StatusCode::OK);
        browser
    }

    /// Opens an account and logs in by cookie.
    pub(crate) async fn user(house: &House, name: &str) -> Self {
        house.user(name).await;
        Self::new(house, name, crate::harness::PASSWORD).await
    }

    /// Logs in by cookie, with what it has already.
    pub(crate) async fn login(&mut self, house: &House, login: &str, password: &str) -> Answer {
        let body = json!({ "login": login, "password": password, "transport": "cookie" });
        let ask = self.ask(Method::POST, "/api/v1/auth/login").header("sec-fetch-site", "same-origin").json(body);
        self.send(house, ask).await
    }

    /// Sends a request, and keeps what the answer says.
    pub(crate) async fn send(&mut self, house: &House, ask: Ask) -> Answer {
        let answer = house.send(ask).await;
        for cookie in cookies_of(&answer) {
            if cookie.is_cleared() {
                self.cookies.remove(&cookie.name);
            } else {
                self.cookies.insert(cookie.name.clone(), cookie);
            }
        }
        if answer.status == StatusCode::OK
            && let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(&answer.body)
            && body.get("csrf_access_token").is_some()
        {
            self.csrf = body;
        }
        answer
    }

    /// A request with the cookies of its path, and nothing else: what any page can make this browser send.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let ask = Ask::new(method, path);
        match self.cookies_for(path) {
            cookies if cookies.is_empty() => ask,
            cookies => ask.header("cookie", cookies),
        }
    }

    /// A request that a page of ours makes.
    pub(crate) fn page(&self, method: Method, path: &str) -> Ask {
        let kind = if path.ends_with("/auth/refresh") { "csrf_refresh_token" } else { "csrf_access_token" };
        let ask = self.ask(method, path).header("sec-fetch-site", "same-origin");
        match self.csrf[kind].as_str() {
            Some(token) => ask.header("x-csrf-token", token),
            None => ask,
        }
    }

    /// Refreshes by cookie.
    pub(crate) async fn refresh(&mut self, house: &House) -> Answer {
        let ask = self.page(Method::POST, "/api/v1/auth/refresh");
        self.send(house, ask).await
    }

    /// The session, as the page knows it.
    pub(crate) fn session(&self) -> &str {
        self.csrf["session_id"].as_str().unwrap()
    }

    /// The value of a cookie.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(|cookie| cookie.value.as_str())
    }

    /// As if the cookie had reached its age.
    pub(crate) fn drop_cookie(&mut self, name: &str) {
        self.cookies.remove(name).unwrap();
    }

    fn cookies_for(&self, path: &str) -> String {
        let belongs = |cookie: &&SetCookie| {
            let place = cookie.attribute("path").unwrap();
            place == "/" || path == place || path.starts_with(&format!("{place}/"))
        };
        let pairs = self.cookies.values().filter(belongs).map(|cookie| format!("{}={}", cookie.name, cookie.value));
        pairs.collect::<Vec<_>>().join("; ")
    }
}
