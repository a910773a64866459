//! `livegate simulate`: the embedded Rekognition alone, for other people's tests.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use livegate_simulator::{
    ACCESS_KEY, Fault, Lifetimes, Limit, Profile, SECRET_KEY, Settings, Simulator, Stats,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::duration::duration;
use super::out::say;

/// Answers as Amazon Rekognition does, on this machine
///
/// Speaks the protocol of CreateFaceLivenessSession and GetFaceLivenessSessionResults over plain
/// HTTP, to any AWS SDK with access key `test`, secret `test` and any region. What happened is at
/// GET /_simulator/stats; POST /_simulator/faults orders faults while it runs.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Listens on this address; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9900")]
    listen: SocketAddr,

    /// How slow it is and what fails by chance
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    profile: Profile,

    /// Throttles creates above this rate, in calls a second, 0.001 to 1000000
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate, default_value_t = 25.0)]
    create_rate: f64,

    /// Lets so many creates pass at once after idleness, 1 to 1000000
    #[arg(long, value_name = "CALLS", allow_negative_numbers = true, value_parser = burst, default_value_t = 25)]
    create_burst: u32,

    /// Throttles the reading of results above this rate, in calls a second, 0.001 to 1000000
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = rate, default_value_t = 25.0)]
    results_rate: f64,

    /// Lets so many reads of results pass at once after idleness, 1 to 1000000
    #[arg(long, value_name = "CALLS", allow_negative_numbers = true, value_parser = burst, default_value_t = 25)]
    results_burst: u32,

    /// Takes so long for a call, drawn evenly, such as 50ms..300ms [default: as the profile]
    #[arg(long, value_name = "MIN..MAX", value_parser = latency)]
    latency: Option<RangeInclusive<Duration>>,

    /// Plays this fault on the next call, such as create:ThrottlingException/400*2; repeatable
    ///
    /// OPERATION:ACT, any number of +ADDITION, then *COUNT; in order. OPERATION: create, results.
    /// ACT: CODE/STATUS (an AWS error), html/STATUS, xml/STATUS, empty/STATUS, status/STATUS,
    /// cut-off/STATUS, no-session-id/STATUS, bad-session-id/STATUS, unknown-status, reset,
    /// lost-answer, hang, delay/DURATION. ADDITION: retry-after/DURATION, delay/DURATION, made,
    /// header-code, namespace, no-message. COUNT: 1 to 1000000, or * for ever; once by default.
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,

    /// Draws latency, mishaps and session ids from this seed: the same one, the same run
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// Begins a session's check at this age
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "2s")]
    in_progress_after: Duration,

    /// Ends a session's check at this age
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "5s")]
    finished_after: Duration,

    /// Expires a session at this age; 3m at AWS
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "3m")]
    expired_after: Duration,

    /// Forgets a session and its token at this age
    #[arg(long, value_name = "AGE", value_parser = duration, default_value = "8m")]
    forgotten_after: Duration,
}

/// Answers until SIGINT or SIGTERM; then closes every connection and ends.
/// Dropped, it closes them too.
///
/// # Errors
/// Where the port cannot be had, or signals cannot be heard.
pub async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    let listen = args.listen;
    let settings = args.settings()?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let simulator = Simulator::bind(listen, settings)
        .await
        .with_context(|| format!("cannot listen on {listen} (--listen)"))?;
    say(format_args!(
        "{}",
        greeting(simulator.local_addr(), &simulator.handle().stats())
    ))?;

    let stop = CancellationToken::new();
    let running = simulator.run(stop.clone());
    let told = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    };
    tokio::join!(running, told);
    Ok(())
}

impl SimulateArgs {
    fn settings(self) -> anyhow::Result<Settings> {
        Ok(Settings {
            profile: self.profile,
            create: Limit::new(self.create_rate, self.create_burst).context("--create-rate")?,
            results: Limit::new(self.results_rate, self.results_burst).context("--results-rate")?,
            latency: self.latency,
            faults: self.faults,
            seed: self.seed,
            lifetimes: Lifetimes {
                in_progress: self.in_progress_after,
                finished: self.finished_after,
                expired: self.expired_after,
                forgotten: self.forgotten_after,
            },
        })
    }
}

fn greeting(address: SocketAddr, stats: &Stats) -> String {
    format!(
        "livegate simulate: listening on http://{address} (profile {}, create {}, results {}, \
         seed {}; credentials {ACCESS_KEY}/{SECRET_KEY}, any region)",
        stats.profile, stats.create.limit, stats.results.limit, stats.seed
    )
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .map_err(|_| format!("{text:?} is no number of calls a second"))?;
    Limit::new(rate, 1)
        .map(Limit::rate_per_second)
        .map_err(|error| error.to_string())
}

fn burst(text: &str) -> Result<u32, String> {
    let burst = text
        .parse()
        .map_err(|_| format!("{text:?} is no whole number of calls"))?;
    Limit::new(1.0, burst)
        .map(Limit::burst)
        .map_err(|error| error.to_string())
}

fn latency(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let (least, most) = text
        .split_once("..")
        .ok_or("must be two durations, such as 50ms..300ms")?;
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err("must not begin above its end".to_owned());
    }
    Ok(least..=most)
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
    fn without_flags_the_simulator_is_the_default_one() {
        let (given, default) = (parse(&[]).unwrap(), Settings::default());
        assert_eq!((given.profile, given.seed), (default.profile, default.seed));
        assert_eq!(
            (given.create, given.results),
            (default.create, default.results)
        );
        assert_eq!(
            (given.latency, given.lifetimes),
            (default.latency, default.lifetimes)
        );
        assert!(given.faults.is_empty());
    }

    #[test]
    fn every_flag_is_heard() {
        let given = parse(&[
            "--profile=lost-answer",
            "--create-rate=5",
            "--create-burst=2",
            "--latency=10ms..20ms",
            "--fault=create:reset*2",
            "--fault=results:hang",
            "--seed=9",
            "--expired-after=1s",
        ])
        .unwrap();
        assert_eq!((given.profile, given.seed), (Profile::LostAnswer, 9));
        assert_eq!(given.create, Limit::new(5.0, 2).unwrap());
        assert_eq!(
            given.latency,
            Some(Duration::from_millis(10)..=Duration::from_millis(20))
        );
        assert_eq!(given.faults.len(), 2);
        assert_eq!(given.lifetimes.expired, Duration::from_secs(1));
    }

    #[test]
    fn a_bad_value_is_refused_naming_flag_value_and_bound() {
        for (flag, value, bound) in [
            ("--create-rate", "-1", "from 0.001 to 1000000"),
            ("--create-burst", "0", "from 1 to 1000000"),
            ("--results-rate", "fast", "no number"),
            ("--results-burst", "1.5", "no whole number"),
            ("--latency", "300ms..50ms", "must not begin above its end"),
            ("--latency", "50ms", "two durations"),
            ("--latency", "1..2", "number with a unit"),
            ("--fault", "create:nonsense", "no act"),
            ("--profile", "fast", "brownout"),
            ("--listen", "nowhere", "invalid"),
        ] {
            let refused = parse(&[flag, value]).unwrap_err();
            for part in [flag, value, bound] {
                assert!(refused.contains(part), "{flag} {value}: {refused}");
            }
        }
    }
}
