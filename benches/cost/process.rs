//! Processes of servers: start, address, CPU time, memory. Dropped, a process is killed.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::servers::Server;

/// The unit of CPU time in `/proc/PID/stat`: 1/100 s on Linux.
const TICK: Duration = Duration::from_millis(10);

/// The bytes of a page on the machines that this is measured on.
const PAGE_BYTES: u64 = 4096;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Process {
    child: Child,
    /// The server's URL.
    pub(crate) url: String,
    /// The time from the start of the process to readiness.
    pub(crate) started_in: Duration,
    _folder: TempDir,
}

impl Process {
    /// Starts a server of this binary.
    pub(crate) async fn server(server: Server, aws: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let name = clap::ValueEnum::to_possible_value(&server).expect("no value is skipped");
        command.args(["--server", name.get_name(), "--aws", aws]);
        Self::start(command, "127.0.0.1:", |text| {
            let address = text.lines().next()?;
            text.ends_with('\n').then(|| format!("http://{address}"))
        })
        .await
    }

    /// Starts `binary serve` with `config`, in front of the AWS at `aws`.
    pub(crate) async fn livegate(binary: &Path, config: &str, aws: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("livegate.toml");
        std::fs::write(&file, config)?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--log-format", "json", "--config"])
            .arg(&file)
            .args(["--set", "grpc.listen=127.0.0.1:0"])
            .args(["--set", "admin.listen=127.0.0.1:0"])
            .args(["--set", &format!("upstream.endpoint_url={aws}")])
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        Self::start(command, "\"ready\"", |text| {
            let (_, rest) = text.split_once("\"grpc.listen\":\"")?;
            let (address, _) = rest.split_once('"')?;
            Some(format!("http://{address}"))
        })
        .await
    }

    /// Runs `command` with its output in files, until the output contains `ready`.
    async fn start(
        mut command: Command,
        ready: &str,
        url: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (out, log) = (folder.path().join("out"), folder.path().join("log"));
        let begin = Instant::now();
        let child = command
            .stdin(Stdio::piped())
            .stdout(File::create(&out)?)
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a server")?;
        while begin.elapsed() < START_TIMEOUT {
            let text = std::fs::read_to_string(&log)? + &std::fs::read_to_string(&out)?;
            if text.contains(ready)
                && let Some(url) = url(&text)
            {
                return Ok(Self {
                    child,
                    url,
                    started_in: begin.elapsed(),
                    _folder: folder,
                });
            }
            sleep(Duration::from_millis(1)).await;
        }
        bail!("not ready: {}", std::fs::read_to_string(&log)?)
    }

    /// Returns the CPU time of the process so far, in user and kernel mode.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        // The name in parentheses may contain spaces. User and system time are the fields
        // 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").context("no process name")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>);
        Ok(ticks.sum::<Result<u32, _>>().map(|ticks| TICK * ticks)?)
    }

    /// Returns the bytes of resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let statm = self.read("statm")?;
        let resident = statm.split(' ').nth(1).context("two figures")?;
        Ok(resident.parse::<u64>()? * PAGE_BYTES)
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        let id = self.child.id().context("the server has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }
}
