//! What operators count.

use metrics_exporter_prometheus::PrometheusBuilder;
use poem::http::Method;
use portcullis_domain::ports::limits::Quota;
use portcullis_http::Quotas;

use crate::harness::{Ask, House, Plan};

#[test]
fn refusals_of_the_limits_are_counted_by_rule() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let adjust = |settings: &mut portcullis_http::HttpSettings| {
                let twice = Quota { burst: 2, period: std::time::Duration::from_secs(60) };
                settings.quotas = Quotas { other: Some(twice), ..Quotas::default() };
            };
            let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
            for _ in 0..5 {
                house.send(Ask::get("/api/v1/me")).await;
            }
        });
    });
    let text = handle.render();
    assert!(text.contains("http_requests_limited_total{rule=\"other\"} 3"), "{text}");
}

#[test]
fn requests_are_counted_by_route_pattern_method_and_class() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let house = House::new().await;
            let access = house.user("ada").await.access;
            for session in ["x", "y", "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001"] {
                let path = format!("/api/v1/me/sessions/{session}?secret=canary");
                house.send(Ask::new(Method::DELETE, &path).bearer(&access)).await;
            }
            for path in ["/canary-1", "/canary-2", "/api/v1/canary"] {
                house.send(Ask::new(Method::from_bytes(b"CANARY").unwrap(), path)).await;
            }
            house.send(Ask::new(Method::HEAD, "/livez")).await;
        });
    });
    let text = handle.render();
    let count = |labels: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("http_requests_total{{{labels}}}")));
        line.map(|line| line.rsplit(' ').next().unwrap().to_owned())
    };
    let expected = [
        ("route=\"/api/v1/me/sessions/{id}\",method=\"DELETE\",status=\"4xx\"", "3"),
        ("route=\"/api/v1/auth/register\",method=\"POST\",status=\"2xx\"", "1"),
        ("route=\"none\",method=\"any\",status=\"4xx\"", "3"),
        ("route=\"/livez\",method=\"GET\",status=\"2xx\"", "1"),
    ];
    for (labels, value) in expected {
        assert_eq!(count(labels).as_deref(), Some(value), "{labels} in\n{text}");
    }
    assert!(text.contains("http_request_duration_seconds"));
    assert!(!text.to_lowercase().contains("canary"), "labels never hold what a client chose");
}
