//! Logs and metrics.

use std::io::IsTerminal;
use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Renders the metrics in the Prometheus text format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What [`level`] reads.
pub(crate) const LEVELS: &str = "error, warn, info, debug, trace or off, or a list like warn,portcullis_http=debug";

/// Reads a level, or a list of pairs of a target and its level in which one level may be for all the others.
pub(crate) fn level(text: &str) -> Option<Targets> {
    let level = |text: &str| {
        let text = text.to_ascii_lowercase();
        let known = matches!(text.as_str(), "error" | "warn" | "info" | "debug" | "trace" | "off");
        known.then(|| text.parse::<LevelFilter>().ok()).flatten()
    };
    // A plain level is about this service; what its libraries tell beyond warnings is for who asks by a list.
    if let Some(own) = level(text).filter(|own| (LevelFilter::ERROR..=LevelFilter::DEBUG).contains(own)) {
        return Some(Targets::new().with_default(LevelFilter::WARN).with_target("portcullis", own));
    }
    let mut targets = Targets::new().with_default(LevelFilter::WARN);
    for part in text.split(',').map(str::trim) {
        targets = match part.split_once('=') {
            None => targets.with_default(level(part)?),
            Some((target, own)) if !target.is_empty() && !target.contains(char::is_whitespace) => {
                targets.with_target(target, level(own)?)
            }
            Some(_) => return None,
        };
    }
    Some(targets)
}

/// Starts logging to standard output.
pub fn start_log(log: &Log) {
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(log.level.clone());
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
}

/// Starts collecting metrics; `None` when another service of this process collects them.
pub fn start_metrics() -> Option<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS).ok()?;
    builder.install_recorder().ok()
}
