//! A piece of work and the one who waits for it.

use tokio::sync::oneshot;

use super::line::Waits;
use crate::hashing::Engine;

/// A task that was not accepted.
#[derive(Debug)]
pub(super) struct Refused;

/// Tells the answer.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// Work for one of the pool's threads.
pub(super) trait Job: Send {
    fn is_abandoned(&self) -> bool;
    /// Does the work; what it returns tells whoever waits.
    fn run(self: Box<Self>, engine: &mut dyn Engine) -> Answer;
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
    R: Send + 'static,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, engine: &mut dyn Engine) -> Answer {
        let Self { task, reply } = *self;
        let answer = task(engine);
        // Whoever asked may have left in the meantime.
        Box::new(|| drop(reply.send(Ok(answer))))
    }

    fn refuse(self: Box<Self>) {
        drop(self.reply.send(Err(Refused)));
    }
}
