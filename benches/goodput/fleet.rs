//! Replicas of Livegate, each a process with a configuration file, and their store.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::arm::Fleet;
use super::http;
use super::process::{PATIENCE, Process, Running};
use super::simulator::{LIVEGATE, Simulator};

const REDIS: &str = "redis-server";
const EVERY: Duration = Duration::from_millis(20);
/// Another process may take a port between its choice and its use.
const TRIES: usize = 3;

/// Replicas that are ready, and their store.
pub(crate) struct Replicas {
    replicas: Vec<Replica>,
    store: Option<Store>,
}

struct Replica {
    process: Running,
    endpoint: String,
}

/// A redis-server that keeps nothing.
pub(crate) struct Store {
    process: Option<Running>,
    port: u16,
}

impl Replicas {
    pub(crate) async fn start(
        fleet: Fleet,
        quota: f64,
        simulator: &Simulator,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let store = match fleet.has_store() {
            true => Some(Store::start().await?),
            false => None,
        };
        let url = store
            .as_ref()
            .map(|store| format!("redis://127.0.0.1:{}", store.port));
        let mut replicas = Vec::new();
        for number in 0..fleet.replicas {
            let file = directory.join(format!("livegate-{number}.toml"));
            let config = Config {
                quota,
                simulator: simulator.url(),
                store: url.clone(),
            };
            replicas.push(Replica::start(&config, &file).await?);
        }
        Ok(Self { replicas, store })
    }

    pub(crate) fn endpoints(&self) -> Vec<&str> {
        self.replicas
            .iter()
            .map(|replica| replica.endpoint.as_str())
            .collect()
    }

    /// Kills the store after `before`, and starts it again, empty, after `during`.
    pub(crate) async fn outage(
        &mut self,
        before: Duration,
        during: Duration,
    ) -> anyhow::Result<()> {
        let store = self.store.as_mut().context("there is no store")?;
        sleep(before).await;
        store.kill().await;
        sleep(during).await;
        store.restart().await
    }

    pub(crate) async fn end(self) {
        for replica in self.replicas {
            replica.process.end().await;
        }
        if let Some(mut store) = self.store {
            store.kill().await;
        }
    }
}

/// The configuration that the replicas of one run share. Every other key has its default.
struct Config {
    quota: f64,
    simulator: String,
    store: Option<String>,
}

impl Config {
    fn text(&self, grpc: u16, admin: u16) -> String {
        let Self {
            quota,
            simulator,
            store,
        } = self;
        let store = store
            .as_ref()
            .map(|url| format!("[store]\nurl = \"{url}\"\n"));
        format!(
            "[grpc]\nlisten = \"127.0.0.1:{grpc}\"\n\
             [admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [upstream]\nregion = \"us-east-1\"\nendpoint_url = \"{simulator}\"\n\
             [quota.create]\nrate_per_second = {quota:.1}\n\
             [auth]\nmode = \"trusted-header\"\n{}",
            store.unwrap_or_default()
        )
    }
}

impl Replica {
    async fn start(config: &Config, file: &Path) -> anyhow::Result<Self> {
        for _ in 0..TRIES {
            let [grpc, admin] = free_ports().await?;
            std::fs::write(file, config.text(grpc, admin))?;
            let args = ["serve".as_ref(), "--config".as_ref(), file.as_os_str()];
            let mut process = Process::guarded(LIVEGATE, args)?.discard_output();
            let ready = timeout(PATIENCE, process.unless_it_ends(is_ready(admin)));
            if let Ok(Some(())) = ready.await {
                let endpoint = format!("http://127.0.0.1:{grpc}");
                return Ok(Self { process, endpoint });
            }
            process.end().await;
        }
        bail!("a replica of Livegate did not become ready")
    }
}

async fn is_ready(admin: u16) {
    let address = format!("127.0.0.1:{admin}");
    while http::get(&address, "/readyz").await.is_err() {
        sleep(EVERY).await;
    }
}

impl Store {
    /// Returns its version. Fails with advice where there is no redis-server.
    pub(crate) fn version() -> anyhow::Result<String> {
        let advice = "redis-server is not on the PATH; install it, on Debian with \
                      `apt-get install redis-server`";
        let output = Command::new(REDIS)
            .arg("--version")
            .output()
            .context(advice)?;
        ensure!(output.status.success(), advice);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split(' ').find_map(|word| word.strip_prefix("v="));
        Ok(version.unwrap_or("unknown").to_owned())
    }

    async fn start() -> anyhow::Result<Self> {
        let [port, _] = free_ports().await?;
        let mut store = Self {
            process: None,
            port,
        };
        store.restart().await?;
        Ok(store)
    }

    async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.end().await;
        }
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let args = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        self.process = Some(Process::guarded(REDIS, args)?.discard_output());
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(EVERY).await;
            }
        };
        timeout(PATIENCE, listens)
            .await
            .context("redis-server does not listen")
    }
}

/// Two ports that differ, because both are taken at once.
async fn free_ports() -> anyhow::Result<[u16; 2]> {
    let [one, other] = [
        TcpListener::bind("127.0.0.1:0").await?,
        TcpListener::bind("127.0.0.1:0").await?,
    ];
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}
