//! A background task with an owner.

use tokio::task::JoinHandle;

/// Ends its task when it is dropped.
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) const fn of(task: JoinHandle<()>) -> Self {
        Self(task)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
