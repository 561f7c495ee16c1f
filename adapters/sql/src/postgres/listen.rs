//! Word from other replicas: `LISTEN` on a connection of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Each schema has a channel of its own. Whoever changes what all replicas know names it in the same words.
pub(crate) const CHANNEL: &str = "'portcullis_revocations_' || md5(current_schema())";
/// How long a connection may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so much silence the connection is asked whether it still lives: a network that swallows everything is silent.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The pause after a failure; it doubles with each more.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Hears what other replicas have revoked or changed, from the first question on.
pub(crate) struct Ear {
    options: Box<PgConnectOptions>,
    heard: Arc<Heard>,
    task: Mutex<Task>,
}

/// What the task tells.
#[derive(Default)]
struct Heard {
    word: Notify,
    connected: AtomicBool,
}

enum Task {
    Unasked,
    Listening(JoinHandle<()>),
    Closed,
}

impl Ear {
    /// It does nothing before it is asked.
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options: Box::new(options), heard: Arc::default(), task: Mutex::new(Task::Unasked) }
    }

    /// Returns when somebody has revoked or changed something, and after each connection that was made.
    pub(crate) async fn heard(&self) {
        {
            let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*task, Task::Unasked) {
                *task = Task::Listening(tokio::spawn(listen(self.options.clone(), self.heard.clone())));
            }
        }
        self.heard.word.notified().await;
    }

    /// Whether it is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.heard.connected.load(Ordering::SeqCst)
    }

    /// Stops listening for good.
    pub(crate) async fn close(&self) {
        let task = {
            let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *task, Task::Closed)
        };
        if let Task::Listening(task) = task {
            task.abort();
            // It was told to end: how it did does not matter.
            let _ended = task.await;
        }
        self.heard.connected.store(false, Ordering::SeqCst);
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Task::Listening(task) = task {
            task.abort();
        }
    }
}

/// Listens again and again.
async fn listen(options: Box<PgConnectOptions>, heard: Arc<Heard>) {
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let error = attend(&options, &heard).await;
        if heard.connected.swap(false, Ordering::SeqCst) {
            (pause, told) = (FIRST_PAUSE, false);
        }
        if !told {
            tracing::warn!(%error, "revocations of other replicas are not heard at once until the database answers again");
            told = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until the connection is lost.
async fn attend(options: &PgConnectOptions, heard: &Heard) -> sqlx::Error {
    let mut listener = match timeout(PATIENCE, connect(options)).await {
        Ok(Ok(listener)) => listener,
        Ok(Err(error)) => return error,
        Err(_) => return sqlx::Error::PoolTimedOut,
    };
    heard.connected.store(true, Ordering::SeqCst);
    // Something may have been revoked or changed while nobody listened.
    heard.word.notify_one();
    loop {
        match timeout(HEARTBEAT, listener.try_recv()).await {
            Ok(Ok(Some(_))) => heard.word.notify_one(),
            Ok(Ok(None)) => return std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into(),
            Ok(Err(error)) => return error,
            Err(_) => match timeout(PATIENCE, sqlx::query("SELECT 1").execute(&mut listener)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return sqlx::Error::PoolTimedOut,
            },
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    // A lost connection is told, for its words are lost too.
    listener.eager_reconnect(false);
    let channel = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT {CHANNEL}")));
    let channel: String = channel.fetch_one(&mut listener).await?;
    listener.listen(&channel).await?;
    Ok(listener)
}
