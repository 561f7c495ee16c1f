//! A client that keeps cookies.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use poem::http::header::{COOKIE, ORIGIN, SET_COOKIE};
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::account::Account;
use super::call::{Answer, Call};
use super::service::TestService;

const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
/// The page's own calls to these are about the refresh cookie.
const REFRESH: &str = "/api/v1/auth/refresh";

/// What a page of the service's own origin does: it keeps the cookies of answers and sends them along, says where it
/// is (`Origin`), and adds the CSRF token of its session to what changes something. Headers that a test sets itself
/// stay as they are.
///
/// Cookies live as long as the service's clock says and in the paths that they are for.
pub struct Browser<'a> {
    service: &'a TestService,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    cookies: BTreeMap<String, Cookie>,
    csrf: Csrf,
}

#[derive(Default)]
struct Csrf {
    access: Option<String>,
    refresh: Option<String>,
}

struct Cookie {
    value: String,
    path: String,
    /// In microseconds since 1970; none for one that ends with the browser.
    ends: Option<i64>,
}

impl TestService {
    /// A browser without any cookies, on a page of the service's own origin.
    pub fn browser(&self) -> Browser<'_> {
        Browser { service: self, inner: Mutex::default() }
    }
}

impl Browser<'_> {
    /// Logs in with cookies.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn log_in(&self, account: &Account) {
        let body = json!({ "login": account.email, "password": account.password, "transport": "cookie" });
        self.post("/api/v1/auth/login").json(&body).send().await.expect(200);
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    /// `POST`.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.request(Method::POST, path)
    }

    /// `PUT`.
    pub fn put(&self, path: &str) -> Call<'_> {
        self.request(Method::PUT, path)
    }

    /// `PATCH`.
    pub fn patch(&self, path: &str) -> Call<'_> {
        self.request(Method::PATCH, path)
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.request(Method::DELETE, path)
    }

    /// Any method.
    ///
    /// # Panics
    /// When the path is none.
    pub fn request(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(self.service, Some(self), method, path)
    }

    /// The value of a cookie, as long as there is one.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let now = self.now();
        self.lock().cookies.get(name).filter(|cookie| cookie.lives(now)).map(|cookie| cookie.value.clone())
    }

    /// The CSRF token that goes with the access cookie, as the last login or refresh gave it.
    pub fn csrf_token(&self) -> Option<String> {
        self.lock().csrf.access.clone()
    }

    /// What a browser adds to a request.
    pub(super) fn dress(&self, method: &Method, path: &str, headers: &mut HeaderMap) {
        let now = self.now();
        let inner = self.lock();
        let sent = |cookie: &&Cookie| cookie.lives(now) && cookie.is_for(path);
        let cookies = inner.cookies.iter().filter(|(_, cookie)| sent(cookie));
        let cookies: Vec<String> = cookies.map(|(name, cookie)| format!("{name}={}", cookie.value)).collect();
        let csrf = if path == REFRESH { &inner.csrf.refresh } else { &inner.csrf.access };
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
        let added = [
            (COOKIE, (!cookies.is_empty()).then(|| cookies.join("; "))),
            (ORIGIN, (!is_safe).then(|| self.service.issuer().to_owned())),
            (CSRF, csrf.clone().filter(|_| !is_safe)),
        ];
        for (name, value) in added {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.entry(name).or_insert(value);
            }
        }
    }

    /// What a browser, and the page in it, keep of an answer.
    pub(super) fn keep(&self, answer: &Answer) {
        let now = self.now();
        let mut inner = self.lock();
        for header in answer.headers.get_all(SET_COOKIE) {
            if let Some((name, cookie)) = header.to_str().ok().and_then(|text| Cookie::parse(text, now)) {
                inner.cookies.insert(name, cookie);
            }
        }
        inner.cookies.retain(|_, cookie| cookie.lives(now));
        if let Ok(body) = serde_json::from_slice::<Value>(&answer.body) {
            let text = |name: &str| body[name].as_str().map(str::to_owned);
            if let (Some(access), Some(refresh)) = (text("csrf_access_token"), text("csrf_refresh_token")) {
                inner.csrf = Csrf { access: Some(access), refresh: Some(refresh) };
            }
        }
    }

    fn now(&self) -> i64 {
        use portcullis_domain::ports::ambient::Clock;
        self.service.clock().now().as_unix_micros()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cookie {
    /// `Set-Cookie` as RFC 6265 §5.2 reads it, as far as this service writes it.
    fn parse(text: &str, now: i64) -> Option<(String, Self)> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self { value: value.to_owned(), path: "/".to_owned(), ends: None };
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            if attribute.eq_ignore_ascii_case("path") {
                value.clone_into(&mut cookie.path);
            } else if attribute.eq_ignore_ascii_case("max-age") {
                let seconds: i64 = value.parse().ok()?;
                cookie.ends = Some(now.saturating_add(seconds.saturating_mul(1_000_000)));
            }
        }
        Some((name.to_owned(), cookie))
    }

    fn lives(&self, now: i64) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }

    /// RFC 6265 §5.1.4.
    fn is_for(&self, path: &str) -> bool {
        let folder = self.path.trim_end_matches('/');
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
