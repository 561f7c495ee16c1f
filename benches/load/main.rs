//! The load generator behind the README's figures: it starts the release binary, drives it over loopback on the
//! same cores, and prints one table. `cargo bench --bench load [-- words]` runs the scenarios whose names contain
//! one of the words; `PORTCULLIS_BENCH_SECONDS` sets how long each closed loop is measured.

mod closed;
mod crowd;
mod drain;
mod hashing;
mod keys;
mod line;
mod open;
mod place;
mod plans;
mod populate;
mod race;
mod revoke;
mod scale;
mod seed;
mod service;
mod start;
mod table;
mod timing;
mod tokens;
mod wire;

use std::time::Duration;

use table::Table;

/// How many keep-alive connections a closed loop has.
pub(crate) const CONNECTIONS: usize = 64;

/// What this run does.
pub(crate) struct Plan {
    words: Vec<String>,
    /// How long a closed loop is measured.
    pub(crate) measured: Duration,
}

impl Plan {
    fn from_process() -> Self {
        let seconds = place::variable("PORTCULLIS_BENCH_SECONDS").and_then(|text| text.parse().ok()).unwrap_or(5);
        let words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        Self { words, measured: Duration::from_secs(seconds) }
    }

    /// Whether a scenario belongs to this run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| scenario.contains(word.as_str()))
    }
}

fn main() {
    let plan = Plan::from_process();
    let mut table = Table::default();
    // One thread: the service needs the cores more than the generator does.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        start::run(&plan, &mut table).await;
        hashing::run(&plan, &mut table).await;
        timing::run(&plan, &mut table).await;
        tokens::run(&plan, &mut table).await;
        race::run(&plan, &mut table).await;
        drain::run(&plan, &mut table).await;
        revoke::run(&plan, &mut table).await;
        keys::run(&plan, &mut table).await;
        crowd::run(&plan, &mut table).await;
        scale::run(&plan, &mut table).await;
    });
    table.print();
}
