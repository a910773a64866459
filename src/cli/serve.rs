//! `livegate serve`: the service.

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::check_config::report;
use super::out::{print_err, with_causes};
use super::sources::SourceArgs;
use crate::app::Livegate;
use crate::config::{Config, Loaded, Sources};
use crate::model::wall_clock;
use crate::shutdown::ShutdownSignals;
use crate::telemetry::{LogFormat, Telemetry};
use crate::upstream::aws::CredentialsSource;

/// Run the service.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    sources: SourceArgs,
    /// Format of the log lines on standard error; log.filter and LIVEGATE_LOG
    /// filter them, as in info,livegate=debug
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// Serves until a shutdown signal, then drains. A second signal ends it at once.
///
/// An invalid configuration is no error: it is reported, and the exit code is 1.
///
/// # Errors
/// If the service cannot start, or fails.
pub async fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    // Without a handler, SIGHUP ends the process, so install it first. It keeps the signal
    // until the service runs.
    let hangup = signal(SignalKind::hangup())?;
    let sources = args.sources.sources();
    let loaded = match Config::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) if args.log_format == LogFormat::Json => {
            errors
                .iter()
                .for_each(|error| print_json_error(&error.to_string()));
            return Ok(ExitCode::FAILURE);
        }
        Err(errors) => return report(&errors),
    };
    match serve(args.log_format, sources, loaded, hangup).await {
        Err(error) if args.log_format == LogFormat::Json => {
            print_json_error(&with_causes(&error));
            Ok(ExitCode::FAILURE)
        }
        served => served.map(|()| ExitCode::SUCCESS),
    }
}

/// Prints an error that prevents the start, like a log line: the log itself may not be
/// installed.
fn print_json_error(message: &str) {
    let timestamp = humantime::format_rfc3339_micros(wall_clock()).to_string();
    let line = json!({"timestamp": timestamp, "level": "ERROR", "message": message});
    print_err(format_args!("{line}"));
}

async fn serve(
    format: LogFormat,
    sources: Sources,
    loaded: Loaded,
    hangup: Signal,
) -> anyhow::Result<()> {
    let Config { log, traces, .. } = &loaded.config;
    let region = &loaded.config.upstream.region;
    let telemetry =
        Telemetry::install(format, &log.filter, traces, region).map_err(|error| anyhow!(error))?;
    for warning in loaded.config.warnings() {
        warn!("configuration: {warning}");
    }
    let mut signals = ShutdownSignals::listen()?;
    let service = Livegate::bind(loaded.config.clone(), CredentialsSource::DefaultChain).await?;
    let service = service.reloading(sources, loaded, telemetry.filter(), hangup);
    let stop = CancellationToken::new();
    let second_signal = async {
        signals.next().await;
        stop.cancel();
        signals.next().await;
    };
    tokio::select! {
        result = service.run(stop.clone().cancelled_owned()) => {
            telemetry.close().await;
            result?;
        }
        () = second_signal => warn!("second shutdown signal, exiting at once"),
    }
    Ok(())
}
