//! A TCP line of the bench's own to a server, which can be cut and mended.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line; it listens on a port of its own.
pub(crate) struct Line {
    /// Where it begins.
    pub(crate) port: u16,
    is_open: watch::Sender<bool>,
}

impl Line {
    /// To this address.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (is_open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, state.clone()));
            }
        });
        Self { port, is_open }
    }

    /// Closes every connection, and each new one at once.
    pub(crate) fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// Carries new connections again.
    pub(crate) fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut is_open: watch::Receiver<bool>) {
    if !*is_open.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    for end in [&near, &far] {
        end.set_nodelay(true).expect("the socket is open");
    }
    tokio::select! {
        // Either end may hang up.
        ended = copy_bidirectional(&mut near, &mut far) => drop(ended),
        changed = is_open.changed() => drop(changed),
    }
}
