//! One refresh token, used a thousand times at once on three replicas, again and again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::Plan;
use crate::closed::Measured;
use crate::place::{Place, variable};
use crate::seed::{self, Tokens};
use crate::service::Settings;
use crate::table::{Table, Target};
use crate::wire::Wire;

const REPLICAS: usize = 3;

/// `PORTCULLIS_RACE_USES` parallel uses, 1,000 when absent, in `PORTCULLIS_RACE_ROUNDS` rounds, 20 when absent: how many
/// rounds ended with more than one live token or an answer that is not 200, and how long the answers took.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("race") {
        return;
    }
    let number = |name, default| variable(name).map_or(default, |text| text.parse().expect("a number"));
    let (rounds, uses) = (number("PORTCULLIS_RACE_ROUNDS", 20), number("PORTCULLIS_RACE_USES", 1_000));
    let place = Place::postgres().await;
    let mut services = Vec::new();
    for _ in 0..REPLICAS {
        services.push(Settings::on(&place).with_cheap_passwords().start().await);
    }
    let mut wires = Vec::new();
    for number in 0..uses {
        wires.push(Wire::to(&services[number % REPLICAS].address).await.expect("the service accepts"));
    }
    let mut token = seed::sessions(&services[0].address, 1).await.remove(0).refresh;
    let (mut broken, mut latencies) = (0_u32, Vec::new());
    let began = Instant::now();
    for _ in 0..rounds {
        let mut request = Vec::new();
        seed::refresh(&mut request, &token);
        let answers = join_all(wires.iter_mut().map(|wire| async {
            let asked = Instant::now();
            let reply = wire.call(&request).await.expect("the service answers");
            let next = Tokens::of(reply.body).filter(|_| reply.status == 200).map(|tokens| tokens.refresh);
            (asked.elapsed(), next)
        }))
        .await;
        latencies.extend(answers.iter().map(|(took, _)| *took));
        let successors: BTreeSet<Option<String>> = answers.into_iter().map(|(_, next)| next).collect();
        match successors.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(next)] => token.clone_from(next),
            _ => {
                broken += 1;
                break;
            }
        }
    }
    let took = Measured::of(latencies, 0, began.elapsed().max(Duration::from_millis(1)));
    let notes =
        format!("{rounds} rounds of {uses} uses on {REPLICAS} replicas; {}/s, {}", took.rate.round(), took.notes());
    table.add(
        "race for one refresh token: rounds with two live tokens or a 5xx",
        broken.into(),
        "",
        Target::AtMost(0.0),
        &notes,
    );
    drop(wires);
    for service in services {
        service.kill();
    }
    place.remove().await;
}
