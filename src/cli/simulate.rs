//! `livegate simulate`: the embedded simulator of Rekognition, for the tests of other services.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use livegate_simulator::{
    ACCESS_KEY, CheckOutcome, CheckSettings, Fault, Lifetimes, Limit, Profile, SECRET_KEY,
    Settings, Simulator, Stats, Thresholds,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::duration::duration;
use super::out::print_out;

/// Serves a local Amazon Rekognition
///
/// Serves CreateFaceLivenessSession and GetFaceLivenessSessionResults over plain HTTP, and
/// StartFaceLivenessSession over WebSocket, for any AWS SDK with access key `test`, secret key
/// `test` and any region. GET /_simulator/stats returns counters; POST /_simulator/faults scripts
/// faults at run time.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// The address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9900")]
    listen: SocketAddr,

    /// Latency and random faults
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    profile: Profile,

    /// The quota of creates, in calls per second, 0.001 to 1000000
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate, default_value_t = 25.0)]
    create_rate: f64,

    /// The burst of creates, in calls, 1 to 1000000
    #[arg(long, value_name = "CALLS", allow_negative_numbers = true, value_parser = burst, default_value_t = 25)]
    create_burst: u32,

    /// The quota of reads of results, in calls per second, 0.001 to 1000000
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate, default_value_t = 25.0)]
    results_rate: f64,

    /// The burst of reads of results, in calls, 1 to 1000000
    #[arg(long, value_name = "CALLS", allow_negative_numbers = true, value_parser = burst, default_value_t = 25)]
    results_burst: u32,

    /// The quota of starts of checks, in calls per second, 0.001 to 1000000
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate, default_value_t = 25.0)]
    start_rate: f64,

    /// The burst of starts of checks, in calls, 1 to 1000000
    #[arg(long, value_name = "CALLS", allow_negative_numbers = true, value_parser = burst, default_value_t = 25)]
    start_burst: u32,

    /// The number of checks under way at the same time; 75 at AWS in us-east-1
    #[arg(long, value_name = "CHECKS", default_value_t = 75)]
    concurrent_checks: usize,

    /// Keep a session CREATED until a stream starts its check; by default, sessions change their
    /// status with their age
    #[arg(long)]
    require_streams: bool,

    /// The outcome of every check, live:CONFIDENCE, spoof:CONFIDENCE or fail [default: of five
    /// sessions, three are live, one is a spoof and one fails]
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<CheckOutcome>,

    /// How precisely the face must match the oval; lenient suits a camera that shows a photograph
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    thresholds: Thresholds,

    /// The latency, drawn uniformly, for example 50ms..300ms [default: that of the profile]
    #[arg(long, value_name = "MIN..MAX", value_parser = latency)]
    latency: Option<RangeInclusive<Duration>>,

    /// A fault of the next calls, for example create:ThrottlingException/400*2; repeatable
    ///
    /// OPERATION:ACTION, any number of +MODIFIER, then *COUNT. OPERATION: create, results, start. ACTION:
    /// CODE/STATUS (an AWS error), html/STATUS, xml/STATUS, empty/STATUS, status/STATUS,
    /// cut-off/STATUS, no-session-id/STATUS, bad-session-id/STATUS, unknown-status, reset,
    /// lost-answer, hang, delay/DURATION; of start: close/CODE, wrong-crc, no-config,
    /// unknown-challenge, wrong-region. MODIFIER: retry-after/DURATION, delay/DURATION, made, header-code,
    /// namespace, no-message; of start: after/PIECES, at-end. COUNT: 1 to 1000000, or * for no
    /// limit; default 1.
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,

    /// The seed of latency, random faults and session ids
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// The age at which the check of a session begins
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "2s")]
    in_progress_after: Duration,

    /// The age at which the check of a session ends
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "5s")]
    finished_after: Duration,

    /// The age at which a session expires; 3m at AWS
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "3m")]
    expired_after: Duration,

    /// The age at which a session and its token are deleted
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "8m")]
    forgotten_after: Duration,
}

/// Serves until SIGINT or SIGTERM, then closes all connections. Dropping the future closes
/// them as well.
///
/// # Errors
/// Returns an error if the address cannot be bound or a signal handler not installed.
pub async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    let listen = args.listen;
    let settings = args.settings()?;
    let mut terminate =
        signal(SignalKind::terminate()).context("cannot install the SIGTERM handler")?;
    let simulator = Simulator::bind(listen, settings)
        .await
        .with_context(|| format!("cannot listen on {listen} (--listen)"))?;
    print_out(format_args!(
        "{}",
        startup_line(simulator.local_addr(), &simulator.handle().stats())
    ))?;

    let stop = CancellationToken::new();
    let server = simulator.run(stop.clone());
    let shutdown = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    };
    tokio::join!(server, shutdown);
    Ok(())
}

impl SimulateArgs {
    fn settings(self) -> anyhow::Result<Settings> {
        Ok(Settings {
            profile: self.profile,
            create: Limit::new(self.create_rate, self.create_burst).context("--create-rate")?,
            results: Limit::new(self.results_rate, self.results_burst).context("--results-rate")?,
            start: Limit::new(self.start_rate, self.start_burst).context("--start-rate")?,
            latency: self.latency,
            faults: self.faults,
            seed: self.seed,
            lifetimes: Lifetimes {
                in_progress: self.in_progress_after,
                finished: self.finished_after,
                expired: self.expired_after,
                forgotten: self.forgotten_after,
            },
            checks: CheckSettings {
                concurrent: self.concurrent_checks,
                require_streams: self.require_streams,
                outcome: self.outcome,
                thresholds: self.thresholds,
            },
        })
    }
}

fn startup_line(address: SocketAddr, stats: &Stats) -> String {
    format!(
        "livegate simulate: listening on http://{address} (profile {}, create {}, results {}, \
         seed {}; credentials {ACCESS_KEY}/{SECRET_KEY}, any region)",
        stats.profile, stats.create.limit, stats.results.limit, stats.seed
    )
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .map_err(|_| format!("{text:?} must be a number of calls per second"))?;
    Limit::new(rate, 1)
        .map(Limit::rate_per_second)
        .map_err(|error| error.to_string())
}

fn burst(text: &str) -> Result<u32, String> {
    let burst = text
        .parse()
        .map_err(|_| format!("{text:?} must be a whole number of calls"))?;
    Limit::new(1.0, burst)
        .map(Limit::burst)
        .map_err(|error| error.to_string())
}

fn latency(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let (min, max) = text
        .split_once("..")
        .ok_or("must be two durations, for example 50ms..300ms")?;
    let (min, max) = (duration(min)?, duration(max)?);
    if min > max {
        return Err(format!("{text:?}: the minimum must not exceed the maximum"));
    }
    Ok(min..=max)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        simulate: SimulateArgs,
    }

    fn parse(args: &[&str]) -> Result<Settings, String> {
        let parsed = Command::try_parse_from([&["simulate"], args].concat());
        let command = parsed.map_err(|error| error.to_string())?;
        command
            .simulate
            .settings()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flags_default_to_the_default_settings() {
        let (parsed, default) = (parse(&[]).unwrap(), Settings::default());
        assert_eq!(
            (parsed.profile, parsed.seed),
            (default.profile, default.seed)
        );
        assert_eq!(
            (parsed.create, parsed.results),
            (default.create, default.results)
        );
        assert_eq!(
            (parsed.latency, parsed.lifetimes),
            (default.latency, default.lifetimes)
        );
        assert_eq!(
            (parsed.start, parsed.checks),
            (default.start, default.checks)
        );
        assert!(parsed.faults.is_empty());
    }

    #[test]
    fn flags_set_the_settings() {
        let parsed = parse(&[
            "--profile=lost-answer",
            "--create-rate=5",
            "--create-burst=2",
            "--latency=10ms..20ms",
            "--fault=create:reset*2",
            "--fault=results:hang",
            "--seed=9",
            "--expired-after=1s",
            "--concurrent-checks=3",
            "--require-streams",
            "--outcome=spoof:12",
            "--thresholds=lenient",
        ])
        .unwrap();
        assert_eq!((parsed.profile, parsed.seed), (Profile::LostAnswer, 9));
        assert_eq!(parsed.create, Limit::new(5.0, 2).unwrap());
        assert_eq!(
            parsed.latency,
            Some(Duration::from_millis(10)..=Duration::from_millis(20))
        );
        assert_eq!(parsed.faults.len(), 2);
        let checks = CheckSettings {
            concurrent: 3,
            require_streams: true,
            outcome: Some(CheckOutcome::Succeeded(12.0)),
            thresholds: Thresholds::Lenient,
        };
        assert_eq!(parsed.checks, checks);
        assert_eq!(parsed.lifetimes.expired, Duration::from_secs(1));
    }

    #[test]
    fn an_error_states_flag_value_and_bound() {
        for (flag, value, bound) in [
            ("--create-rate", "-1", "from 0.001 to 1000000"),
            ("--create-burst", "0", "from 1 to 1000000"),
            ("--results-rate", "fast", "must be a number"),
            ("--results-burst", "1.5", "must be a whole number"),
            ("--latency", "300ms..50ms", "must not exceed the maximum"),
            ("--latency", "50ms", "two durations"),
            ("--latency", "1..2", "number with a unit"),
            ("--fault", "create:nonsense", "is unknown"),
            ("--profile", "fast", "brownout"),
            ("--listen", "nowhere", "invalid"),
        ] {
            let error = parse(&[flag, value]).unwrap_err();
            for part in [flag, value, bound] {
                assert!(error.contains(part), "{flag} {value}: {error}");
            }
        }
    }
}
