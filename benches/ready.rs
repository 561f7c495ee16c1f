//! How soon a service in a test is ready: `cargo bench --bench ready`. With `--profile dev`, as most test suites are built.

use std::time::{Duration, Instant};

use portcullis::testing::TestService;

/// How many services are started.
const SERVICES: usize = 300;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut started: Vec<Duration> = (0..SERVICES).map(|_| runtime.block_on(start())).collect();
    let first = started.first().copied().unwrap_or_default();
    started.sort_unstable();
    let at = |hundredth: usize| started.get(SERVICES * hundredth / 100).copied().unwrap_or_default();
    tell(&format!("ready after: first {first:.1?}, p50 {:.1?}, p99 {:.1?} of {SERVICES}", at(50), at(99)));
}

/// From nothing to the first answer.
async fn start() -> Duration {
    let began = Instant::now();
    let service = TestService::start().await;
    service.get("/readyz").send().await.expect(200);
    let ready = began.elapsed();
    drop(service);
    ready
}

#[expect(clippy::print_stdout, reason = "the figure is what this program is for")]
fn tell(line: &str) {
    println!("{line}");
}
