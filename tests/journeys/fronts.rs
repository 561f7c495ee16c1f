//! Real reverse proxies as child processes, with the configurations of `tests/proxies`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::place::unique;

/// The addresses that the configurations name: where the proxy listens, Portcullis, the app.
const NAMED: [&str; 3] = ["127.0.0.1:8000", "127.0.0.1:8080", "127.0.0.1:3000"];

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
}

/// A running proxy; dropped, it is killed.
pub(crate) struct Front {
    child: Child,
    dir: PathBuf,
    /// Where it answers.
    pub(crate) url: String,
}

impl Front {
    /// In front of an app, with token checks by the service at the address; it keeps its files below `dir`.
    pub(crate) async fn start(kind: Kind, dir: &Path, portcullis: SocketAddr, app: SocketAddr) -> Self {
        let setup = Command::new("sh").arg(folder().join("setup.sh")).output().expect("sh runs");
        assert!(setup.status.success(), "setup.sh: {}", String::from_utf8_lossy(&setup.stderr));
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let here = free_address();
            let mut front = Self::spawn(kind, &dir.join(unique("front")), [here, portcullis, app]);
            while Instant::now() < deadline {
                if let Some(status) = front.child.try_wait().expect("the child can be asked") {
                    // Somebody else may have got the port first.
                    assert!(front.log().contains("ddress already in use"), "{kind:?}: {status}\n{}", front.log());
                    break;
                }
                if TcpStream::connect(here).await.is_ok() {
                    return front;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(Instant::now() < deadline, "{kind:?} does not listen after 30 s:\n{}", front.log());
        }
    }

    fn spawn(kind: Kind, dir: &Path, addresses: [SocketAddr; 3]) -> Self {
        std::fs::create_dir_all(dir).expect("the test's folder can be written");
        let (program, files) = match kind {
            Kind::Nginx => ("nginx", ["nginx.conf", "forward-auth.conf"]),
            Kind::Caddy => ("caddy", ["Caddyfile", "forward-auth.caddy"]),
        };
        for file in files {
            let mut text = read(&folder().join(program).join(file));
            for (named, address) in NAMED.iter().zip(addresses) {
                text = text.replace(named, &address.to_string());
            }
            std::fs::write(dir.join(file), text).expect("the test's folder can be written");
        }
        let log = File::create(dir.join("log")).expect("the test's folder can be written");
        let mut command = Command::new(folder().join(".bin").join(program));
        match kind {
            Kind::Nginx => command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(dir),
            Kind::Caddy => command.args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]),
        };
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, dir);
        }
        let child = command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
        Self { child, dir: dir.to_owned(), url: format!("http://{}", addresses[0]) }
    }

    /// What it has complained of.
    pub(crate) fn log(&self) -> String {
        read(&self.dir.join("log"))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("the child can be killed");
            self.child.wait().expect("the child can be waited for");
        }
    }
}

/// Where the configurations are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proxies")
}

/// An address that nobody listens on, with a port that the system gives to nobody who asks for any: those begin at 32768
/// or higher, and whoever gets one would answer in the place of a program that is slow to start.
pub(crate) fn free_address() -> SocketAddr {
    for _ in 0..1_000 {
        let mut random = [0; 2];
        aws_lc_rs::rand::fill(&mut random).expect("randomness");
        let address = SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::from_le_bytes(random) % 12_000));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}
