//! The real binary as a child process: started, watched, killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::broker::Broker;
use crate::place::{Place, unique};

/// The master key of every service under test; a canary, too.
pub(crate) const SECRET_KEY: &str = "journey-master-key-7f3b1c9d5e2a4860-kQ2zWvT8rYpL0xNc";
/// The client that may introspect and revoke.
pub(crate) const CLIENT: (&str, &str) = ("resource-server", "client-secret-canary-5Yp0Wq8Zt3Lr6Xv1Nc7Md2");
/// What tokens and events name as their issuer.
pub(crate) const ISSUER: &str = "https://auth.example.test";

/// What a service is started with.
#[derive(Clone)]
pub(crate) struct Settings {
    vars: BTreeMap<String, String>,
    dir: PathBuf,
}

impl Settings {
    /// On a place, on a free port, without a broker, with cheap passwords.
    pub(crate) fn on(place: &Place) -> Self {
        let mut settings = Self { vars: BTreeMap::new(), dir: place.dir().to_owned() };
        for (name, value) in [
            ("DATABASE_URL", place.url().as_str()),
            ("SECRET_KEY", SECRET_KEY),
            ("PORT", "0"),
            ("PORTCULLIS__MANAGEMENT__PORT", "0"),
            ("PORTCULLIS__TOKENS__ISSUER", ISSUER),
            ("PORTCULLIS__OAUTH__CLIENTS", &format!("{}:{}", CLIENT.0, CLIENT.1)),
            ("PORTCULLIS__LOG__FORMAT", "json"),
            // One address stands for many clients here; what is limited is tested where it is switched on.
            ("PORTCULLIS__LIMITS__LOGIN", "off"),
            ("PORTCULLIS__LIMITS__REGISTER", "off"),
            ("PORTCULLIS__LIMITS__REFRESH", "off"),
            ("PORTCULLIS__LIMITS__CHANGE", "off"),
            ("PORTCULLIS__LIMITS__MANAGE", "off"),
            ("PORTCULLIS__LIMITS__EXPORT", "off"),
            ("PORTCULLIS__LIMITS__OTHER", "off"),
            ("PORTCULLIS__SERVER__CONNECTIONS_PER_ADDRESS", "100000"),
            // Not what is tested, and tests share their disk with compilers.
            ("PORTCULLIS__DATABASE__ACQUIRE_TIMEOUT", "30s"),
            ("PORTCULLIS__PASSWORDS__ALLOW_WEAK", "true"),
            ("PORTCULLIS__PASSWORDS__MEMORY_KIB", "64"),
            ("PORTCULLIS__PASSWORDS__ITERATIONS", "1"),
        ] {
            settings.vars.insert(name.to_owned(), value.to_owned());
        }
        settings
    }

    /// With one more setting, or another value of one.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without a setting: its default holds.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.vars.remove(name);
        self
    }

    /// With passwords hashed at the default cost.
    pub(crate) fn with_real_passwords(self) -> Self {
        self.without("PORTCULLIS__PASSWORDS__ALLOW_WEAK")
            .without("PORTCULLIS__PASSWORDS__MEMORY_KIB")
            .without("PORTCULLIS__PASSWORDS__ITERATIONS")
    }

    /// With events to a broker.
    pub(crate) fn publishing_to(self, broker: &Broker) -> Self {
        self.with("AMQP_URL", broker.url())
            .with("PORTCULLIS__EVENTS__EXCHANGE", broker.exchange())
            .with("PORTCULLIS__EVENTS__QUEUE", broker.service_queue())
    }

    /// With a Redis behind this port, under keys of its own.
    pub(crate) fn sharing_redis_at(self, port: u16) -> Self {
        let prefix = unique("portcullis");
        self.with("REDIS_URL", &format!("redis://127.0.0.1:{port}")).with("PORTCULLIS__REDIS__PREFIX", &prefix)
    }

    /// The program with a subcommand, and nothing of this process's environment but what programs need.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null());
        self.lend(&mut command);
        command
    }

    /// Gives a program these settings, and nothing of this process's environment but what programs need.
    pub(crate) fn lend(&self, command: &mut Command) {
        command.env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.vars);
    }

    /// Starts `serve` and waits until it is ready.
    pub(crate) async fn start(&self) -> Service {
        match self.try_start().await {
            Ok(service) => service,
            Err(failed) => panic!("the service did not start ({}):\n{}", failed.how, failed.log),
        }
    }

    /// Starts `serve`; an error when it ends or does not get ready within half a minute.
    pub(crate) async fn try_start(&self) -> Result<Service, NotStarted> {
        let mut service = self.spawn();
        let http = crate::api::http();
        let deadline = service.started + Duration::from_secs(30);
        loop {
            if let Some(status) = service.child.try_wait().expect("the child can be asked") {
                return Err(NotStarted { how: status.to_string(), status: Some(status), log: service.log() });
            }
            if service.is_ready(&http).await {
                service.ready_after = service.started.elapsed();
                return Ok(service);
            }
            if Instant::now() > deadline {
                return Err(NotStarted { how: "not ready after 30 s".to_owned(), status: None, log: service.log() });
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Starts `serve` and waits for nothing.
    pub(crate) fn spawn(&self) -> Service {
        let log_path = self.dir.join(format!("{}.log", unique("serve")));
        let log = File::create(&log_path).expect("the log file can be written");
        let errors = log.try_clone().expect("the log file can be shared");
        let started = Instant::now();
        let child = self.command(&["serve"]).stdout(log).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{} cannot be run: {error}", binary().display()));
        Service { child, log_path, started, url: String::new(), ready_after: Duration::ZERO }
    }
}

/// The binary under test: another build when `PORTCULLIS_BIN` names one.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("PORTCULLIS_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_portcullis")), PathBuf::from)
}

/// A service that ended before it was ready, or never got there.
pub(crate) struct NotStarted {
    /// In words.
    pub(crate) how: String,
    /// The exit status, when it ended.
    pub(crate) status: Option<ExitStatus>,
    /// All that it said.
    pub(crate) log: String,
}

/// A running service; dropped, it is killed.
pub(crate) struct Service {
    child: Child,
    log_path: PathBuf,
    started: Instant,
    /// Where it answers.
    pub(crate) url: String,
    /// How long it took from the start of the process to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Service {
    /// All that it has written to stdout and stderr.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log_path).expect("the log can be read")).into_owned()
    }

    /// Where it writes its log.
    pub(crate) fn log_path(&self) -> &Path {
        &self.log_path
    }

    /// When its process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }

    /// SIGTERM, without waiting.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "SIGTERM was not delivered");
    }

    /// Waits for the end of the process; `None` when it still runs after `patience`.
    pub(crate) async fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGTERM; it must end with 0 within the promised 30 s.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let status = self.ended_within(Duration::from_secs(30)).await.expect("it ends within 30 s of SIGTERM");
        assert!(status.success(), "it ended with {status}:\n{}", self.log());
    }

    async fn is_ready(&mut self, http: &reqwest::Client) -> bool {
        if self.url.is_empty() {
            match self.announced() {
                Some(address) => self.url = format!("http://{address}"),
                None => return false,
            }
        }
        let ready = http.get(format!("{}/readyz", self.url)).send().await;
        ready.is_ok_and(|answer| answer.status() == 200)
    }

    /// The address in the line that announces the public listener.
    fn announced(&self) -> Option<String> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut addresses = lines.filter(|line| line["message"] == "listening");
        addresses.find_map(|line| line["address"].as_str().map(str::to_owned))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended long ago; then there is nothing to kill.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}
