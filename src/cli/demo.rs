//! `livegate demo`: the service in front of the embedded simulator.
//!
//! It starts the simulator and the service in this process, then sends 30 concurrent calls
//! of three callers and one invalid request to the gRPC port. The quota is 5 calls per
//! second, and a scripted fault throttles one call. Devices then play the checks of all
//! sessions that were issued, and their callers watch them.

mod burst;
mod checks;
mod table;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use livegate_client::Client;
use livegate_simulator::{CheckSettings, Limit, Settings, Simulator};
use tokio_util::sync::CancellationToken;

use self::burst::CallOutcome;
use super::check_config::report;
use super::out::{print_out, program};
use super::sources::SourceArgs;
use crate::app::Livegate;
use crate::audit::AuditOutput;
use crate::auth::AuthMode;
use crate::config::Config;
use crate::shutdown::ShutdownSignals;
use crate::upstream::aws::CredentialsSource;

/// The quota of the demonstration, in calls per second, and its burst.
const QUOTA: f64 = 5.0;
const BURST: u32 = 2;
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The arguments of `livegate demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    #[command(flatten)]
    sources: SourceArgs,
    /// Exit after the burst of calls
    #[arg(long)]
    once: bool,
}

/// Runs the demonstration.
///
/// # Errors
/// Returns an error if a port cannot be bound or the service fails.
pub async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&args.sources.sources()) {
        Ok(loaded) => loaded.config,
        Err(mistakes) => return report(&mistakes),
    };
    let stop = CancellationToken::new();
    let simulator = simulator(&config).await?;
    let upstream = simulator.local_addr();
    let handle = simulator.handle();
    tokio::spawn(simulator.run(stop.clone()));

    let config = demonstration(config, upstream);
    let reads_results = config.results.enabled;
    let service = bind(config).await?;
    let (address, admin) = (service.grpc_address()?, service.admin_address()?);
    print_out(format_args!(
        "simulated AWS on {upstream}, quota {QUOTA} calls per second\n\
         Livegate on {address}, metrics and probes on http://{admin}\n"
    ))?;
    let serving = tokio::spawn(service.run(stop.clone().cancelled_owned()));

    let client = Client::new(&format!("http://{address}"), CALL_TIMEOUT)?;
    let outcomes = burst::send(&client).await?;
    table::print(&outcomes)?;
    checks::play(&client, reads_results, upstream, &outcomes).await?;
    checks::print_efficiency(&handle.stats())?;
    if !args.once {
        print_next(address, &outcomes)?;
        print_out(format_args!(
            "\nLivegate is running; press Ctrl-C to stop it."
        ))?;
        ShutdownSignals::listen()?.next().await;
    }
    stop.cancel();
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

async fn simulator(config: &Config) -> anyhow::Result<Simulator> {
    let limit = Limit::new(QUOTA, BURST)?;
    let settings = Settings {
        profile: config.simulator.profile.parse()?,
        create: limit,
        // A random seed, so that each run has other session ids.
        seed: fastrand::u64(..),
        faults: vec!["create:ThrottlingException/400".parse()?],
        checks: CheckSettings {
            require_streams: true,
            ..CheckSettings::default()
        },
        ..Settings::default()
    };
    // If the configured port is in use, select a free one.
    let configured = Simulator::bind(config.simulator.listen, settings.clone()).await;
    match configured {
        Ok(simulator) => Ok(simulator),
        Err(_) => Simulator::bind(any_port(config.simulator.listen), settings)
            .await
            .context("cannot listen for the simulator"),
    }
}

/// Overrides the keys of the configuration that the demonstration depends on.
fn demonstration(mut config: Config, upstream: SocketAddr) -> Config {
    config.upstream.endpoint_url = Some(format!("http://{upstream}"));
    config.upstream.use_fips = false;
    config.upstream.use_dual_stack = false;
    config.create_quota.rate_per_second = QUOTA;
    config.create_quota.burst = NonZeroU32::MIN.saturating_add(BURST - 1);
    config.grpc.tls = None;
    config.auth = AuthMode::OptionalHeader.into();
    config.audit.output = AuditOutput::Disabled;
    config.results.enabled = config.grpc.listen.ip().is_loopback();
    config.shutdown.lameduck = Duration::ZERO;
    config.shutdown.grace = Duration::from_secs(2);
    config
}

async fn bind(mut config: Config) -> anyhow::Result<Livegate> {
    match Livegate::bind(config.clone(), CredentialsSource::Simulator).await {
        Ok(service) => return Ok(service),
        Err(error) => print_out(format_args!("{error}: using free ports"))?,
    }
    config.grpc.listen = any_port(config.grpc.listen);
    config.admin.listen = any_port(config.admin.listen);
    Ok(Livegate::bind(config, CredentialsSource::Simulator).await?)
}

fn any_port(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), 0)
}

fn print_next(address: SocketAddr, outcomes: &[CallOutcome]) -> anyhow::Result<()> {
    let livegate = program();
    print_out(format_args!(
        "\nFrom another terminal:\n  {livegate} create --endpoint http://{address}\n  \
         buf curl --protocol grpc --http2-prior-knowledge -d '{{}}' \
         http://{address}/livegate.v1.SessionService/CreateSession"
    ))?;
    let session = |outcome: &CallOutcome| outcome.response.as_ref().ok()?.message.session.clone();
    let issued = outcomes.iter().rev();
    let Some((caller, session)) = issued
        .filter_map(|outcome| Some((outcome.caller, session(outcome)?)))
        .next()
    else {
        return Ok(());
    };
    print_out(format_args!(
        "To read its result before the session expires in 3 minutes:\n  \
         {livegate} result --endpoint http://{address} --caller {caller} \
         --session-id {} --result-token {}",
        session.session_id, session.result_token
    ))
}
