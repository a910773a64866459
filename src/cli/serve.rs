//! `livegate serve`: the service.

use std::process::ExitCode;

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::check_config::tell;
use super::sources::SourceArgs;
use crate::app::Livegate;
use crate::config::Config;
use crate::shutdown::ShutdownSignals;
use crate::telemetry::{LogFormat, Telemetry};
use crate::upstream::aws::Credentials;

/// Run the service.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    sources: SourceArgs,
    /// The form of the log lines on standard error; log.filter and
    /// LIVEGATE_LOG filter them, as in info,livegate=debug
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// Serves until it is asked to leave; a second signal ends it at once.
///
/// # Errors
/// Where it cannot start, or not go on. A configuration with mistakes is no error
/// here: they are printed, and the exit code is 1.
pub async fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let sources = args.sources.sources();
    let loaded = match Config::load(&sources) {
        Ok(loaded) => loaded,
        Err(mistakes) => return tell(&mistakes),
    };
    let Config { log, traces, .. } = &loaded.config;
    let region = &loaded.config.upstream.region;
    let telemetry = Telemetry::install(args.log_format, &log.filter, traces, region)
        .map_err(|problem| anyhow!(problem))?;
    let mut signals = ShutdownSignals::listen()?;
    let service = Livegate::bind(loaded.config.clone(), Credentials::DefaultChain).await?;
    let service = service.reloading(sources, loaded, telemetry.filter())?;
    let stop = CancellationToken::new();
    let asked_twice = async {
        signals.next().await;
        stop.cancel();
        signals.next().await;
    };
    let serving = async {
        let served = service.run(stop.clone().cancelled_owned()).await;
        telemetry.close().await;
        served
    };
    tokio::select! {
        served = serving => served?,
        () = asked_twice => warn!("asked twice: leaving at once"),
    }
    Ok(ExitCode::SUCCESS)
}
