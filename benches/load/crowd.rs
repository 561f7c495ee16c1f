//! Ten thousand connections that say nothing, or next to nothing, beside one that works.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::Plan;
use crate::closed;
use crate::place::Place;
use crate::seed;
use crate::service::Settings;
use crate::table::{Table, Target, short};
use crate::tokens::Verify;
use crate::wire::{Wire, request};

/// As many as the service takes by default, but for those that work.
const IDLERS: usize = 9_900;
/// So many connect at once.
const AT_ONCE: usize = 200;
/// 200 MiB, in megabytes.
const MOST_MEMORY: f64 = 200.0 * 1.048_576;
/// The pause between two bytes of a head that never ends.
const TRICKLE: Duration = Duration::from_secs(1);

/// `crowd`: memory, and what somebody else's token checks take meanwhile.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("crowd") {
        return;
    }
    let place = Place::sqlite();
    // Nobody is cut off while this is measured.
    let patient = Settings::on(&place).with("PORTCULLIS__SERVER__HEADER_TIMEOUT", "10m");
    let service = patient.with_cheap_passwords().start().await;
    let tokens = seed::sessions(&service.address, 1).await;
    let worker = || vec![Verify::of(&tokens)];
    let alone = closed::run(&service, worker(), plan.measured).await;
    let before = service.megabytes("VmRSS");

    let mut crowd = tokio::task::JoinSet::new();
    let mut number = 0;
    while number < IDLERS {
        let wave = (number..IDLERS.min(number + AT_ONCE)).map(|number| idler(service.address.clone(), number));
        number += AT_ONCE;
        for idler in futures_util::future::join_all(wave).await {
            crowd.spawn(idler.stay());
        }
    }
    let beside = closed::run(&service, worker(), plan.measured).await;
    let after = service.megabytes("VmRSS");
    let left = IDLERS - std::iter::from_fn(|| crowd.try_join_next()).count();
    assert_eq!(left, IDLERS, "the service cut some off");

    let notes =
        format!("{} connections, half of them in a head that never ends; {before:.1} MB before", short(left as f64));
    table.add("a crowd: resident memory", after, "MB", Target::AtMost(MOST_MEMORY), &notes);
    let notes = format!("p99 {:.2} ms against {:.2} ms alone, one connection", beside.ms(99.0), alone.ms(99.0));
    table.add(
        "… token checks beside it: p99",
        beside.ms(99.0) / alone.ms(99.0),
        "× alone",
        Target::AtMost(2.0),
        &notes,
    );
    drop(crowd);
    service.kill();
    place.remove().await;
}

/// One of them.
enum Idler {
    /// Was answered once, and keeps its connection.
    Silent(Wire),
    /// Sends a byte now and then.
    Trickling(TcpStream),
}

async fn idler(address: String, number: usize) -> Idler {
    if number.is_multiple_of(2) {
        let mut wire = Wire::to(&address).await.expect("the service accepts");
        let mut out = Vec::new();
        request(&mut out, "GET", "/livez", "", "");
        let status = wire.call(&out).await.expect("the service answers").status;
        assert_eq!(status, 200);
        Idler::Silent(wire)
    } else {
        let mut stream = TcpStream::connect(&address).await.expect("the service accepts");
        stream.write_all(b"POST /api/v1/auth/login HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").await.expect("sent");
        Idler::Trickling(stream)
    }
}

impl Idler {
    /// Ends when the service ends it.
    async fn stay(self) {
        match self {
            Self::Silent(mut wire) => wire.closed().await,
            Self::Trickling(mut stream) => {
                let mut next = Instant::now();
                while stream.write_all(b"x").await.is_ok() {
                    next += TRICKLE;
                    sleep_until(next).await;
                }
            }
        }
    }
}
