//! API keys: checked on our own endpoint, on both databases.

use crate::closed;
use crate::place::Place;
use crate::seed;
use crate::service::{Service, Settings};
use crate::table::{Table, Target};
use crate::tokens::Verify;
use crate::wire::{JSON, Wire, request, text};
use crate::{CONNECTIONS, Plan};

/// `api-key`: each connection presents a key of its own, of an account of its own.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("api-key") {
        return;
    }
    for (place, name) in [(Place::sqlite(), "SQLite"), (Place::postgres().await, "PostgreSQL")] {
        let service = Settings::on(&place).with_cheap_passwords().start().await;
        let scripts =
            keys(&service).await.into_iter().map(|key| Verify::with([format!("x-api-key: {key}\r\n")].into_iter()));
        let measured = closed::run(&service, scripts.collect(), plan.measured).await;
        let figure = format!("auth/verify with an API key, {name}");
        table.add(&figure, measured.rate, "/s", Target::AtLeast(10_000.0), &measured.notes());
        service.kill();
        place.remove().await;
    }
}

async fn keys(service: &Service) -> Vec<String> {
    let mut wire = Wire::to(&service.address).await.expect("the service accepts");
    let (mut out, mut keys) = (Vec::new(), Vec::new());
    for tokens in seed::sessions(&service.address, CONNECTIONS).await {
        let headers = format!("authorization: Bearer {}\r\n{JSON}", tokens.access);
        request(&mut out, "POST", "/api/v1/me/api-keys", &headers, r#"{"name":"bench","permissions":[]}"#);
        let reply = wire.call(&out).await.expect("the service answers");
        assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(reply.body));
        keys.push(text(reply.body, "key").expect("a key").to_owned());
    }
    keys
}
