//! Tokens: refresh on both databases, introspection, forward authentication.

use base64::Engine;

use crate::closed::{self, Script};
use crate::place::Place;
use crate::seed::{self, Tokens};
use crate::service::{CLIENT, Service, Settings};
use crate::table::{Table, Target};
use crate::wire::{request, text};
use crate::{CONNECTIONS, Plan};

/// How many different access tokens a connection presents in turn.
const TOKENS_EACH: usize = 16;

/// A chain of refresh tokens.
struct Refresh(String);

impl Script for Refresh {
    fn ask(&mut self, out: &mut Vec<u8>) {
        seed::refresh(out, &self.0);
    }

    fn answered(&mut self, status: u16, body: &[u8]) -> bool {
        match text(body, "refresh_token") {
            Some(next) if status == 200 => {
                self.0.clear();
                self.0.push_str(next);
                true
            }
            _ => false,
        }
    }
}

/// Requests that were written before the clock started.
struct Prepared {
    requests: Vec<Vec<u8>>,
    next: usize,
    status: u16,
    must_contain: &'static str,
}

impl Script for Prepared {
    fn ask(&mut self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.requests[self.next]);
        self.next = (self.next + 1) % self.requests.len();
    }

    fn answered(&mut self, status: u16, body: &[u8]) -> bool {
        let needle = self.must_contain.as_bytes();
        status == self.status && (needle.is_empty() || body.windows(needle.len()).any(|window| window == needle))
    }
}

/// Forward authentication.
pub(crate) struct Verify(Prepared);

impl Verify {
    /// With these tokens in turn.
    pub(crate) fn of(tokens: &[Tokens]) -> Self {
        Self::with(tokens.iter().map(|tokens| format!("authorization: Bearer {}\r\n", tokens.access)))
    }

    /// With these headers in turn.
    pub(crate) fn with(headers: impl Iterator<Item = String>) -> Self {
        let requests = headers.map(|header| {
            let mut out = Vec::new();
            request(&mut out, "GET", "/api/v1/auth/verify", &header, "");
            out
        });
        Self(Prepared { requests: requests.collect(), next: 0, status: 204, must_contain: "" })
    }
}

impl Script for Verify {
    fn ask(&mut self, out: &mut Vec<u8>) {
        self.0.ask(out);
    }

    fn answered(&mut self, status: u16, body: &[u8]) -> bool {
        self.0.answered(status, body)
    }
}

fn introspect(tokens: &[Tokens]) -> Prepared {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1));
    let headers = format!("authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n");
    let requests = tokens.iter().map(|tokens| {
        let mut out = Vec::new();
        request(&mut out, "POST", "/oauth2/introspect", &headers, &format!("token={}", tokens.access));
        out
    });
    Prepared { requests: requests.collect(), next: 0, status: 200, must_contain: "\"active\":true" }
}

/// The closed loops of 64 connections.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if plan.wants("refresh-sqlite") || plan.wants("introspect") || plan.wants("verify") {
        on_sqlite(plan, table).await;
    }
    if plan.wants("refresh-postgres") {
        let place = Place::postgres().await;
        let service = Settings::on(&place).with_cheap_passwords().start().await;
        refresh(plan, table, &service, "refresh, PostgreSQL, synchronous_commit=on", 3_000.0).await;
        service.kill();
        place.remove().await;
    }
}

async fn on_sqlite(plan: &Plan, table: &mut Table) {
    let place = Place::sqlite();
    let service = Settings::on(&place).with_cheap_passwords().start().await;
    if plan.wants("refresh-sqlite") {
        refresh(plan, table, &service, "refresh, SQLite, synchronous=FULL", 5_000.0).await;
    }
    if plan.wants("introspect") || plan.wants("verify") {
        let held = many_tokens(&service.address).await;
        if plan.wants("introspect") {
            let scripts = held.iter().map(|tokens| introspect(tokens)).collect();
            let measured = closed::run(&service, scripts, plan.measured).await;
            table.add("introspect", measured.rate, "/s", Target::AtLeast(50_000.0), &measured.notes());
        }
        if plan.wants("verify") {
            let scripts = held.iter().map(|tokens| Verify::of(tokens)).collect();
            let measured = closed::run(&service, scripts, plan.measured).await;
            table.add("auth/verify", measured.rate, "/s", Target::AtLeast(60_000.0), &measured.notes());
        }
    }
    let notes = format!("peak {:.1} MB", service.megabytes("VmHWM"));
    table.add("resident after these loops", service.megabytes("VmRSS"), "MB", Target::None, &notes);
    service.kill();
    place.remove().await;
}

async fn refresh(plan: &Plan, table: &mut Table, service: &Service, figure: &str, target: f64) {
    let sessions = seed::sessions(&service.address, CONNECTIONS).await;
    let scripts = sessions.into_iter().map(|tokens| Refresh(tokens.refresh)).collect();
    let measured = closed::run(service, scripts, plan.measured).await;
    table.add(figure, measured.rate, "/s", Target::AtLeast(target), &measured.notes());
}

/// Several access tokens for each connection, of sessions of their own.
async fn many_tokens(address: &str) -> Vec<Vec<Tokens>> {
    let all = seed::sessions(address, CONNECTIONS * TOKENS_EACH).await;
    all.chunks(TOKENS_EACH).map(<[Tokens]>::to_vec).collect()
}
