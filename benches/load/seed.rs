//! Accounts and sessions to work with.

use crate::wire::{JSON, Wire, request, text};

/// Tokens of a session.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// The access token.
    pub(crate) access: String,
    /// The refresh token.
    pub(crate) refresh: String,
}

impl Tokens {
    /// From the answer to a login or a refresh.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        Some(Self { access: text(body, "access_token")?.to_owned(), refresh: text(body, "refresh_token")?.to_owned() })
    }
}

/// The password of every account here.
pub(crate) const PASSWORD: &str = "pw-5f2c81d09ae7b364-load";

/// A registration of a number.
pub(crate) fn registration(out: &mut Vec<u8>, number: usize) {
    let body = format!(r#"{{"email":"load{number}@example.com","password":"{PASSWORD}"}}"#);
    request(out, "POST", "/api/v1/auth/register", JSON, &body);
}

/// A login of a number.
pub(crate) fn login(out: &mut Vec<u8>, number: usize) {
    let body = format!(r#"{{"login":"load{number}@example.com","password":"{PASSWORD}"}}"#);
    request(out, "POST", "/api/v1/auth/login", JSON, &body);
}

/// A login of a number with a password that is not the account's.
pub(crate) fn wrong_login(out: &mut Vec<u8>, number: usize) {
    let body = format!(r#"{{"login":"load{number}@example.com","password":"not-{PASSWORD}"}}"#);
    request(out, "POST", "/api/v1/auth/login", JSON, &body);
}

/// A refresh.
pub(crate) fn refresh(out: &mut Vec<u8>, token: &str) {
    let body = format!(r#"{{"refresh_token":"{token}"}}"#);
    request(out, "POST", "/api/v1/auth/refresh", JSON, &body);
}

/// Opens so many accounts, and signs each in.
pub(crate) async fn sessions(address: &str, count: usize) -> Vec<Tokens> {
    let mut wire = Wire::to(address).await.expect("the service accepts");
    let mut out = Vec::new();
    let mut sessions = Vec::with_capacity(count);
    for number in 0..count {
        registration(&mut out, number);
        let status = wire.call(&out).await.expect("the service answers").status;
        assert!(status == 201 || status == 409, "a registration was answered {status}");
        login(&mut out, number);
        let reply = wire.call(&out).await.expect("the service answers");
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(reply.body));
        sessions.push(Tokens::of(reply.body).expect("tokens"));
    }
    sessions
}

/// A session of an account that exists.
pub(crate) async fn last_session(address: &str, number: usize) -> Tokens {
    let mut wire = Wire::to(address).await.expect("the service accepts");
    let mut out = Vec::new();
    login(&mut out, number);
    let reply = wire.call(&out).await.expect("the service answers");
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(reply.body));
    Tokens::of(reply.body).expect("tokens")
}
