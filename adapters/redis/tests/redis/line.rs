//! A line between us and Redis that can be cut and stalled.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Bytes go both ways.
    Whole,
    /// Connections stay, nothing goes through: the peer is gone without a word (half-open TCP).
    Stalled,
    /// What Redis says does not arrive, what it is told does.
    Deaf,
    /// Connections end, new ones too.
    Cut,
}

/// A TCP proxy. Dropped, it ends.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    condition: watch::Sender<Condition>,
    _task: JoinSet<()>,
}

impl Line {
    /// A line to `server` (`host:port`), whole.
    pub(crate) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let condition = watch::Sender::new(Condition::Whole);
        let mut task = JoinSet::new();
        task.spawn(serve(listener, server, condition.subscribe()));
        Self { address, condition, _task: task }
    }

    pub(crate) fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    pub(crate) fn stall(&self) {
        self.condition.send_replace(Condition::Stalled);
    }

    pub(crate) fn deafen(&self) {
        self.condition.send_replace(Condition::Deaf);
    }

    pub(crate) fn mend(&self) {
        self.condition.send_replace(Condition::Whole);
    }
}

async fn serve(listener: TcpListener, server: String, condition: watch::Receiver<Condition>) {
    let mut calls = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        if *condition.borrow() == Condition::Cut {
            continue; // dropped at once
        }
        calls.spawn(call(near, server.clone(), condition.clone()));
    }
}

async fn call(near: TcpStream, server: String, mut condition: watch::Receiver<Condition>) {
    let Ok(far) = TcpStream::connect(server).await else { return };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = pump(near_in, far_out, condition.clone(), &[Condition::Whole, Condition::Deaf]);
    let back = pump(far_in, near_out, condition.clone(), &[Condition::Whole]);
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = condition.wait_for(|condition| *condition == Condition::Cut) => {}
    }
}

/// Carries bytes while the condition is one of `carrying`.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut condition: watch::Receiver<Condition>,
    carrying: &[Condition],
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        if condition.wait_for(|condition| carrying.contains(condition)).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
