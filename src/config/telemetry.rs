//! `[log]` and `[traces]`.

use std::ops::Bound::Included;
use std::time::Duration;

use super::LogSettings;
use super::kind::ValidatedString;
use super::section::Section;
use crate::telemetry::{DEFAULT_FILTER, TracesSettings, is_collector_url, is_filter};

pub(super) fn log(section: &mut Section<'_>) -> LogSettings {
    let filter = ValidatedString {
        is_valid: is_filter,
        expected: "a filter of log levels and modules, as in \"info,livegate=debug\"",
    };
    LogSettings {
        filter: section.text("filter", DEFAULT_FILTER, &filter),
    }
}

pub(super) fn traces(section: &mut Section<'_>) -> TracesSettings {
    let url = ValidatedString {
        is_valid: is_collector_url,
        expected: "an http URL with only a host and a port, as in \
            \"http://127.0.0.1:4317\"",
    };
    let (min, max) = (Duration::from_millis(10), Duration::from_secs(60));
    TracesSettings {
        endpoint: section.optional_text("endpoint", &url),
        sample_ratio: section.number("sample_ratio", 1.0, Included(0.0), 1.0),
        timeout: section.time("timeout", Duration::from_secs(2), min..=max),
    }
}
