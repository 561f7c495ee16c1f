//! Requests without a socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::body::Bytes;
use poem::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use poem::http::uri::Scheme;
use poem::http::{self, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Body, Endpoint, Request, RequestParts};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::access::ApiKey;
use super::browser::Browser;
use super::service::TestService;

/// Whom requests without a socket come from.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 49_152);

impl TestService {
    /// Sends a request as it is, and reads the whole answer. `Host` is added where it is missing.
    ///
    /// # Panics
    /// When the body of the answer breaks off.
    pub async fn call<B: Into<Bytes>>(&self, request: http::Request<B>) -> http::Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        if !parts.headers.contains_key(HOST) {
            let host = self.issuer().split("://").nth(1).and_then(|rest| rest.split('/').next());
            let host = HeaderValue::from_str(host.unwrap_or_default()).expect("an issuer has a host");
            parts.headers.insert(HOST, host);
        }
        let (local, remote) = (LocalAddr::default(), RemoteAddr(Addr::from(PEER)));
        let parts = RequestParts::from((parts, local, remote, Scheme::HTTP));
        let body: Bytes = body.into();
        let mut answer = self.answers.get_response(Request::from_parts(parts, Body::from(body))).await;
        let body = answer.take_body().into_bytes().await.expect("the answer is whole");
        let mut whole = http::Response::new(body);
        (*whole.status_mut(), *whole.headers_mut()) = (answer.status(), std::mem::take(answer.headers_mut()));
        whole
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
        Call::new(self, None, method, path)
    }
}

/// A request in the making.
pub struct Call<'a> {
    service: &'a TestService,
    browser: Option<&'a Browser<'a>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl<'a> Call<'a> {
    pub(super) fn new(service: &'a TestService, browser: Option<&'a Browser<'a>>, method: Method, path: &str) -> Self {
        let uri = path.parse().unwrap_or_else(|error| panic!("{path:?} is no path: {error}"));
        Self { service, browser, method, uri, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// One more header.
    ///
    /// # Panics
    /// When HTTP has no such name or value.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        let value = HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.headers.append(name, value);
        self
    }

    /// With an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// With an API key.
    #[must_use]
    pub fn api_key(self, key: &ApiKey) -> Self {
        self.header("x-api-key", &key.key)
    }

    /// With a body of JSON.
    ///
    /// # Panics
    /// When JSON has no such value.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the body is JSON");
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body)
    }

    /// With the fields of a form.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded").body(body)
    }

    /// With any body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it.
    pub async fn send(mut self) -> Answer {
        if let Some(browser) = self.browser {
            browser.dress(&self.method, self.uri.path(), &mut self.headers);
        }
        let mut request = http::Request::new(self.body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (self.method, self.uri, self.headers);
        let (parts, body) = self.service.call(request).await.into_parts();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        if let Some(browser) = self.browser {
            browser.keep(&answer);
        }
        answer
    }
}

/// An answer with its body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The answer, when it has this status.
    ///
    /// # Panics
    /// When it has another one: with the body, which says why.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// The body as text; bytes that are none are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is no such thing.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The first header of this name, when it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
