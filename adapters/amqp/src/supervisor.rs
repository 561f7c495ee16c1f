//! Keeps a session alive, for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::board::Board;
use crate::cause::Cause;
use crate::session::{self, Ended, asked};
use crate::settings::Plan;

/// A session that held this long was of use, even when nothing was published.
const LASTING: Duration = Duration::from_secs(30);

/// Runs sessions one after the other until the publisher is closed. `pauses` drives the time between them.
pub(crate) fn run(plan: &Arc<Plan>, board: &Arc<Board>, mut closing: watch::Receiver<bool>, pauses: &Runtime) {
    let mut backoff = Backoff::new();
    let mut doubtful = false;
    loop {
        let begun = Instant::now();
        let ended = one_session(plan, board, &closing, doubtful);
        if ended.cause == Cause::Asked {
            break;
        }
        board.down(&ended.cause);
        if ended.proven || begun.elapsed() > LASTING {
            backoff.reset();
        }
        doubtful = matches!(ended.cause, Cause::NoConfirm(_)) || (doubtful && !ended.proven);
        let pause = backoff.next();
        let leaving = pauses.block_on(async {
            tokio::select! {
                () = asked(&mut closing) => true,
                () = sleep(pause) => false,
            }
        });
        if leaving {
            break;
        }
    }
    board.closed();
}

/// One session on a runtime of its own. The client offers no way to stop its tasks, and one that writes to a peer that
/// does not read would outlive us by minutes; with the runtime all of them end, and the socket closes. A panic of the
/// client ends a task, not the supervisor.
fn one_session(plan: &Arc<Plan>, board: &Arc<Board>, closing: &watch::Receiver<bool>, doubtful: bool) -> Ended {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Ended { cause: Cause::Local(error.to_string()), proven: false },
    };
    let session = session::run(Arc::clone(plan), Arc::clone(board), closing.clone(), doubtful);
    let joined = runtime.block_on(async { tokio::spawn(session).await });
    runtime.shutdown_background();
    joined.unwrap_or(Ended { cause: Cause::ClientFailed, proven: false })
}

/// Single-threaded: the session, the client's reader, writer and dispatcher take turns on the supervisor's thread.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
