//! `livegate device`: plays devices of end users, each with one check.
//!
//! For example, against a simulator with a limit of 75 checks, `livegate device --count 200`
//! creates 200 sessions through Livegate, then starts all checks at once. 75 complete, and
//! 125 fail with `ServiceQuotaExceededException`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use livegate_client::{Client, v1};
use livegate_simulator::{Device, DeviceError};
use serde_json::json;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use url::Url;

use super::duration::duration;
use super::out::{print_json, print_out, printable};
use super::target::Target;
use crate::config::parse_url;

/// The region of sessions that are given by their ids; the simulator accepts any.
const REGION: &str = "us-east-1";

/// Play devices of end users against the simulator
///
/// Creates one session for each device through Livegate, or takes the ids of --session-id, then
/// streams a synthetic check of each to the simulator, all at once. Exits with 1 unless all
/// checks complete.
#[derive(Clone, Debug, clap::Args)]
pub struct DeviceArgs {
    #[command(flatten)]
    target: Target,
    /// URL of the simulator, for the streams
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9900", value_parser = simulator)]
    simulator: Url,
    /// Number of devices, 1 to 1000
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// Id of a session to check, instead of a new one; repeatable
    #[arg(long = "session-id", value_name = "UUID", conflicts_with = "count")]
    session_ids: Vec<String>,
    /// Time from the first to the last piece of video
    #[arg(long, value_name = "DURATION", default_value = "8s", value_parser = duration)]
    video: Duration,
    /// Permit a simulator and a Livegate beyond the loopback interface
    #[arg(long)]
    allow_remote: bool,
}

/// The outcomes of all checks.
#[derive(Debug, Default)]
pub(super) struct CheckCounts {
    pub(super) completed: usize,
    /// Sessions that were not created and checks that failed, by their error.
    pub(super) failures: BTreeMap<String, usize>,
}

/// Creates the sessions and plays their checks. Dropping the future breaks the checks off.
///
/// # Errors
/// Returns an error if an endpoint cannot be used or is not permitted.
pub async fn run(args: DeviceArgs) -> anyhow::Result<ExitCode> {
    let authority = authority(&args.simulator)?;
    if !args.allow_remote {
        require_loopback("--simulator", &args.simulator).await?;
    }
    let mut counts = CheckCounts::default();
    let sessions = if args.session_ids.is_empty() {
        if !args.allow_remote {
            require_loopback("--endpoint", args.target.endpoint()).await?;
        }
        create(&args.target.client()?, args.count, &mut counts).await?
    } else {
        let session = |id| (id, REGION.to_owned());
        args.session_ids.into_iter().map(session).collect()
    };
    let mut checks = JoinSet::new();
    for (id, region) in sessions {
        let device = Device::new(&authority, &region, args.video);
        checks.spawn(async move { device.play(&id).await });
    }
    while let Some(check) = checks.join_next().await {
        counts.add(check?);
    }
    counts.print(args.target.json)?;
    Ok(ExitCode::from(u8::from(!counts.failures.is_empty())))
}

impl CheckCounts {
    pub(super) fn add(&mut self, check: Result<(), DeviceError>) {
        match check {
            Ok(()) => self.completed += 1,
            Err(error) => self.add_failure(error.to_string()),
        }
    }

    fn add_failure(&mut self, error: String) {
        *self.failures.entry(error).or_default() += 1;
    }

    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            let object = json!({"completed": self.completed, "failures": self.failures});
            return print_json(&object);
        }
        self.print_lines()
    }

    pub(super) fn print_lines(&self) -> anyhow::Result<()> {
        print_out(format_args!("{:>5}  completed", self.completed))?;
        for (error, count) in &self.failures {
            print_out(format_args!("{count:>5}  {}", printable(error)))?;
        }
        Ok(())
    }
}

/// Creates `count` sessions concurrently, and returns their ids and regions.
async fn create(
    client: &Client,
    count: u16,
    counts: &mut CheckCounts,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move { client.create(v1::CreateSessionRequest::default()).await });
    }
    let mut sessions = Vec::new();
    while let Some(created) = calls.join_next().await {
        match created? {
            Ok(response) => {
                let session = response.message.session.unwrap_or_default();
                sessions.push((session.session_id, session.region));
            }
            Err(error) => {
                counts.add_failure(format!("{} {}", error.code_name(), error.reason));
            }
        }
    }
    Ok(sessions)
}

fn simulator(text: &str) -> Result<Url, String> {
    let is_bare = |url: &Url| url.scheme() == "http" && url.path() == "/" && url.query().is_none();
    let url = parse_url(text).filter(is_bare);
    url.ok_or("must be a URL such as http://127.0.0.1:9900".to_owned())
}

/// Returns host and port.
fn authority(url: &Url) -> anyhow::Result<String> {
    let host = url.host_str().context("the URL has no host")?;
    let port = url.port_or_known_default();
    Ok(format!("{host}:{}", port.context("the URL has no port")?))
}

async fn require_loopback(flag: &str, url: &Url) -> anyhow::Result<()> {
    let authority = authority(url)?;
    let mut addresses = lookup_host(&authority)
        .await
        .with_context(|| format!("{flag} {url}: cannot resolve {authority}"))?;
    match addresses.find(|address| !address.ip().is_loopback()) {
        None => Ok(()),
        Some(address) => bail!(
            "{flag} {url}: {} is not a loopback address; --allow-remote permits it",
            address.ip()
        ),
    }
}
