//! Is the service alive, and can it serve?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use poem::http::{Method, StatusCode};
use poem::{Body, Endpoint, Request};
use portcullis_http::{Check, Health};
use serde_json::json;

use crate::harness::{Answer, Ask, House, Plan};
use crate::logs::Log;

fn check(name: &'static str, required: bool, outcome: Result<(), &'static str>) -> Check {
    let probe = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
        Box::pin(async move { outcome.map_err(str::to_owned) })
    };
    Check { name, required, probe: Arc::new(probe) }
}

async fn house(checks: Vec<Check>) -> House {
    House::build(Plan { health: checks, ..Plan::default() }).await
}

#[tokio::test]
async fn a_healthy_service_is_alive_and_ready() {
    let house = house(vec![check("database", true, Ok(()))]).await;
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(house.send(Ask::get(path)).await.is(StatusCode::OK).json(), json!({ "status": "ok" }));
    }
}

#[tokio::test]
async fn a114_the_checks_are_listed_without_details() {
    let secret = "postgres://user:secret@10.0.0.1/";
    let house = house(vec![check("database", true, Err(secret)), check("broker", false, Ok(()))]).await;
    for path in ["/readyz", "/healthz"] {
        let answer = house.send(Ask::get(path)).await.is(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.json(), json!({ "status": "unavailable" }));
        assert_eq!(answer.header("retry-after"), Some("1"));
        let verbose = house.send(Ask::get(&format!("{path}?verbose"))).await.is(StatusCode::SERVICE_UNAVAILABLE);
        let checks = json!([
            { "name": "database", "required": true, "status": "failed" },
            { "name": "broker", "required": false, "status": "ok" },
        ]);
        assert_eq!(verbose.json(), json!({ "status": "unavailable", "checks": checks }));
    }
    house.send(Ask::get("/livez")).await.is(StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_required_only_degrades() {
    let house = house(vec![check("database", true, Ok(())), check("broker", false, Err("away"))]).await;
    assert_eq!(house.send(Ask::get("/readyz")).await.is(StatusCode::OK).json(), json!({ "status": "degraded" }));
}

#[tokio::test]
async fn a_draining_service_is_not_ready_but_alive_and_serves() {
    let house = house(vec![check("database", true, Ok(()))]).await;
    house.health.drain();
    let answer = house.send(Ask::get("/readyz")).await.is(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json(), json!({ "status": "draining" }));
    house.send(Ask::get("/livez")).await.is(StatusCode::OK);
    house.user("ada").await;
}

#[tokio::test]
async fn probes_are_not_passed_on_to_the_database() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let probe = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
        let counter = counter.clone();
        Box::pin(async move {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        })
    };
    let house = house(vec![Check { name: "database", required: true, probe: Arc::new(probe) }]).await;
    let asks = (0..200).map(|_| house.send(Ask::get("/readyz")));
    for answer in futures_util::future::join_all(asks).await {
        answer.is(StatusCode::OK);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    house.send(Ask::get("/readyz")).await.is(StatusCode::OK);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_outage_of_a_part_is_told_when_it_begins_and_when_it_is_over() {
    let away = Arc::new(AtomicBool::new(true));
    let switch = away.clone();
    let probe = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
        let away = switch.load(Ordering::SeqCst);
        Box::pin(async move { if away { Err("192.0.2.7:5432 refused".to_owned()) } else { Ok(()) } })
    };
    let checks = vec![
        check("broker", false, Err("away for good")),
        Check { name: "database", required: true, probe: Arc::new(probe) },
    ];
    let house = house(checks).await;
    let (log, _guard) = Log::listen(tracing::Level::INFO);
    for is_away in [true, true, false, false, true] {
        away.store(is_away, Ordering::SeqCst);
        let status = if is_away { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        house.send(Ask::get("/readyz")).await.is(status);
        tokio::time::sleep(Duration::from_millis(1_010)).await;
    }
    let told: Vec<_> = log.warnings().iter().map(|line| (line["check"].clone(), line["message"].clone())).collect();
    let (failed, good) = (json!("a health check failed"), json!("a health check that failed is good again"));
    let (broker, database) = (json!("broker"), json!("database"));
    let expected =
        [(broker, failed.clone()), (database.clone(), failed.clone()), (database.clone(), good), (database, failed)];
    assert_eq!(told, expected);
    assert_eq!(log.warnings()[1]["error"], "192.0.2.7:5432 refused", "what is missing");
}

async fn manage(endpoint: &impl Endpoint, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path.parse().unwrap()).body(Body::empty());
    Answer::read(endpoint.get_response(request).await).await
}

#[tokio::test]
async fn operators_see_metrics_and_the_reason_of_a_failed_check() {
    let health = Arc::new(Health::new(vec![check("database", true, Err("connection refused"))]));
    let endpoint = portcullis_http::management(Arc::new(|| "x_total 1\n".to_owned()), health);
    let metrics = manage(&endpoint, Method::GET, "/metrics").await.is(StatusCode::OK);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(metrics.text(), "x_total 1\n");
    let ready = manage(&endpoint, Method::GET, "/readyz?verbose").await.is(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["checks"][0]["error"], "connection refused");
    manage(&endpoint, Method::GET, "/livez").await.is(StatusCode::OK);
    manage(&endpoint, Method::GET, "/api/v1/me").await.is(StatusCode::NOT_FOUND);
    let refused = manage(&endpoint, Method::POST, "/metrics").await.is(StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
}
