//! The threads: order, refusal, abandonment, panics, memory, the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::*;
use crate::hashing::{Cost, Engine, EngineError};

/// Keeps as many KiB as its last job asked for.
#[derive(Default)]
struct Hoard(usize);

static RELEASES: AtomicUsize = AtomicUsize::new(0);

impl Engine for Hoard {
    fn derive(&mut self, cost: &Cost, _: &[u8], _: &[u8], _: &mut [u8]) -> Result<(), EngineError> {
        self.0 = cost.memory_kib as usize;
        Ok(())
    }

    fn kept_kib(&self) -> usize {
        self.0
    }

    fn release(&mut self) {
        self.0 = 0;
        RELEASES.fetch_add(1, Ordering::SeqCst);
    }
}

fn pool(queue: usize, idle: Duration) -> Arc<WorkPool> {
    let line = Limits { burst: queue, standing: 2 };
    WorkPool::start(PoolOptions { threads: 1, line, engine: || Box::<Hoard>::default(), keep_kib: 64, idle }).unwrap()
}

const LONG: Duration = Duration::from_secs(3600);

fn use_memory(engine: &mut dyn Engine, kib: u32) -> usize {
    engine.derive(&Cost::argon2id(kib, 1, 1), b"", b"", &mut []).unwrap();
    engine.kept_kib()
}

/// Occupies the only thread until the sender is dropped or sends.
fn occupy(pool: &WorkPool) -> (impl Future<Output = Result<(), PoolError>> + use<>, mpsc::Sender<()>) {
    let (release, gate) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel::<()>();
    let busy = pool.run(move |_| {
        drop(began);
        gate.recv().ok();
    });
    assert!(begun.recv().is_err());
    (busy, release)
}

#[tokio::test]
async fn work_is_done_in_the_order_it_came() {
    let pool = pool(64, LONG);
    let (busy, release) = occupy(&pool);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let order = order.clone();
            pool.run(move |_| order.lock().unwrap().push(number))
        })
        .collect();
    drop(release);
    assert_eq!(busy.await, Ok(()));
    assert!(futures_util::future::join_all(tasks).await.iter().all(Result::is_ok));
    assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..64));
}

#[tokio::test]
async fn beyond_the_limit_the_answer_is_overloaded_without_waiting_for_a_thread() {
    let pool = pool(2, LONG);
    let (busy, release) = occupy(&pool);
    let waiting: Vec<_> = (0..2).map(|_| pool.run(|_| ())).collect();
    assert_eq!(pool.waiting(), 2);
    for _ in 0..1_000 {
        // The only thread is still occupied: nothing but the line can have answered.
        assert_eq!(pool.run(|_| ()).await, Err(PoolError::Overloaded));
    }
    assert_eq!(pool.waiting(), 2);
    drop(release);
    assert_eq!(busy.await, Ok(()));
    assert!(futures_util::future::join_all(waiting).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn work_that_nobody_waits_for_is_not_begun() {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    let pool = pool(64, LONG);
    let (busy, release) = occupy(&pool);
    for _ in 0..10 {
        drop(pool.run(|_| BEGUN.fetch_add(1, Ordering::SeqCst)));
    }
    let last = pool.run(|_| ());
    drop(release);
    assert_eq!(busy.await, Ok(()));
    assert_eq!((last.await, BEGUN.load(Ordering::SeqCst)), (Ok(()), 0));
}

#[tokio::test]
async fn after_a_panic_the_thread_goes_on() {
    let pool = pool(64, LONG);
    assert_eq!(pool.run(|_| -> () { panic!("on purpose") }).await, Err(PoolError::Panicked));
    assert_eq!(pool.run(|_| 7).await, Ok(7));
}

#[tokio::test]
async fn memory_is_kept_between_jobs_and_given_back_when_it_is_unusual_or_idle() {
    let pool = pool(64, LONG);
    assert_eq!(pool.run(|engine| use_memory(engine, 64)).await, Ok(64));
    assert_eq!(pool.run(|engine| engine.kept_kib()).await, Ok(64), "usual memory stays");
    assert_eq!(pool.run(|engine| use_memory(engine, 65)).await, Ok(65));
    assert_eq!(pool.run(|engine| engine.kept_kib()).await, Ok(0), "unusual memory goes at once");

    let before = RELEASES.load(Ordering::SeqCst);
    let hasty = self::pool(64, Duration::from_millis(5));
    assert_eq!(hasty.run(|engine| use_memory(engine, 64)).await, Ok(64));
    let begun = Instant::now();
    while RELEASES.load(Ordering::SeqCst) == before {
        assert!(begun.elapsed() < Duration::from_secs(30), "an idle thread keeps its memory");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(hasty.run(|engine| engine.kept_kib()).await, Ok(0));
}

#[tokio::test]
async fn the_end_of_the_pool_refuses_whoever_waits() {
    let pool = pool(64, LONG);
    let (busy, release) = occupy(&pool);
    let waiting = pool.run(|_| ());
    let ending = std::thread::spawn(move || drop(pool));
    // Refused while the thread is still occupied.
    assert_eq!(waiting.await, Err(PoolError::Overloaded));
    drop(release);
    assert!(busy.await.is_ok());
    ending.join().unwrap();
}
