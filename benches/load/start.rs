//! Starting: how long until ready, how much memory, how large the binary.

use std::time::Duration;

use crate::Plan;
use crate::place::Place;
use crate::service::{Settings, binary};
use crate::table::{Table, Target};

/// How often each start is repeated.
const TIMES: usize = 9;

/// Start-up, idle memory, size.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("start") {
        return;
    }
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    let (mut idle, mut own) = (0.0, 0.0);
    for round in 0..TIMES {
        let place = Place::sqlite();
        let settings = Settings::on(&place);
        let service = settings.start().await;
        fresh.push(service.ready_after);
        service.kill();
        let service = settings.start().await;
        again.push(service.ready_after);
        if round == 0 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            idle = service.megabytes("VmRSS");
            own = service.megabytes("RssAnon");
        }
        service.kill();
        place.remove().await;
    }
    add(table, "ready on a fresh database", fresh, 300.0);
    add(table, "ready on an existing database", again, 30.0);
    let notes = format!("2 s after start; {own:.1} MB of its own, the rest is the mapped binary");
    table.add("idle resident memory", idle, "MB", Target::AtMost(15.0), &notes);
    let size = std::fs::metadata(binary()).expect("the binary is there").len();
    table.add("binary", size as f64 / 1_000_000.0, "MB", Target::AtMost(30.0), "");
}

fn add(table: &mut Table, figure: &str, mut times: Vec<Duration>, target: f64) {
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let slowest = times.last().copied().unwrap_or_default();
    let notes = format!("median of {}, slowest {:.1} ms", times.len(), ms(slowest));
    table.add(figure, ms(times[times.len() / 2]), "ms", Target::AtMost(target), &notes);
}
