//! Closed loops: each connection asks again as soon as it has been answered.

use std::time::{Duration, Instant};

use crate::service::{Service, cpu_micros};
use crate::wire::Wire;

/// How long a loop runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// The pause of a connection whose answer does not count.
const LATER: Duration = Duration::from_millis(50);

/// What one connection asks, again and again.
pub(crate) trait Script: Send + 'static {
    /// Writes the next request.
    fn ask(&mut self, out: &mut Vec<u8>);
    /// Whether the answer is the one that counts.
    fn answered(&mut self, status: u16, body: &[u8]) -> bool;
}

/// What a loop measured.
#[derive(Default)]
pub(crate) struct Measured {
    /// Answers that count, a second.
    pub(crate) rate: f64,
    /// Other answers.
    pub(crate) failures: usize,
    /// Latencies of those that count, sorted.
    latencies: Vec<Duration>,
    /// CPU time an answer, of the service and of this program: what the figure is when nothing else runs.
    cpu: Option<[f64; 2]>,
}

impl Measured {
    /// Of unsorted latencies over a time.
    pub(crate) fn of(mut latencies: Vec<Duration>, failures: usize, over: Duration) -> Self {
        latencies.sort_unstable();
        let rate = latencies.len() as f64 / over.as_secs_f64();
        Self { rate, failures, latencies, cpu: None }
    }

    /// Of several runs of one length.
    pub(crate) fn together(runs: Vec<Self>) -> Self {
        let count = runs.len() as f64;
        let rate = runs.iter().map(|run| run.rate).sum::<f64>() / count;
        let failures = runs.iter().map(|run| run.failures).sum();
        let mean = |side: usize| runs.iter().filter_map(|run| run.cpu.map(|cpu| cpu[side])).sum::<f64>() / count;
        let cpu = Some([mean(0), mean(1)]);
        let mut latencies: Vec<Duration> = runs.into_iter().flat_map(|run| run.latencies).collect();
        latencies.sort_unstable();
        Self { rate, failures, latencies, cpu }
    }

    /// A percentile in milliseconds.
    pub(crate) fn ms(&self, percentile: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1) as f64;
        let index = (last * percentile / 100.0).round() as usize;
        self.latencies.get(index).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
    }

    /// For the table.
    pub(crate) fn notes(&self) -> String {
        let failures = if self.failures == 0 { String::new() } else { format!(", {} FAILED", self.failures) };
        let cpu = self.cpu.map(|[service, own]| format!(", CPU {service:.1} + {own:.1} µs each"));
        format!("p50 {:.2} ms, p99 {:.2} ms{}{failures}", self.ms(50.0), self.ms(99.0), cpu.unwrap_or_default())
    }
}

/// Runs one script a connection.
pub(crate) async fn run<S: Script>(service: &Service, scripts: Vec<S>, measured: Duration) -> Measured {
    let begin = Instant::now() + WARM_UP;
    let end = begin + measured;
    let mut tasks = tokio::task::JoinSet::new();
    for mut script in scripts {
        let mut wire = Wire::to(&service.address).await.expect("the service accepts");
        tasks.spawn(async move {
            let mut request = Vec::with_capacity(4_096);
            let mut latencies = Vec::with_capacity(16_384);
            let mut failures = 0;
            loop {
                script.ask(&mut request);
                let asked = Instant::now();
                if asked >= end {
                    return (latencies, failures);
                }
                let reply = wire.call(&request).await.expect("the service answers");
                let answered = Instant::now();
                let counts = script.answered(reply.status, reply.body);
                if (begin..=end).contains(&answered) {
                    if counts { latencies.push(answered - asked) } else { failures += 1 }
                }
                if !counts {
                    // Whoever is refused comes back later, not at once.
                    tokio::time::sleep(LATER).await;
                }
            }
        });
    }
    tokio::time::sleep_until(begin.into()).await;
    let before = [cpu_micros(service.pid()), cpu_micros(std::process::id())];
    tokio::time::sleep_until(end.into()).await;
    let after = [cpu_micros(service.pid()), cpu_micros(std::process::id())];
    let (mut latencies, mut failures) = (Vec::new(), 0);
    while let Some(task) = tasks.join_next().await {
        let (mine, failed) = task.expect("no connection broke");
        latencies.extend(mine);
        failures += failed;
    }
    let answers = latencies.len() as f64;
    let cpu = [(after[0] - before[0]) / answers, (after[1] - before[1]) / answers];
    Measured { cpu: Some(cpu), ..Measured::of(latencies, failures, measured) }
}
