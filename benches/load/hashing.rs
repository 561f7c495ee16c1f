//! Passwords: register and login against what the hash function gives alone, and ten times too many logins.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::closed::{self, Measured, Script};
use crate::place::Place;
use crate::seed;
use crate::service::{Service, Settings};
use crate::table::{Table, Target, short};
use crate::tokens::Verify;
use crate::{Plan, open};

/// How many accounts log in.
const ACCOUNTS: usize = 64;

/// How often the hash alone, logins and registrations take turns.
const TURNS: usize = 6;

/// Token checks a second while logins flood in.
const CHECKS: f64 = 200.0;

struct Register;
/// Accounts in turn, for an account has only so many sessions.
struct LogIn(usize);

static NEXT_ACCOUNT: AtomicUsize = AtomicUsize::new(100_000);

impl Script for Register {
    fn ask(&mut self, out: &mut Vec<u8>) {
        seed::registration(out, NEXT_ACCOUNT.fetch_add(1, Ordering::Relaxed));
    }

    fn answered(&mut self, status: u16, _body: &[u8]) -> bool {
        status == 201
    }
}

impl Script for LogIn {
    fn ask(&mut self, out: &mut Vec<u8>) {
        self.0 = (self.0 + 1) % ACCOUNTS;
        seed::login(out, self.0);
    }

    fn answered(&mut self, status: u16, _body: &[u8]) -> bool {
        status == 200
    }
}

/// Login and register per second, and the overload.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !["login", "register", "overload"].iter().any(|name| plan.wants(name)) {
        return;
    }
    let place = Place::sqlite();
    let service = Settings::on(&place).start().await;
    seed::sessions(&service.address, ACCOUNTS + 1).await;
    // Two a core: one is hashed and one waits, so that nobody is refused and no core idles.
    let clients = 2 * std::thread::available_parallelism().map_or(1, usize::from);

    // In turns, so that a machine that is faster at one moment than at another is so for all.
    let (mut bares, mut wiped, mut logins, mut registered) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (as_it_comes, unwiped) = (Alone::built("as-it-comes"), Alone::built("std"));
    for _ in 0..TURNS {
        bares.push(unwiped.rate(plan.measured / 2));
        wiped.push(as_it_comes.rate(plan.measured / 2));
        logins.push(closed::run(&service, (0..clients).map(LogIn).collect(), plan.measured / 2).await);
        registered.push(closed::run(&service, (0..clients).map(|_| Register).collect(), plan.measured / 2).await);
    }
    bares.push(unwiped.rate(plan.measured / 2));
    let mean = |figures: Vec<f64>| figures.iter().sum::<f64>() / figures.len() as f64;
    let (slowest, fastest) =
        bares.iter().fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
    let (bare, wiped) = (mean(bares), mean(wiped));
    let (logins, registered) = (Measured::together(logins), Measured::together(registered));
    table.add("argon2-rust as it comes, m=19456 t=2 p=1", wiped, "hashes/s", Target::None, "alone, a thread a core");
    let notes = format!("alone, a thread a core; {slowest:.1} to {fastest:.1} in {} turns", TURNS + 1);
    table.add("… without its wipe, as the service uses it", bare, "hashes/s", Target::None, &notes);
    if plan.wants("login") {
        table.add("login", logins.rate, "/s", Target::AtLeast(0.95 * wiped), &against(&logins, wiped, bare));
    }
    if plan.wants("register") {
        table.add("register", registered.rate, "/s", Target::AtLeast(0.9 * wiped), &against(&registered, wiped, bare));
    }
    if plan.wants("overload") {
        overload(plan, table, &service, logins.rate).await;
    }
    service.kill();
    place.remove().await;
}

fn against(measured: &Measured, wiped: f64, bare: f64) -> String {
    let percent = |of: f64| 100.0 * measured.rate / of;
    format!("{:.0} % of argon2-rust, {:.0} % without its wipe; {}", percent(wiped), percent(bare), measured.notes())
}

/// `argon2-rust` in a process of its own, with nothing else going on.
struct Alone(PathBuf);

impl Alone {
    /// With a feature of the package `argon2id`.
    fn built(feature: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = root.join("target").join("argon2id").join(feature);
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--release", "--locked", "--quiet", "--features", feature, "--manifest-path"]);
        build.arg(root.join("benches").join("argon2id").join("Cargo.toml"));
        build.arg("--target-dir").arg(&target);
        assert!(build.status().expect("cargo").success(), "argon2-rust alone cannot be built");
        Self(target.join("release").join("argon2id"))
    }

    /// Hashes a second.
    fn rate(&self, measured: Duration) -> f64 {
        let ran = Command::new(&self.0).arg(measured.as_millis().to_string()).output().expect("argon2-rust alone");
        let text = String::from_utf8(ran.stdout).expect("a number");
        text.trim().parse().expect("a number")
    }
}

/// Ten times as many logins as can be served, while others present their tokens.
async fn overload(plan: &Plan, table: &mut Table, service: &Service, capacity: f64) {
    let address = service.address.as_str();
    let alone = closed::run(service, vec![LogIn(0)], plan.measured).await;
    let tokens = seed::last_session(address, ACCOUNTS).await;
    let before = service.megabytes("VmRSS");
    let requests = (0..ACCOUNTS).map(|number| {
        let mut request = Vec::new();
        seed::login(&mut request, number);
        request
    });
    let mut check = Vec::new();
    Verify::of(&[tokens]).ask(&mut check);
    let over = plan.measured * 4;
    let flood = open::run(address, requests.collect(), capacity * 10.0, over);
    let checks = open::run(address, vec![check], CHECKS, over);
    let ((mut answers, turned_away), (mut checks, _)) = tokio::join!(flood, checks);
    let checks = Measured::of(checks.remove(&204).unwrap_or_default(), 0, over);
    let after = service.megabytes("VmRSS");
    let peak = service.megabytes("VmHWM");

    let accepted = Measured::of(answers.remove(&200).unwrap_or_default(), 0, over);
    let refused = Measured::of(answers.remove(&503).unwrap_or_default(), 0, over);
    let others: usize = answers.values().map(Vec::len).sum();
    let ratio = accepted.ms(99.0) / alone.ms(99.0);
    let notes = format!("p99 {:.1} ms against {:.1} ms alone", accepted.ms(99.0), alone.ms(99.0));
    table.add("login at 10 × overload: p99 of accepted", ratio, "× unloaded", Target::AtMost(3.0), &notes);
    let notes = format!("{} refused a second, {others} other answers, {turned_away} not sent", short(refused.rate));
    table.add("… refusals (503): p99", refused.ms(99.0), "ms", Target::AtMost(50.0), &notes);
    let goodput = format!("{:.0} % of the capacity", 100.0 * accepted.rate / capacity);
    table.add("… goodput", accepted.rate, "/s", Target::AtLeast(0.8 * capacity), &goodput);
    table.add("… token checks meanwhile: p99", checks.ms(99.0), "ms", Target::AtMost(5.0), &checks.notes());
    let notes = format!("{before:.1} MB before, {after:.1} MB after, peak {peak:.1} MB");
    table.add("… resident memory grows by", (after - before).max(0.0), "MB", Target::AtMost(16.0), &notes);
}
