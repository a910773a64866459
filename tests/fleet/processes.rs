//! The processes of a fleet: a redis-server and replicas of Livegate. Each is killed by
//! its process id, and restarts on its own port.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use livegate::store::{StoreSettings, StoreTls};
use livegate_simulator::SimulatorHandle;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const START_TIMEOUT: Duration = Duration::from_secs(60);

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A redis-server without persistence.
pub(crate) struct Store {
    child: Child,
    port: u16,
}

impl Store {
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let mut store = Self {
            child: Self::spawn(port),
            port,
        };
        store.wait_until_ready().await;
        store
    }

    fn spawn(port: u16) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is on the PATH")
    }

    async fn wait_until_ready(&mut self) {
        let settings = StoreSettings {
            url: Some(self.url()),
            user: None,
            password: None,
            password_file: None,
            tls: StoreTls::default(),
            timeout: Duration::from_millis(100),
            prefix: "test".to_owned(),
            max_replicas: std::num::NonZeroU32::MIN,
        };
        let ready = async {
            while livegate::store::Store::check(&settings).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(START_TIMEOUT, ready)
            .await
            .expect("redis-server answers");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.start_kill().expect("it runs");
    }

    /// Makes it answer nothing for `time`.
    pub(crate) async fn pause(&self, time: Duration) {
        let (port, millis) = (self.port.to_string(), time.as_millis().to_string());
        let pause = ["-p", &port, "CLIENT", "PAUSE", &millis, "ALL"];
        let paused = Command::new("redis-cli").args(pause).output().await;
        assert!(paused.expect("redis-cli is on the PATH").status.success());
    }

    /// Restarts empty.
    pub(crate) async fn restart(&mut self) {
        let _ = self.child.wait().await;
        self.child = Self::spawn(self.port);
        self.wait_until_ready().await;
    }
}

/// A `livegate serve` process.
pub(crate) struct Replica {
    build: PathBuf,
    child: Child,
    port: u16,
    settings: Vec<String>,
}

impl Replica {
    /// Starts a replica and waits until it is ready.
    pub(crate) async fn serve(
        store: &Store,
        simulator: &SimulatorHandle,
        more_settings: &[&str],
    ) -> Self {
        let build = Path::new(env!("CARGO_BIN_EXE_livegate"));
        Self::serve_build(build, store, simulator, more_settings).await
    }

    /// Like [`serve`](Self::serve), with the program `build`.
    pub(crate) async fn serve_build(
        build: &Path,
        store: &Store,
        simulator: &SimulatorHandle,
        more_settings: &[&str],
    ) -> Self {
        let port = free_port();
        let mut settings = vec![
            format!("grpc.listen=127.0.0.1:{port}"),
            "admin.listen=127.0.0.1:0".to_owned(),
            "auth.mode=trusted-header".to_owned(),
            format!("store.url={}", store.url()),
            format!("upstream.endpoint_url=http://{}", simulator.local_addr()),
        ];
        settings.extend(more_settings.iter().map(ToString::to_string));
        let child = Self::spawn(build, &settings).await;
        Self {
            build: build.to_owned(),
            child,
            port,
            settings,
        }
    }

    async fn spawn(build: &Path, settings: &[String]) -> Child {
        let mut child = Command::new(build)
            .args(["serve", "--log-format", "json"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("LIVEGATE_LOG", "info,livegate::grpc=warn")
            .stdout(Stdio::null()) // audit records
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(stderr).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                let line: Value = serde_json::from_str(&line).expect("a JSON line");
                if line["message"] == "ready" {
                    return;
                }
            }
            panic!("the replica exited before it was ready");
        };
        timeout(START_TIMEOUT, ready)
            .await
            .expect("the replica is ready in time");
        // Keep reading, because a full pipe would block the replica.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        child
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Sends SIGTERM, and waits until it has shut down.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().expect("it runs").to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(kill.expect("kill is on the PATH").success());
        self.child.wait().await.expect("a child")
    }

    /// Restarts on its port.
    pub(crate) async fn restart(&mut self) {
        self.child = Self::spawn(&self.build, &self.settings).await;
    }
}
