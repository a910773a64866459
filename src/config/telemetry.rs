//! `[log]` and `[traces]`.

use super::LogSettings;
use super::kind::{Visibility, number, time};
use super::section::Section;
use super::sections::{millis, seconds};
use super::text::{checked, file, parse_url};
use crate::telemetry::{DEFAULT_FILTER, TracesSettings, is_filter};

pub(super) fn log(section: &mut Section<'_>) -> LogSettings {
    let expected = "a filter of log levels and modules, as in \"info,livegate=debug\"";
    let filter = checked(expected, is_filter).visible(Visibility::Public);
    LogSettings {
        filter: section.read("filter", DEFAULT_FILTER.to_owned(), &filter),
    }
}

pub(super) fn traces(section: &mut Section<'_>) -> TracesSettings {
    let expected = "an http or https URL with only a host and a port, as in \
        \"http://127.0.0.1:4317\"";
    let timeout = &time(millis(10)..=seconds(60));
    TracesSettings {
        endpoint: section.optional("endpoint", &checked(expected, is_collector_url)),
        headers_file: section.optional("headers_file", &file()),
        sample_ratio: section.read("sample_ratio", 1.0, &number(0.0..=1.0)),
        timeout: section.read("timeout", seconds(2), timeout),
    }
}

/// Whether `text` is the URL of a collector: `http` or `https` with a host and a port, and
/// nothing else.
fn is_collector_url(text: &str) -> bool {
    parse_url(text).is_some_and(|url| {
        let default_port = match url.scheme() {
            "http" => ":80",
            "https" => ":443",
            _ => return false,
        };
        // `Url` leaves out the default port.
        let has_port = url.port().is_some() || text.trim_end_matches('/').ends_with(default_port);
        url.path() == "/" && url.query().is_none() && has_port
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_url_has_a_host_and_a_port_and_nothing_else() {
        for valid in [
            "http://127.0.0.1:4317",
            "http://collector.monitoring:4317/",
            "http://collector:80",
            "https://collector:4317",
            "https://collector:443",
        ] {
            assert!(is_collector_url(valid), "{valid}");
        }
        for invalid in [
            "",
            "127.0.0.1:4317",
            "http://collector",
            "https://collector",
            "https://collector:80/x",
            "ftp://collector:4317",
            "http://me:word@h:1",
            "http://h:1/v1/traces",
            "http://h:1?a",
        ] {
            assert!(!is_collector_url(invalid), "{invalid}");
        }
    }
}
