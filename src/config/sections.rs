//! Every setting: its section, default and bounds, read into the component's type.
//!
//! A new setting is one line here, a field in its component, and a paragraph in
//! `deploy/livegate.example.toml`, which a test compares with this file.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::auth::auth;
use super::grpc::grpc;
use super::kind::{Kind, count, number, positive, time};
use super::list::list;
use super::reader::Reader;
use super::section::Section;
use super::text::{address, choice, file, listed_file};
use super::{
    AdaptiveSettings, AdminSettings, Config, CreateSettings, ResultsSettings, SimulatorSettings,
    callers, store, telemetry, upstream,
};
use crate::admission::{CheckLimit, QueueSettings, QuotaSettings};
use crate::audit::{AuditOutput, AuditSettings};
use crate::auth::policy::Policy;
use crate::idempotency::IdempotencySettings;
use crate::model::SESSION_LIFE;
use crate::retry::RetrySettings;
use crate::shutdown::ShutdownSettings;

/// The profiles of the simulator.
const SIMULATOR_PROFILES: [&str; 7] = [
    "default",
    "slow",
    "throttled",
    "brownout",
    "proxy-html",
    "reset",
    "lost-answer",
];

/// Reads every section.
pub(super) fn config(reader: &mut Reader) -> Config {
    let config = Config {
        grpc: grpc(reader),
        admin: AdminSettings {
            listen: Section::of(reader, "admin").read("listen", loopback(9464), &address()),
        },
        upstream: upstream::upstream(&mut Section::of(reader, "upstream")),
        create_quota: quota(&mut Section::of(reader, "quota.create")),
        results_quota: quota(&mut Section::of(reader, "quota.results")),
        check_limit: check_limit(&mut Section::of(reader, "checks")),
        create: CreateSettings {
            require_request_id: Section::of(reader, "create").flag("require_request_id", false),
        },
        results: results(&mut Section::of(reader, "results")),
        auth: auth(reader),
        audit: audit(&mut Section::of(reader, "audit")),
        retry: retry(&mut Section::of(reader, "retry")),
        store: store::store(reader),
        idempotency: IdempotencySettings {
            required: Section::of(reader, "idempotency").flag("required", false),
        },
        adaptive: AdaptiveSettings {
            enabled: Section::of(reader, "adaptive").flag("enabled", true),
        },
        shutdown: shutdown(&mut Section::of(reader, "shutdown")),
        log: telemetry::log(&mut Section::of(reader, "log")),
        traces: telemetry::traces(&mut Section::of(reader, "traces")),
        simulator: simulator(&mut Section::of(reader, "simulator")),
        callers: QueueSettings::default(),
        policy: Policy::default(),
    };
    let (callers, policy) = callers::callers(reader);
    Config {
        callers,
        policy,
        ..config
    }
}

/// A rate in calls per second, of which the lowest is one call in 1000 s.
pub(super) fn rate() -> Kind<'static, f64> {
    number(0.001..=10_000.0)
}

fn quota(section: &mut Section<'_>) -> QuotaSettings {
    let rate_per_second = section.read("rate_per_second", 25.0, &rate());
    // A request never waits longer than a session lives.
    let wait = &time(Duration::ZERO..=SESSION_LIFE);
    QuotaSettings {
        rate_per_second,
        burst: section.read("burst", fifth_of(rate_per_second), &count(10_000)),
        target_utilization: section.read("target_utilization", 0.98, &number(0.01..=1.0)),
        max_wait: section.read("max_wait", seconds(10), wait),
    }
}

/// Returns a fifth of the rate, at least 1: the default burst is small because AWS
/// throttles sudden increases. A rate of 25 gives 5; rates of 9 and 0.5 give 1.
fn fifth_of(rate: f64) -> NonZeroU32 {
    // The cast rounds down, and the bounds of a rate fit into `u32`.
    NonZeroU32::new((rate / 5.0) as u32).unwrap_or(NonZeroU32::MIN)
}

/// Returns the limit of checks under way, if one is set.
fn check_limit(section: &mut Section<'_>) -> Option<CheckLimit> {
    let max_concurrent = section.optional("max_concurrent", &count(100_000));
    let target_refusals = section.read("target_refusals", 0.02, &positive(0.5));
    let duration = &time(seconds(1)..=SESSION_LIFE);
    let typical_duration = section.read("typical_duration", seconds(8), duration);
    let started_share = section.read("started_share", 0.7, &positive(1.0));
    max_concurrent.map(|max_concurrent| CheckLimit {
        max_concurrent,
        target_refusals,
        typical_duration,
        started_share,
    })
}

fn results(section: &mut Section<'_>) -> ResultsSettings {
    let files = list("paths", 1..=8, listed_file());
    let watchers = NonZeroU32::new(2000).expect("2000 is not zero");
    let (shortest, longest) = (
        &time(millis(100)..=seconds(60)),
        &time(seconds(1)..=seconds(60)),
    );
    ResultsSettings {
        enabled: section.flag("enabled", false),
        allow_unauthenticated: section.flag("allow_unauthenticated", false),
        require_token: section.flag("require_token", true),
        max_watchers: section.read("max_watchers", watchers, &count(100_000)),
        min_poll_interval: section.read("min_poll_interval", seconds(1), shortest),
        max_poll_interval: section.read("max_poll_interval", seconds(60), longest),
        token_key_files: section
            .optional("token_key_files", &files)
            .unwrap_or_default(),
    }
}

fn audit(section: &mut Section<'_>) -> AuditSettings {
    let path = section.optional("path", &file());
    AuditSettings {
        output: path.map_or(AuditOutput::StandardOutput, AuditOutput::File),
        digest_key_file: section.optional("digest_key_file", &file()),
    }
}

fn retry(section: &mut Section<'_>) -> RetrySettings {
    let delay = &time(Duration::ZERO..=seconds(60));
    let floor = &number(0.0..=1000.0);
    let attempts = NonZeroU32::new(4).expect("4 is not zero");
    RetrySettings {
        max_attempts: section.read("max_attempts", attempts, &count(10)),
        base_delay: section.read("base_delay", millis(100), delay),
        max_delay: section.read("max_delay", seconds(2), delay),
        budget_ratio: section.read("budget_ratio", 0.1, &number(0.0..=1.0)),
        budget_floor_per_second: section.read("budget_floor_per_second", 1.0, floor),
    }
}

fn shutdown(section: &mut Section<'_>) -> ShutdownSettings {
    let time = &time(Duration::ZERO..=seconds(600));
    ShutdownSettings {
        lameduck: section.read("lameduck", seconds(5), time),
        grace: section.read("grace", seconds(20), time),
    }
}

fn simulator(section: &mut Section<'_>) -> SimulatorSettings {
    let profiles = SIMULATOR_PROFILES.map(|name| (name, name));
    SimulatorSettings {
        listen: section.read("listen", loopback(9900), &address()),
        profile: section
            .read("profile", "default", &choice(&profiles))
            .to_owned(),
    }
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub(super) const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

pub(super) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_burst_is_a_fifth_of_the_rate() {
        for (text, burst) in [
            ("", 5),
            ("rate_per_second = 0.001", 1),
            ("rate_per_second = 5.0", 1),
            ("rate_per_second = 9.9", 1),
            ("rate_per_second = 10000.0", 2000),
            ("rate_per_second = 5.0\nburst = 5", 5),
        ] {
            let loaded = Config::from_text(&format!("[quota.create]\n{text}"));
            let config = loaded.expect("all values are valid").config;
            assert_eq!(config.create_quota.burst.get(), burst, "{text}");
            assert_eq!(config.results_quota.burst.get(), 5, "{text}");
        }
    }
}
