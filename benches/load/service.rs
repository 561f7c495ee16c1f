//! The release binary as a child process.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::wire::Wire;

/// The client that may introspect.
pub(crate) const CLIENT: (&str, &str) = ("bench", "bench-client-secret-8Zt3Lr6Xv1Nc7Md2QwE4");

/// What to run.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("PORTCULLIS_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_portcullis")), PathBuf::from)
}

/// What a service is started with.
#[derive(Clone)]
pub(crate) struct Settings {
    vars: BTreeMap<String, String>,
    log: PathBuf,
    dir: PathBuf,
    address: String,
}

impl Settings {
    /// The defaults on a place, on a port of its own, quiet.
    pub(crate) fn on(place: &Place) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let vars = [
            ("DATABASE_URL", place.url()),
            ("SECRET_KEY", "bench-master-key-7f3b1c9d5e2a4860-kQ2zWvT8rYpL0xNc".to_owned()),
            ("PORT", address.port().to_string()),
            ("PORTCULLIS__MANAGEMENT__PORT", "0".to_owned()),
            ("PORTCULLIS__TOKENS__ISSUER", "https://auth.example.test".to_owned()),
            ("PORTCULLIS__OAUTH__CLIENTS", format!("{}:{}", CLIENT.0, CLIENT.1)),
            // One address stands for all clients.
            ("PORTCULLIS__LIMITS__LOGIN", "off".to_owned()),
            ("PORTCULLIS__LIMITS__REGISTER", "off".to_owned()),
            ("PORTCULLIS__LIMITS__REFRESH", "off".to_owned()),
            ("PORTCULLIS__LIMITS__CHANGE", "off".to_owned()),
            ("PORTCULLIS__LIMITS__OTHER", "off".to_owned()),
            ("PORTCULLIS__SERVER__CONNECTIONS_PER_ADDRESS", "100000".to_owned()),
            ("PORTCULLIS__LOG__FORMAT", "json".to_owned()),
            ("PORTCULLIS__LOG__LEVEL", "warn".to_owned()),
        ];
        let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let dir = place.dir().to_owned();
        Self { vars, log: dir.join("serve.log"), dir, address: address.to_string() }
    }

    /// With one more setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What a command of the same service is told.
    pub(crate) const fn vars(&self) -> &BTreeMap<String, String> {
        &self.vars
    }

    /// With passwords that cost next to nothing, where they are not what is measured.
    pub(crate) fn with_cheap_passwords(self) -> Self {
        self.with("PORTCULLIS__PASSWORDS__ALLOW_WEAK", "true")
            .with("PORTCULLIS__PASSWORDS__MEMORY_KIB", "64")
            .with("PORTCULLIS__PASSWORDS__ITERATIONS", "1")
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&self) -> Service {
        let log = File::options().create(true).append(true).open(&self.log).expect("the log can be written");
        let errors = log.try_clone().expect("the log can be shared");
        let mut command = Command::new(binary());
        command.arg("serve").env_clear().envs(&self.vars).current_dir(&self.dir);
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the binary runs");
        let mut service = Service { child, address: self.address.clone(), ready_after: Duration::ZERO };
        while !is_ready(&self.address).await {
            let ended = service.child.try_wait().expect("the child can be asked");
            let slow = started.elapsed() > Duration::from_secs(30);
            if ended.is_some() || slow {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                panic!("the service did not get ready ({ended:?}):\n{log}");
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        service.ready_after = started.elapsed();
        service
    }
}

async fn is_ready(address: &str) -> bool {
    let Ok(mut wire) = Wire::to(address).await else { return false };
    let request = b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    wire.call(request).await.is_ok_and(|reply| reply.status == 200)
}

/// CPU time of a process so far, in microseconds; Linux counts it in hundredths of a second.
pub(crate) fn cpu_micros(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let after_name = stat.rsplit(')').next().expect("the kernel's format");
    let fields: Vec<f64> = after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // utime and stime are the 14th and 15th of all; a letter and the name have gone.
    (fields[10] + fields[11]) * 10_000.0
}

/// A running service; dropped, it is killed.
pub(crate) struct Service {
    child: Child,
    /// `host:port`.
    pub(crate) address: String,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Service {
    /// A figure of `/proc/PID/status` in MB: `VmRSS`, `VmHWM`.
    pub(crate) fn megabytes(&self, name: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("the kernel knows the figure");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
        kib * 1_024.0 / 1_000_000.0
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}
