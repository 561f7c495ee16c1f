//! A Redis of the test's own, which may be killed, emptied and locked.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A `redis-server` without persistence on a free port. Dropped, it is killed.
pub(crate) struct Private {
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Private {
    pub(crate) async fn start() -> Self {
        Self::with(|_| Vec::new()).await
    }

    /// With further arguments, made from the folder that the server may use.
    pub(crate) async fn with(arguments: impl FnOnce(&PathBuf) -> Vec<String>) -> Self {
        let mut server = Self::absent();
        server.arguments = arguments(&server.folder);
        server.come_back().await;
        server
    }

    /// A port and a folder for a server that does not run yet.
    pub(crate) fn absent() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(crate::server::prefix());
        std::fs::create_dir(&folder).unwrap();
        Self { port, folder, arguments: Vec::new(), child: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Without a word, as by `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// As [`Private::come_back`], with other arguments from here on.
    pub(crate) async fn come_back_with(&mut self, arguments: Vec<String>) {
        self.arguments = arguments;
        self.come_back().await;
    }

    /// On the same port, empty.
    pub(crate) async fn come_back(&mut self) {
        // With a port for TLS there is no other.
        let secure = self.arguments.iter().any(|argument| argument == "--tls-port");
        let port = if secure { 0 } else { self.port };
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.folder)
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("these tests need the program redis-server (Debian: redis-server): {error}")
            });
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(Instant::now() < until, "redis-server does not listen on port {}", self.port);
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}
