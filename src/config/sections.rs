//! Every knob: its section, default and bounds, into the component's own type.
//!
//! A new knob is one line here, a field of its component, and its paragraph in
//! `deploy/livegate.example.toml`; a test compares that file with this one. An
//! example: `target_utilization` is `at.number("target_utilization", 0.98, Excluded(0.0), 1.0)` in
//! [`quota`], so both buckets have it, 0.98 where unset, above 0 and at most 1.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::Bound::{Excluded, Included};
use std::path::PathBuf;
use std::time::Duration;

use super::auth::auth;
use super::grpc::grpc;
use super::key_path::KeyPath;
use super::kind::ValidatedString;
use super::paths::FILE;
use super::reader::Reader;
use super::section::Section;
use super::{
    AdaptiveSettings, AdminSettings, Config, ResultsSettings, SimulatorSettings, callers, store,
    telemetry,
};
use crate::admission::{QueueSettings, QuotaSettings};
use crate::audit::{AuditOutput, AuditSettings};
use crate::auth::policy::Policy;
use crate::model::SESSION_LIFE;
use crate::retry::RetrySettings;
use crate::shutdown::ShutdownSettings;
use crate::upstream::aws;

/// The least rate, in calls a second: one in 1000 s. Below it a wait is longer
/// than anybody would wait.
pub(super) const LEAST_RATE: f64 = 0.001;

/// The highest rate, in calls a second.
pub(super) const HIGHEST_RATE: f64 = 10_000.0;

/// What the simulator can play.
const PROFILES: &[&str] = &[
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
            listen: at(reader, "admin").address("listen", loopback(9464)),
        },
        upstream: upstream(&mut at(reader, "upstream")),
        create_quota: quota(&mut at(reader, "quota.create")),
        results_quota: quota(&mut at(reader, "quota.results")),
        results: results(&mut at(reader, "results")),
        auth: auth(reader),
        audit: audit(&mut at(reader, "audit")),
        retry: retry(&mut at(reader, "retry")),
        store: store::store(&mut at(reader, "store")),
        idempotency: store::idempotency(&mut at(reader, "idempotency")),
        adaptive: AdaptiveSettings {
            enabled: at(reader, "adaptive").flag("enabled", true),
        },
        shutdown: shutdown(&mut at(reader, "shutdown")),
        log: telemetry::log(&mut at(reader, "log")),
        traces: telemetry::traces(&mut at(reader, "traces")),
        simulator: simulator(&mut at(reader, "simulator")),
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

pub(super) fn at<'r>(reader: &'r mut Reader, section: &str) -> Section<'r> {
    Section::new(reader, KeyPath::dotted(section))
}

fn upstream(at: &mut Section<'_>) -> aws::AwsSettings {
    let region = ValidatedString {
        fits: is_region,
        expected: "an AWS region, as in \"us-east-1\"",
    };
    let endpoint = ValidatedString {
        fits: is_endpoint,
        expected: "an http or https URL with a host and no user, query or fragment, \
            as in \"http://127.0.0.1:9900\"",
    };
    aws::AwsSettings {
        region: at.text("region", "us-east-1", &region),
        endpoint_url: at.optional_text("endpoint_url", &endpoint),
        use_fips: at.flag("use_fips", false),
        use_dual_stack: at.flag("use_dual_stack", false),
        attempt_timeout: at.time("attempt_timeout", seconds(3), millis(10)..=seconds(60)),
    }
}

fn quota(at: &mut Section<'_>) -> QuotaSettings {
    let rate = at.number("rate_per_second", 25.0, Included(LEAST_RATE), HIGHEST_RATE);
    QuotaSettings {
        rate_per_second: rate,
        burst: at.count("burst", fifth_of(rate), 10_000),
        target_utilization: at.number("target_utilization", 0.98, Excluded(0.0), 1.0),
        // One who waited for a session's whole life could wait for nothing else.
        max_wait: at.time("max_wait", seconds(10), Duration::ZERO..=SESSION_LIFE),
    }
}

/// The calls of a fifth of a second, at least one: AWS throttles sudden rises. A
/// rate of 25 gives 5, of 9 gives 1, of 0.5 gives 1.
fn fifth_of(rate: f64) -> NonZeroU32 {
    // Floored, and in the bounds of a rate: it fits.
    NonZeroU32::new((rate / 5.0) as u32).unwrap_or(NonZeroU32::MIN)
}

fn results(at: &mut Section<'_>) -> ResultsSettings {
    ResultsSettings {
        enabled: at.flag("enabled", false),
        allow_unauthenticated: at.flag("allow_unauthenticated", false),
        require_token: at.flag("require_token", true),
        token_key_files: at.optional_paths("token_key_files"),
    }
}

fn audit(at: &mut Section<'_>) -> AuditSettings {
    let path = at.optional_text("path", &FILE).map(PathBuf::from);
    let digest_key_file = at.optional_text("digest_key_file", &FILE);
    AuditSettings {
        output: path.map_or(AuditOutput::StandardOutput, AuditOutput::File),
        digest_key_file: digest_key_file.map(PathBuf::from),
    }
}

fn retry(at: &mut Section<'_>) -> RetrySettings {
    let delay = Duration::ZERO..=seconds(60);
    RetrySettings {
        max_attempts: at.count("max_attempts", count(4), 10),
        base_delay: at.time("base_delay", millis(100), delay.clone()),
        max_delay: at.time("max_delay", seconds(2), delay),
        budget_ratio: at.number("budget_ratio", 0.1, Included(0.0), 1.0),
        budget_floor_per_second: at.number("budget_floor_per_second", 1.0, Included(0.0), 1000.0),
    }
}

fn shutdown(at: &mut Section<'_>) -> ShutdownSettings {
    ShutdownSettings {
        lameduck: at.time("lameduck", seconds(5), Duration::ZERO..=seconds(600)),
        grace: at.time("grace", seconds(20), Duration::ZERO..=seconds(600)),
    }
}

fn simulator(at: &mut Section<'_>) -> SimulatorSettings {
    let profiles: Vec<(&str, &str)> = PROFILES.iter().map(|name| (*name, *name)).collect();
    SimulatorSettings {
        listen: at.address("listen", loopback(9900)),
        profile: at.choice("profile", "default", &profiles).to_owned(),
    }
}

/// Words of letters, at least two, and a number: `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else {
        return false;
    };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.contains('-')
        && words.split('-').all(is_word)
}

fn is_endpoint(text: &str) -> bool {
    if !text.is_ascii() || text.contains(['@', '?', '#']) {
        return false;
    }
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let Some(authority) = uri.authority() else {
        return false;
    };
    // The crate reads `host:` and `host:99999`, and says that they have no port.
    let port_fits = authority.port_u16().is_some() || authority.as_str() == authority.host();
    is_web && !authority.host().is_empty() && port_fits
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub(super) const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("the defaults in this room are not zero")
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
    fn an_unset_burst_follows_the_rate_and_a_set_one_does_not() {
        for (text, burst) in [
            ("", 5),
            ("rate_per_second = 0.001", 1),
            ("rate_per_second = 5.0", 1),
            ("rate_per_second = 9.9", 1),
            ("rate_per_second = 10000.0", 2000),
            ("rate_per_second = 5.0\nburst = 5", 5),
        ] {
            let loaded = Config::from_text(&format!("[quota.create]\n{text}"));
            let config = loaded.expect("all in bounds").config;
            assert_eq!(config.create_quota.burst.get(), burst, "{text}");
            assert_eq!(config.results_quota.burst.get(), 5, "{text}");
        }
    }

    #[test]
    fn a_region_is_words_and_a_number() {
        for right in ["us-east-1", "ap-southeast-2", "us-gov-west-1"] {
            assert!(is_region(right), "{right}");
        }
        for wrong in [
            "",
            "us",
            "us-1",
            "us-east",
            "US-EAST-1",
            "us--1",
            "us-east-1a",
            "us-east-100",
        ] {
            assert!(!is_region(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_a_web_address_with_a_host() {
        for right in [
            "http://127.0.0.1:9900",
            "https://vpce-1.amazonaws.com",
            "http://[::1]:80/x",
        ] {
            assert!(is_endpoint(right), "{right}");
        }
        for wrong in [
            "",
            "/",
            "host:80",
            "127.0.0.1:9900",
            "ftp://host",
            "http://",
            "http://:80",
            "http://h:",
            "http://h:99999",
            "http://me:pass@h",
            "http://h?q",
            "http://h#f",
            "http://h/é",
        ] {
            assert!(!is_endpoint(wrong), "{wrong}");
        }
    }
}
