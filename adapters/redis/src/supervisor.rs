//! Keeps a connection for commands alive, for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::board::Part;
use crate::cause::Cause;
use crate::connect;
use crate::link::{Link, Phase, Shared, reached};

/// How often a connection is tried out while it works: one that died without a word is noticed without any request.
const TRIAL_EVERY: Duration = Duration::from_secs(1);

/// A connection that held so long was of use.
const LASTING: Duration = Duration::from_secs(10);

/// Holds connections one after the other until the adapter is gone.
pub(crate) async fn run(shared: Arc<Shared>, mut phase: watch::Receiver<Phase>) {
    let mut backoff = Backoff::new();
    for number in 1.. {
        let begun = Instant::now();
        tokio::select! {
            () = reached(&mut phase, Phase::Gone) => break,
            cause = hold(&shared, number) => {
                if let Some(cause) = cause {
                    // Either it was in use, or it never worked.
                    shared.lost(number, &cause);
                    shared.board.fails(Part::Commands, &cause);
                }
            }
        }
        if begun.elapsed() > LASTING {
            backoff.reset();
        }
        tokio::select! {
            () = reached(&mut phase, Phase::Gone) => break,
            () = sleep(backoff.next()) => {}
        }
    }
    shared.close();
}

/// Connects, and holds the connection as long as it works. Why it does not; `None` when whoever noticed has said so.
async fn hold(shared: &Shared, number: u64) -> Option<Cause> {
    let (connection, driver) = match connect::commands(&shared.plan).await {
        Ok(opened) => opened,
        Err(cause) => return Some(cause),
    };
    // Dropped, it ends the driver, and with it whoever still waits for an answer.
    let mut driving = JoinSet::new();
    driving.spawn(driver);
    let link = Link { number, connection };
    if let Err(cause) = try_out(shared, &link).await {
        return Some(cause);
    }
    let mut links = shared.links();
    shared.open(link.clone());
    loop {
        tokio::select! {
            () = async { drop(links.wait_for(Option::is_none).await) } => return None,
            _ = driving.join_next() => return Some(Cause::Lost),
            () = sleep(TRIAL_EVERY) => {
                if let Err(cause) = try_out(shared, &link).await {
                    return Some(cause);
                }
            }
        }
    }
}

async fn try_out(shared: &Shared, link: &Link) -> Result<(), Cause> {
    let mut connection = link.connection.clone();
    shared.answer(shared.plan.timeout, shared.buckets.try_out(&mut connection)).await
}
