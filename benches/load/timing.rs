//! Does the time of a refused login tell whether the name exists?

use std::time::{Duration, Instant};

use crate::closed::Measured;
use crate::place::Place;
use crate::service::Settings;
use crate::table::{Table, Target};
use crate::wire::Wire;
use crate::{Plan, seed};

/// Logins in all, half of them at accounts that exist.
const LOGINS: usize = 2_000;
/// Each account is aimed at less often than failures begin to cost a wait.
const ACCOUNTS: usize = 100;

/// Wrong passwords at known and unknown names in turn, and how far apart the medians are.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("timing") {
        return;
    }
    let place = Place::sqlite();
    let service = Settings::on(&place).start().await;
    seed::sessions(&service.address, ACCOUNTS).await;
    let mut wire = Wire::to(&service.address).await.expect("the service accepts");
    let (mut known, mut unknown) = (Vec::with_capacity(LOGINS / 2), Vec::with_capacity(LOGINS / 2));
    let mut request = Vec::new();
    for number in 0..LOGINS {
        // Of two neighbours each is first as often as the other.
        let exists = (number + number / 2) % 2 == 0;
        let account = number / 2;
        let account = if exists { account % ACCOUNTS } else { 500_000 + account % ACCOUNTS };
        seed::wrong_login(&mut request, account);
        let asked = Instant::now();
        let status = wire.call(&request).await.expect("the service answers").status;
        let took = asked.elapsed();
        assert_eq!(status, 401, "a wrong password is refused as one");
        if exists { known.push(took) } else { unknown.push(took) }
    }
    let whole = Duration::from_secs(1);
    let (known, unknown) = (Measured::of(known, 0, whole), Measured::of(unknown, 0, whole));
    let (a, b) = (known.ms(50.0), unknown.ms(50.0));
    let apart = 100.0 * (a - b).abs() / b;
    let notes = format!("{LOGINS} logins, median {a:.3} ms known, {b:.3} ms unknown");
    table.add("timing: known against unknown users", apart, "%", Target::AtMost(2.0), &notes);
    service.kill();
    place.remove().await;
}
