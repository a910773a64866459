//! `[log]` and `[traces]`: what the process says of itself.
//!
//! An example: `filter = "livegate=loud"` is a error, named with its key and its
//! value, because `loud` is no level.

use std::ops::Bound::Included;
use std::time::Duration;

use super::LogSettings;
use super::kind::ValidatedString;
use super::section::Section;
use crate::telemetry::{DEFAULT_FILTER, TracesSettings, is_collector_url, is_filter};

pub(super) fn log(at: &mut Section<'_>) -> LogSettings {
    let filter = ValidatedString {
        fits: is_filter,
        expected: "a filter of levels and modules, as in \"info,livegate=debug\"",
    };
    LogSettings {
        filter: at.text("filter", DEFAULT_FILTER, &filter),
    }
}

pub(super) fn traces(at: &mut Section<'_>) -> TracesSettings {
    let url = ValidatedString {
        fits: is_collector_url,
        expected: "an http URL with a host and a port and nothing else, as in \
            \"http://127.0.0.1:4317\"",
    };
    let (shortest, longest) = (Duration::from_millis(10), Duration::from_secs(60));
    TracesSettings {
        endpoint: at.optional_text("endpoint", &url),
        sample_ratio: at.number("sample_ratio", 1.0, Included(0.0), 1.0),
        timeout: at.time("timeout", Duration::from_secs(2), shortest..=longest),
    }
}
