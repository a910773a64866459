//! `livegate serve` as a process, in front of a simulator in the test process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use livegate_simulator::{Limit, Settings, Simulator, SimulatorHandle};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::admin;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A file behind a symbolic link that is replaced, as in a `ConfigMap` of Kubernetes.
pub(crate) struct ConfigMap {
    folder: tempfile::TempDir,
}

impl ConfigMap {
    pub(crate) fn holding(text: &str) -> Self {
        let map = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        map.swap(text);
        map
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("livegate.toml")
    }

    /// Replaces the file atomically.
    pub(crate) fn swap(&self, text: &str) {
        self.swap_for(|file| std::fs::write(file, text).expect("a file"));
    }

    /// Replaces the file atomically by the one that `make` creates.
    pub(crate) fn swap_for(&self, make: impl FnOnce(&Path)) {
        let version = uuid::Uuid::new_v4().to_string();
        let (file, link) = (
            self.folder.path().join(&version),
            self.folder.path().join("..new"),
        );
        make(&file);
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        std::fs::rename(&link, self.path()).expect("a swap");
    }
}

/// A running service; it is killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Mutex<Lines<BufReader<ChildStderr>>>,
    address: SocketAddr,
    admin: SocketAddr,
    pub(crate) simulator: SimulatorHandle,
    _end_simulator: DropGuard,
}

impl Process {
    /// Starts the service and waits until it is ready.
    pub(crate) async fn serve(map: &ConfigMap) -> Self {
        Self::serve_with(map, &[]).await
    }

    /// Starts the service with these environment variables and waits until it is ready.
    pub(crate) async fn serve_with(map: &ConfigMap, variables: &[(&str, &str)]) -> Self {
        let process = Self::start(map, variables).await;
        process.logs("\"ready\"").await;
        process
    }

    /// Starts the service, which is not ready yet.
    pub(crate) async fn start(map: &ConfigMap, variables: &[(&str, &str)]) -> Self {
        let (simulator, end_simulator) = simulator().await;
        let mut child = Command::new(env!("CARGO_BIN_EXE_livegate"))
            .args([
                "serve",
                "--log-format",
                "json",
                "--set",
                "grpc.listen=127.0.0.1:0",
            ])
            .args(["--set", "admin.listen=127.0.0.1:0", "--config"])
            .arg(map.path())
            .args([
                "--set",
                &format!("upstream.endpoint_url=http://{}", simulator.local_addr()),
            ])
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("it is piped");
        let mut process = Self {
            child,
            lines: Mutex::new(BufReader::new(stderr).lines()),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            simulator,
            _end_simulator: end_simulator,
        };
        let starting = process.logs("\"starting\"").await;
        process.address = listening(&starting, "grpc.listen");
        process.admin = listening(&starting, "admin.listen");
        process
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the metrics page.
    pub(crate) async fn metrics(&self) -> String {
        self.admin_page("/metrics").await
    }

    /// Returns a page of the admin port.
    pub(crate) async fn admin_page(&self, path: &str) -> String {
        admin::get(self.admin, path).await.expect("the page")
    }

    /// Waits for the next log line that contains `words`.
    pub(crate) async fn logs(&self, words: &str) -> String {
        self.logs_until(words).await.pop().expect("the line itself")
    }

    /// Returns the next log lines, up to the first that contains `words`.
    pub(crate) async fn logs_until(&self, words: &str) -> Vec<String> {
        let mut lines = self.lines.lock().await;
        let mut read = Vec::new();
        let found = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                let last = line.contains(words);
                read.push(line);
                if last {
                    return;
                }
            }
            panic!("the service exited without a log line that contains {words:?}");
        };
        timeout(TIMEOUT, found)
            .await
            .unwrap_or_else(|_| panic!("no log line contains {words:?}"));
        read
    }

    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.expect("a child")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &id])
            .status();
        assert!(sent.expect("kill is installed").success());
    }
}

/// Starts a simulator whose rate limit is never reached.
async fn simulator() -> (SimulatorHandle, DropGuard) {
    let limit = Limit::new(1000.0, 1000).expect("a limit");
    let latency = Some(Duration::ZERO..=Duration::from_millis(5));
    let settings = Settings {
        create: limit,
        latency,
        ..Settings::default()
    };
    let simulator = Simulator::bind("127.0.0.1:0", settings)
        .await
        .expect("a port");
    let handle = simulator.handle();
    let stop = CancellationToken::new();
    tokio::spawn(simulator.run(stop.clone()));
    (handle, stop.drop_guard())
}

fn listening(line: &str, key: &str) -> SocketAddr {
    let line: Value = serde_json::from_str(line).expect("a JSON line");
    let address = line[key].as_str().expect("the address");
    address.parse().expect("an address")
}
