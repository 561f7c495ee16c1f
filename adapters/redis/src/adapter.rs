//! The adapter: one connection for all who use it, and the tasks that keep it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::instrument::WithSubscriber;

use crate::link::{Phase, Shared};
use crate::settings::{Plan, RedisConfigError, RedisSettings};
use crate::supervisor;

/// For the last revocations to be told, and for the tasks to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Redis, as [`RedisLimiter`](crate::RedisLimiter) and [`RedisRevocations`](crate::RedisRevocations) use it. Dropping it
/// closes it without waiting: they go on in this process alone.
pub struct RedisAdapter {
    pub(crate) shared: Arc<Shared>,
    runtime: Handle,
    phase: watch::Sender<Phase>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl RedisAdapter {
    /// Checks the settings and starts to connect, and to reconnect, in the background: a Redis that is away is no error
    /// here. Log lines go to the caller's `tracing` subscriber.
    ///
    /// # Errors
    /// Settings that can never work, files that cannot be read, and a caller outside of a Tokio runtime.
    pub fn start(settings: RedisSettings) -> Result<Self, RedisConfigError> {
        let shared = Arc::new(Shared::new(Plan::try_from(settings)?));
        let runtime = Handle::try_current().map_err(|_| RedisConfigError::Runtime)?;
        let (phase, life) = watch::channel(Phase::Serving);
        let supervisor = runtime.spawn(supervisor::run(Arc::clone(&shared), life).with_current_subscriber());
        Ok(Self { shared, runtime, phase, supervisor: Mutex::new(Some(supervisor)), tasks: Mutex::default() })
    }

    /// Whether Redis answers in time, and the revocations of all replicas are known here and told to them.
    pub fn is_ready(&self) -> bool {
        self.last_error().is_none()
    }

    /// Why the adapter is not ready, with host, port and database but without credentials; `None` when it is.
    pub fn last_error(&self) -> Option<String> {
        self.shared.board.trouble()
    }

    /// Tells the others the last revocations, if Redis is there, and ends the connections; takes 3 s at most. Limiter and
    /// revocations go on in this process alone.
    pub async fn close(&self) {
        self.phase.send_replace(Phase::Leaving);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        ended(tasks, FAREWELL).await;
        self.phase.send_replace(Phase::Gone);
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended(supervisor.into_iter().collect(), FAREWELL / 2).await;
    }

    /// Runs a task that ends when the adapter leaves.
    pub(crate) fn spawn<F, T>(&self, task: F)
    where
        F: FnOnce(watch::Receiver<Phase>) -> T,
        T: Future<Output = ()> + Send + 'static,
    {
        let task = self.runtime.spawn(task(self.phase.subscribe()).with_current_subscriber());
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

/// Waits for the end of tasks; those that do not end in time are ended.
async fn ended(tasks: Vec<JoinHandle<()>>, limit: Duration) {
    let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
    let all = async {
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the Redis adapter failed");
            }
        }
    };
    if timeout(limit, all).await.is_err() {
        tracing::warn!("a task of the Redis adapter did not end in time");
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl std::fmt::Debug for RedisAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisAdapter").field("plan", &self.shared.plan).field("trouble", &self.last_error()).finish()
    }
}
