//! scratch: deleted before hand-over
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
use std::sync::Arc;
use std::time::Duration;
use poem::listener::TcpListener;
use poem::Server;
use portcullis_domain::App;
use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::SessionPolicy;
use portcullis_domain::tokens::{Algorithm, Scope};
use portcullis_http::*;
use portcullis_memory::*;
use portcullis_tokens::*;
use portcullis_system::*;

#[tokio::main]
async fn main() {
    let random = Arc::new(SystemRandomness);
    let clock = Arc::new(SystemClock);
    let issuer = "http://127.0.0.1:8099".to_owned();
    let ring = Arc::new(TokenRing::new(portcullis_tokens::TokenSettings { issuer: issuer.clone(), audience: "api".into(), algorithm: Algorithm::Es256 }, random.clone()));
    let cached = Arc::new(CachedVerifier::new(ring.clone(), ring.epochs(), 10_000));
    let policy = Arc::new(LaxPolicy);
    let ports = Ports {
        store: Arc::new(MemoryStore::new(random.clone())),
        hasher: Arc::new(PlainHasher::new(random.clone())),
        policy,
        vault: Arc::new(MasterVault::new(&[1; 32])),
        issuer: ring.clone(), verifier: cached, keys: ring,
        refresh_tokens: Arc::new(SealedRefreshTokens::new(&[2; 32])),
        revocations: Arc::new(MemoryRevocations::new()),
        clock: clock.clone(), random: random.clone(),
    };
    let day = Duration::from_secs(86400);
    let sessions = SessionPolicy { access_ttl: Duration::from_secs(900), idle_ttl: 30*day, absolute_ttl: 90*day, reuse_grace: Duration::from_secs(10), announce_refreshes: false };
    let app = Arc::new(App::new(ports, Settings { issuer: issuer.clone(), audience: "api".into(), sessions }));
    app.tokens.open_keys(&[Algorithm::Es256, Algorithm::V4Public]).await.unwrap();
    let settings = Arc::new(HttpSettings {
        issuer, first_party_client: "portcullis".into(), first_party_scope: Scope::parse("account").unwrap(),
        clients: vec![Client { id: "gateway".into(), secret: SecretString::new("secret".into()) }, Client { id: "portcullis".into(), secret: SecretString::new("secret".into()) }],
        body_limit: 65536, request_timeout: Duration::from_secs(10), access_log: false, version: "0.1.0", clock, random,
    });
    if std::env::args().nth(1).as_deref() == Some("openapi") { println!("{}", openapi(&settings)); return; }
    if std::env::args().nth(1).as_deref() == Some("log") { tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).init(); }
    let health = Arc::new(Health::new(vec![Check { name: "database", required: true, probe: Arc::new(|| Box::pin(async { Ok(()) })) }]));
    Server::new(TcpListener::bind("127.0.0.1:8099")).run(public(app, settings, health)).await.unwrap();
}
