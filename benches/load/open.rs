//! An open loop: requests arrive at a rate of their own, whether or not earlier ones have been answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::wire::Wire;

/// Answers by status, each with its latency from the moment it should have been sent.
pub(crate) type Answers = BTreeMap<u16, Vec<Duration>>;

/// Connections are reused; when none is idle a new one is opened, up to this many.
const MOST_CONNECTIONS: usize = 4_000;

/// Sends so many requests a second, in turn; returns what was answered, and how many arrivals found no connection.
pub(crate) async fn run(address: &str, requests: Vec<Vec<u8>>, rate: f64, over: Duration) -> (Answers, usize) {
    let idle: Arc<Mutex<Vec<Wire>>> = Arc::default();
    let answers: Arc<Mutex<Answers>> = Arc::default();
    let requests: Vec<Arc<Vec<u8>>> = requests.into_iter().map(Arc::new).collect();
    let (mut opened, mut turned_away) = (0_usize, 0_usize);
    let mut tasks = tokio::task::JoinSet::new();
    let begin = Instant::now();
    let total = (rate * over.as_secs_f64()) as u64;
    for number in 0..total {
        let due = begin + Duration::from_secs_f64(number as f64 / rate);
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            tokio::time::sleep(wait).await;
        }
        let free = idle.lock().expect("no panic").pop();
        let wire = match free {
            Some(wire) => Some(wire),
            None if opened < MOST_CONNECTIONS => {
                opened += 1;
                None
            }
            None => {
                turned_away += 1;
                continue;
            }
        };
        let (idle, answers, request, address) =
            (idle.clone(), answers.clone(), requests[number as usize % requests.len()].clone(), address.to_owned());
        tasks.spawn(async move {
            let mut wire = match wire {
                Some(wire) => wire,
                None => Wire::to(&address).await.expect("the service accepts"),
            };
            let status = wire.call(&request).await.expect("the service answers").status;
            answers.lock().expect("no panic").entry(status).or_default().push(due.elapsed());
            idle.lock().expect("no panic").push(wire);
        });
        while tasks.try_join_next().is_some() {}
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no connection broke");
    }
    let answers = std::mem::take(&mut *answers.lock().expect("no panic"));
    (answers, turned_away)
}
