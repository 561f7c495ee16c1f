//! A piece of work and the one who waits for it.

use tokio::sync::oneshot;

use super::line::Waits;
use crate::hashing::Engine;

/// A task that was not accepted.
#[derive(Debug)]
pub(super) struct Refused;

/// Work for one of the pool's threads.
pub(super) trait Job: Send {
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>, engine: &mut dyn Engine);
    fn refuse(self: Box<Self>);
}

impl Waits for Box<dyn Job> {
    fn is_abandoned(&self) -> bool {
        (**self).is_abandoned()
    }
}

/// A task whose answer somebody waits for; when they stop waiting, it is not begun.
pub(super) struct Asked<T, R> {
    pub(super) task: T,
    pub(super) reply: oneshot::Sender<Result<R, Refused>>,
}

impl<T, R> Job for Asked<T, R>
where
    T: FnOnce(&mut dyn Engine) -> R + Send,
    R: Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, engine: &mut dyn Engine) {
        let answer = (self.task)(engine);
        // Whoever asked may have left in the meantime.
        drop(self.reply.send(Ok(answer)));
    }

    fn refuse(self: Box<Self>) {
        drop(self.reply.send(Err(Refused)));
    }
}
