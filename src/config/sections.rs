//! Every setting: its section, default and bounds, read into the component's type.
//!
//! A new setting is one line here, a field in its component, and a paragraph in
//! `deploy/livegate.example.toml`, which a test compares with this file.

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
    AdaptiveSettings, AdminSettings, Config, CreateSettings, ResultsSettings, SimulatorSettings,
    callers, store, telemetry,
};
use crate::admission::{QueueSettings, QuotaSettings};
use crate::audit::{AuditOutput, AuditSettings};
use crate::auth::policy::Policy;
use crate::model::SESSION_LIFE;
use crate::retry::RetrySettings;
use crate::shutdown::ShutdownSettings;
use crate::upstream::aws;

/// The lowest rate, in calls per second: one call in 1000 s.
pub(super) const MIN_RATE: f64 = 0.001;

/// The highest rate, in calls per second.
pub(super) const MAX_RATE: f64 = 10_000.0;

/// The profiles of the simulator.
const SIMULATOR_PROFILES: &[&str] = &[
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
            listen: section(reader, "admin").address("listen", loopback(9464)),
        },
        upstream: upstream(&mut section(reader, "upstream")),
        create_quota: quota(&mut section(reader, "quota.create")),
        results_quota: quota(&mut section(reader, "quota.results")),
        create: CreateSettings {
            require_request_id: section(reader, "create").flag("require_request_id", false),
        },
        results: results(&mut section(reader, "results")),
        auth: auth(reader),
        audit: audit(&mut section(reader, "audit")),
        retry: retry(&mut section(reader, "retry")),
        store: store::store(&mut section(reader, "store")),
        idempotency: store::idempotency(&mut section(reader, "idempotency")),
        adaptive: AdaptiveSettings {
            enabled: section(reader, "adaptive").flag("enabled", true),
        },
        shutdown: shutdown(&mut section(reader, "shutdown")),
        log: telemetry::log(&mut section(reader, "log")),
        traces: telemetry::traces(&mut section(reader, "traces")),
        simulator: simulator(&mut section(reader, "simulator")),
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

/// Opens the section with the dotted key `key`.
pub(super) fn section<'r>(reader: &'r mut Reader, key: &str) -> Section<'r> {
    Section::new(reader, KeyPath::dotted(key))
}

fn upstream(section: &mut Section<'_>) -> aws::AwsSettings {
    let region = ValidatedString {
        is_valid: is_region,
        expected: "an AWS region, as in \"us-east-1\"",
    };
    let endpoint = ValidatedString {
        is_valid: is_endpoint,
        expected: "an http or https URL with a host and no user, query or fragment, \
            as in \"http://127.0.0.1:9900\"",
    };
    aws::AwsSettings {
        region: section.text("region", "us-east-1", &region),
        endpoint_url: section.optional_text("endpoint_url", &endpoint),
        use_fips: section.flag("use_fips", false),
        use_dual_stack: section.flag("use_dual_stack", false),
        role_arn: None,
        attempt_timeout: section.time("attempt_timeout", seconds(3), millis(10)..=seconds(60)),
    }
}

fn quota(section: &mut Section<'_>) -> QuotaSettings {
    let rate = section.number("rate_per_second", 25.0, Included(MIN_RATE), MAX_RATE);
    QuotaSettings {
        rate_per_second: rate,
        burst: section.count("burst", fifth_of(rate), 10_000),
        target_utilization: section.number("target_utilization", 0.98, Excluded(0.0), 1.0),
        // A request never waits longer than a session lives.
        max_wait: section.time("max_wait", seconds(10), Duration::ZERO..=SESSION_LIFE),
    }
}

/// Returns a fifth of the rate, at least 1: the default burst is small because AWS
/// throttles sudden increases. A rate of 25 gives 5; rates of 9 and 0.5 give 1.
fn fifth_of(rate: f64) -> NonZeroU32 {
    // The cast rounds down, and the bounds of a rate fit into `u32`.
    NonZeroU32::new((rate / 5.0) as u32).unwrap_or(NonZeroU32::MIN)
}

fn results(section: &mut Section<'_>) -> ResultsSettings {
    ResultsSettings {
        enabled: section.flag("enabled", false),
        allow_unauthenticated: section.flag("allow_unauthenticated", false),
        require_token: section.flag("require_token", true),
        token_key_files: section.optional_paths("token_key_files"),
    }
}

fn audit(section: &mut Section<'_>) -> AuditSettings {
    let path = section.optional_text("path", &FILE).map(PathBuf::from);
    let digest_key_file = section.optional_text("digest_key_file", &FILE);
    AuditSettings {
        output: path.map_or(AuditOutput::StandardOutput, AuditOutput::File),
        digest_key_file: digest_key_file.map(PathBuf::from),
    }
}

fn retry(section: &mut Section<'_>) -> RetrySettings {
    let delay = Duration::ZERO..=seconds(60);
    RetrySettings {
        max_attempts: section.count("max_attempts", count(4), 10),
        base_delay: section.time("base_delay", millis(100), delay.clone()),
        max_delay: section.time("max_delay", seconds(2), delay),
        budget_ratio: section.number("budget_ratio", 0.1, Included(0.0), 1.0),
        budget_floor_per_second: section.number(
            "budget_floor_per_second",
            1.0,
            Included(0.0),
            1000.0,
        ),
    }
}

fn shutdown(section: &mut Section<'_>) -> ShutdownSettings {
    ShutdownSettings {
        lameduck: section.time("lameduck", seconds(5), Duration::ZERO..=seconds(600)),
        grace: section.time("grace", seconds(20), Duration::ZERO..=seconds(600)),
    }
}

fn simulator(section: &mut Section<'_>) -> SimulatorSettings {
    let profiles: Vec<(&str, &str)> = SIMULATOR_PROFILES
        .iter()
        .map(|name| (*name, *name))
        .collect();
    SimulatorSettings {
        listen: section.address("listen", loopback(9900)),
        profile: section.choice("profile", "default", &profiles).to_owned(),
    }
}

/// Returns whether `text` is at least two words and a number, as in `us-gov-west-1`.
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
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let Some(authority) = uri.authority() else {
        return false;
    };
    // `http::Uri` parses `host:` and `host:99999` as an authority without a port.
    let port_is_valid = authority.port_u16().is_some() || authority.as_str() == authority.host();
    is_http && !authority.host().is_empty() && port_is_valid
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

    #[test]
    fn a_region_is_words_and_a_number() {
        for valid in ["us-east-1", "ap-southeast-2", "us-gov-west-1"] {
            assert!(is_region(valid), "{valid}");
        }
        for invalid in [
            "",
            "us",
            "us-1",
            "us-east",
            "US-EAST-1",
            "us--1",
            "us-east-1a",
            "us-east-100",
        ] {
            assert!(!is_region(invalid), "{invalid}");
        }
    }

    #[test]
    fn an_endpoint_is_an_http_url_with_a_host() {
        for valid in [
            "http://127.0.0.1:9900",
            "https://vpce-1.amazonaws.com",
            "http://[::1]:80/x",
        ] {
            assert!(is_endpoint(valid), "{valid}");
        }
        for invalid in [
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
            assert!(!is_endpoint(invalid), "{invalid}");
        }
    }
}
