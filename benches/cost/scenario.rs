//! The comparisons: which servers take turns under which load.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::credentials::Credentials;
use super::footprint::{self, Figure};
use super::load::{Load, Sample};
use super::process::Process;
use super::report::{Goal, Metric, Table};
use super::servers::Server;

/// The measured binary, built with the benchmark's profile, which is that of a release.
const LIVEGATE: &str = env!("CARGO_BIN_EXE_livegate");

/// A quota that never limits.
const UNLIMITED: &str = "[quota.create]\nrate_per_second = 10000.0\nburst = 10000\n";

/// A quota that refuses all calls but one a second, if their deadline is short.
const REFUSING: &str = "[quota.create]\nrate_per_second = 1.0\nburst = 1\n";

const DEADLINE: Duration = Duration::from_secs(10);
const SHORT_DEADLINE: Duration = Duration::from_millis(200);
const MANY: usize = 64;
const CONNECTIONS: usize = 4;

/// What to measure, and for how long.
pub(crate) struct Scenarios {
    pub(crate) rounds: u32,
    pub(crate) span: Duration,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) only: String,
}

/// All results.
pub(crate) struct Results {
    pub(crate) tables: Vec<Table>,
    pub(crate) figures: Vec<Figure>,
}

/// The scenario that adds one feature at a time.
const ADDITIONS: &str = "additions, 64 in flight";

/// A server, and the load for it.
struct Competitor {
    name: String,
    process: Process,
    load: Load,
}

impl Scenarios {
    pub(crate) async fn run(&self) -> anyhow::Result<Results> {
        let aws = Process::server(Server::Aws, "").await?;
        let mut tables = Vec::new();
        let many = vec![Goal::at_least(Metric::Calls, 0.9)];
        let one = vec![Goal::at_most(Metric::P50, 1.15)];
        for (name, in_flight, goals) in [
            ("create, 64 in flight", MANY, many),
            ("create, 1 in flight", 1, one),
        ] {
            if self.includes(name) {
                let servers = self.create_servers(&aws, in_flight).await?;
                tables.push(self.compare(name, goals, &servers).await?);
            }
        }
        let name = "refusal, 64 in flight";
        if self.includes(name) {
            let servers = self.refusal_servers(&aws).await?;
            let goals = vec![Goal::at_least(Metric::Calls, 0.7)];
            tables.push(self.compare(name, goals, &servers).await?);
        }
        if self.includes(ADDITIONS) {
            tables.push(self.compare_additions(&aws).await?);
        }
        let figures = if self.includes("footprint") {
            footprint::measure(&self.binaries(), &aws.url).await?
        } else {
            Vec::new()
        };
        Ok(Results { tables, figures })
    }

    async fn compare_additions(&self, aws: &Process) -> anyhow::Result<Table> {
        let credentials = Credentials::new()?;
        let collector = Process::server(Server::Collector, "").await?;
        let folder = tempfile::tempdir()?;
        let audit = folder.path().join("audit.log");
        let servers = additions(aws, &credentials, &collector, &audit).await?;
        self.compare(ADDITIONS, Vec::new(), &servers).await
    }

    fn includes(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    /// Returns the measured binaries and their names.
    fn binaries(&self) -> Vec<(&'static str, &Path)> {
        let baseline = self.baseline.as_deref().map(|path| ("baseline", path));
        let measured = ("Livegate", Path::new(LIVEGATE));
        baseline.into_iter().chain([measured]).collect()
    }

    async fn create_servers(
        &self,
        aws: &Process,
        in_flight: usize,
    ) -> anyhow::Result<Vec<Competitor>> {
        let load = Load::new(in_flight, DEADLINE, Code::Ok);
        let bare = Process::server(Server::PassThrough, &aws.url).await?;
        let mut servers = vec![Competitor::new("pass-through", bare, load.clone())?];
        for (name, binary) in self.binaries() {
            let process = Process::livegate(binary, UNLIMITED, &aws.url).await?;
            servers.push(Competitor::new(name, process, load.clone())?);
        }
        Ok(servers)
    }

    async fn refusal_servers(&self, aws: &Process) -> anyhow::Result<Vec<Competitor>> {
        let load = Load::new(MANY, SHORT_DEADLINE, Code::ResourceExhausted);
        let bare = Process::server(Server::Refusal, "").await?;
        let mut servers = vec![Competitor::new("tonic refusal", bare, load.clone())?];
        for (name, binary) in self.binaries() {
            let process = Process::livegate(binary, REFUSING, &aws.url).await?;
            servers.push(Competitor::new(name, process, load.clone())?);
        }
        Ok(servers)
    }

    /// Lets the servers take turns, after one round that does not count.
    async fn compare(
        &self,
        name: &'static str,
        goals: Vec<Goal>,
        servers: &[Competitor],
    ) -> anyhow::Result<Table> {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); servers.len()];
        for round in 0..=self.rounds {
            for (server, samples) in servers.iter().zip(&mut samples) {
                let sample = server.load.run(&server.process, self.span).await?;
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        let names = servers.iter().map(|server| server.name.clone());
        Ok(Table {
            name,
            goals,
            rows: names.zip(samples).collect(),
        })
    }
}

/// Livegate as in the other tables, and with more turned on.
async fn additions(
    aws: &Process,
    credentials: &Credentials,
    collector: &Process,
    audit: &Path,
) -> anyhow::Result<Vec<Competitor>> {
    let load = Load::new(MANY, DEADLINE, Code::Ok);
    let mut authenticated = load.clone();
    authenticated.authorization = Some(credentials.authorization.clone());
    let traces = format!(
        "[traces]\nendpoint = {:?}\nsample_ratio = 1.0\n",
        collector.url
    );
    let mut servers = Vec::new();
    for (name, more, load) in [
        ("Livegate", String::new(), &load),
        (
            "audit to a file",
            format!("[audit]\npath = {audit:?}\n"),
            &load,
        ),
        ("all traces", traces, &load),
        ("mTLS and JWT (ES256)", credentials.config(), &authenticated),
    ] {
        let config = format!("{UNLIMITED}{more}");
        let mut process = Process::livegate(Path::new(LIVEGATE), &config, &aws.url).await?;
        let mut load = load.clone();
        if load.authorization.is_some() {
            process.url = process.url.replace("http:", "https:");
            let endpoint = Endpoint::from_shared(process.url.clone())?;
            load.connect(&endpoint.tls_config(credentials.tls.clone())?);
        }
        servers.push(Competitor::new(name, process, load)?);
    }
    Ok(servers)
}

impl Competitor {
    fn new(name: &str, process: Process, mut load: Load) -> anyhow::Result<Self> {
        if load.connections.is_empty() {
            load.connect(&Channel::from_shared(process.url.clone())?);
        }
        let name = name.to_owned();
        Ok(Self {
            name,
            process,
            load,
        })
    }
}

impl Load {
    fn new(in_flight: usize, deadline: Duration, expected: Code) -> Self {
        Self {
            connections: Vec::new(),
            in_flight,
            deadline,
            authorization: None,
            expected,
        }
    }

    fn connect(&mut self, endpoint: &Endpoint) {
        let count = CONNECTIONS.min(self.in_flight);
        self.connections = (0..count).map(|_| endpoint.connect_lazy()).collect();
    }
}
