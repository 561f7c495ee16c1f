//! Refresh tokens used at the same time, in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tokio::sync::{Semaphore, mpsc};

use super::{Pool, alone};
use crate::rotate::{RotationRow, by_session, many};
use crate::turn::{Arrivals, Command, Entry, MOST, Onward, Passenger, arrivals};

/// So many transactions at once: while one waits for the disk the next one gathers its passengers.
const FLIGHTS: usize = 2;

/// What all flights share.
#[derive(Clone)]
struct Flight {
    pool: Pool,
    stall: Duration,
    /// Whether uses of refresh tokens are announced, or read more; then they do not fly, for each needs a transaction
    /// alone.
    apart: Arc<AtomicBool>,
}

impl Flight {
    /// Serves a unit in a transaction of its own.
    fn alone(&self, entry: Entry, repeat: Option<RotationRow>) {
        tokio::spawn(alone::serve(self.pool.clone(), entry, repeat, self.stall));
    }
}

/// Sends those who wait on their way; ends when nobody can ask any more.
pub(super) async fn dispatch(pool: Pool, mut queue: mpsc::Receiver<Entry>, stall: Duration) {
    let flight = Flight { pool, stall, apart: Arc::new(AtomicBool::new(false)) };
    let runway = Arc::new(Semaphore::new(FLIGHTS));
    while let Some(first) = queue.recv().await {
        if flight.apart.load(Ordering::Relaxed) {
            flight.alone(first, None);
            continue;
        }
        // While this waits, more gather in the queue. The semaphore is never closed.
        let Ok(cleared) = runway.clone().acquire_owned().await else { return };
        let mut passengers: Vec<Passenger> = Vec::new();
        let mut next = Some(first);
        while let Some(entry) = next {
            match Passenger::try_from(entry) {
                Ok(passenger) if passenger.reply.is_closed() => {}
                Ok(passenger) if passengers.iter().all(|other| other.row.session != passenger.row.session) => {
                    passengers.push(passenger);
                }
                // Another use of a token that is in this flight waits for the row.
                Ok(passenger) => flight.alone(passenger.into_entry(), None),
                Err(entry) => flight.alone(entry, None),
            }
            next = if passengers.len() < MOST { queue.try_recv().ok() } else { None };
        }
        if !passengers.is_empty() {
            let flight = flight.clone();
            tokio::spawn(async move {
                fly(&flight, passengers).await;
                drop(cleared);
            });
        }
    }
}

async fn fly(flight: &Flight, passengers: Vec<Passenger>) {
    let rows: Vec<_> = passengers.iter().map(|passenger| passenger.row.clone()).collect();
    let transaction = match flight.pool.begin().await {
        Ok(transaction) => transaction,
        Err(error) => {
            for passenger in passengers {
                passenger.into_entry().first.refuse(error.clone());
            }
            return;
        }
    };
    let found = transaction.query_all_raw(many(&rows, DbBackend::Postgres)).await.and_then(by_session);
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            // Whatever it was, it need not concern every one of them.
            tracing::debug!(%error, "refresh tokens used together are tried one by one");
            drop(transaction);
            for passenger in passengers {
                flight.alone(passenger.into_entry(), None);
            }
            return;
        }
    };
    let arrivals = arrivals(passengers, found, flight.stall).await;
    land(flight, transaction, arrivals).await;
}

/// Commits when all want just that. Whoever goes on or announces something, for that locks their subject, needs a
/// transaction alone: this one, when nobody else changed anything in it. Otherwise it is undone, and each has what it
/// did repeated in one of its own.
async fn land(flight: &Flight, transaction: DatabaseTransaction, arrivals: Arrivals) {
    let Arrivals { committing, onward, fresh, lost } = arrivals;
    for entry in fresh {
        flight.alone(entry, None);
    }
    let announced = committing.iter().any(|(_, statements, _)| !statements.is_empty());
    if lost == 0 && onward.is_empty() && !announced {
        let outcome = transaction.commit().await;
        for (_, _, reply) in committing {
            // A unit that does not wait for the answer is committed all the same.
            let _gone = reply.send(outcome.clone());
        }
        return;
    }
    // Who reads on does so at each use; a change that follows is rare.
    let reads = |onward: &Onward| matches!(onward.entry.first, Command::One(..) | Command::All(..));
    if announced || onward.iter().any(reads) {
        flight.apart.store(true, Ordering::Relaxed);
    }
    let committing = committing.into_iter().map(|(row, statements, reply)| (row, Entry::committing(statements, reply)));
    let onward = onward.into_iter().map(|Onward { row, entry }| (row, entry));
    let mut rotated: Vec<(RotationRow, Entry)> = committing.chain(onward).collect();
    if lost == 0 && rotated.len() == 1 {
        // Its row stays locked, so no other use of the token comes in between.
        if let Some((_, entry)) = rotated.pop() {
            tokio::spawn(alone::serve_on(transaction, entry, flight.stall));
        }
        return;
    }
    let undone = transaction.rollback().await;
    for (row, entry) in rotated {
        match &undone {
            Ok(()) => flight.alone(entry, Some(row)),
            Err(error) => entry.first.refuse(error.clone()),
        }
    }
}
