//! The threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use zeroize::Zeroize;

use super::job::{Asked, Job};
use super::line::{Limits, Line};
use super::priority;
use crate::hashing::{Engine, MakeEngine};

/// How a pool is made.
#[derive(Clone, Copy)]
pub(crate) struct PoolOptions {
    /// How many threads.
    pub(crate) threads: usize,
    /// How long the line in front of them may get.
    pub(crate) line: Limits,
    /// What each thread computes with.
    pub(crate) engine: MakeEngine,
    /// Memory that a thread may keep from one job to the next, in KiB.
    pub(crate) keep_kib: usize,
    /// How long an idle thread keeps its memory, and what the last job left on its stack.
    pub(crate) idle: Duration,
}

/// Why a task has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolError {
    /// Too many tasks are waiting.
    Overloaded,
    /// The task panicked.
    Panicked,
}

/// Threads of their own for passwords, behind a line of bounded length.
///
/// First come, first served; a task whose caller has gone is never begun; a full line refuses at once. Dropping the
/// pool refuses whoever waits and ends the threads after the task in hand.
pub struct WorkPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    line: Line<Box<dyn Job>>,
    /// Threads without a job in hand.
    free: usize,
    closed: bool,
}

enum Next {
    Job(Box<dyn Job>),
    Idle,
    Closed,
}

impl WorkPool {
    /// Starts the threads.
    pub(crate) fn start(options: PoolOptions) -> std::io::Result<Arc<Self>> {
        let state = Mutex::new(State { line: Line::new(options.line), free: options.threads, closed: false });
        let mut pool = Self { shared: Arc::new(Shared { state, work: Condvar::new() }), threads: Vec::new() };
        for number in 0..options.threads {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new().name(format!("password-{number}"));
            pool.threads.push(thread.spawn(move || shared.serve(options))?);
        }
        Ok(Arc::new(pool))
    }

    /// Puts `task` in the line at once; dropping the answer before it is begun cancels it.
    pub(crate) fn run<R, T>(&self, task: T) -> impl Future<Output = Result<R, PoolError>> + Send + use<R, T>
    where
        R: Send + 'static,
        T: FnOnce(&mut dyn Engine) -> R + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.shared.submit(Box::new(Asked { task, reply }));
        async {
            match answer.await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_refused)) => Err(PoolError::Overloaded),
                Err(_gone) => Err(PoolError::Panicked),
            }
        }
    }

    /// Whether a task that came now would be taken; nobody knows what the next moment brings.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.shared.lock();
        let free = state.free;
        let (room, refused) = state.line.knock(free, Instant::now());
        let room = room && !state.closed;
        report_waiting(&state);
        drop(state);
        Shared::refuse(refused, usize::from(!room));
        room
    }

    /// Tasks that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.shared.lock().line.len()
    }
}

impl Drop for WorkPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let left = state.line.clear();
        drop(state);
        left.into_iter().for_each(Job::refuse);
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a password thread ended by a panic");
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, job: Box<dyn Job>) {
        let mut state = self.lock();
        let free = state.free;
        let refused = if state.closed { vec![job] } else { state.line.push(job, free, Instant::now()) };
        report_waiting(&state);
        drop(state);
        self.work.notify_one();
        Self::refuse(refused, 0);
    }

    /// Tells those who are refused, and counts them with `others` who were told before they had a job.
    fn refuse(refused: Vec<Box<dyn Job>>, others: usize) {
        if refused.len() + others > 0 {
            metrics::counter!("portcullis_password_work_refused_total").increment((refused.len() + others) as u64);
            refused.into_iter().for_each(Job::refuse);
        }
    }

    fn serve(&self, options: PoolOptions) {
        priority::step_back();
        let mut engine = (options.engine)();
        let mut swept = true;
        loop {
            let patience = (!swept).then_some(options.idle);
            match self.next(patience) {
                Next::Job(job) => {
                    swept = false;
                    let done = catch_unwind(AssertUnwindSafe(|| job.run(&mut *engine)));
                    // Before the answer: whoever gets it may come back at once and finds this thread free.
                    self.lock().free += 1;
                    match done {
                        Ok(answer) => answer(),
                        Err(_panic) => {
                            tracing::error!("password work panicked");
                            engine = (options.engine)();
                        }
                    }
                    if engine.kept_kib() > options.keep_kib {
                        engine.release();
                    }
                }
                Next::Idle => {
                    engine.release();
                    sweep_stack();
                    swept = true;
                }
                Next::Closed => {
                    // The stack of an ended thread may be kept for another one.
                    sweep_stack();
                    return;
                }
            }
        }
    }

    /// The next job; `Idle` when there is none for `patience`.
    fn next(&self, patience: Option<Duration>) -> Next {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut state = self.lock();
        loop {
            if state.closed {
                return Next::Closed;
            }
            if let Some(job) = state.line.pop() {
                state.free -= 1;
                report_waiting(&state);
                return Next::Job(job);
            }
            state = match deadline {
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Next::Idle;
                    }
                    self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Overwrites what the work left on the stack below the caller: more than any work takes.
#[inline(never)]
fn sweep_stack() {
    let mut room = [0_u8; 64 * 1024];
    room.zeroize();
}

/// Inside the lock, so that the last word is the true one.
fn report_waiting(state: &State) {
    #[expect(clippy::cast_precision_loss, reason = "a line is short")]
    metrics::gauge!("portcullis_password_work_waiting").set(state.line.len() as f64);
}
