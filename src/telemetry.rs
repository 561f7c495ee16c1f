//! Logs and metrics.

use std::io::IsTerminal;
use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigError, Log, LogFormat};

/// Renders the metrics in the Prometheus text format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Starts logging to standard output.
pub fn start_log(log: &Log) -> Result<(), ConfigError> {
    // A plain level is about this service; what its libraries tell beyond warnings is for who asks by a filter.
    let directives = match log.level.as_str() {
        level @ ("error" | "warn" | "info" | "debug") => format!("warn,portcullis={level}"),
        other => other.to_owned(),
    };
    let filter: Targets = directives
        .parse()
        .map_err(|error| ConfigError::new("log.level", &log.level, format!("is not a level or filter: {error}")))?;
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let started = if json {
        let layer =
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
        registry.with(layer).try_init()
    } else {
        let ansi = std::io::stdout().is_terminal();
        registry.with(tracing_subscriber::fmt::layer().with_target(false).with_ansi(ansi)).try_init()
    };
    // A second service in one process logs where the first one does.
    drop(started);
    Ok(())
}

/// Starts collecting metrics; `None` when another service of this process collects them.
pub fn start_metrics() -> Option<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS).ok()?;
    builder.install_recorder().ok()
}
