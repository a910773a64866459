//! The formats of `/metrics`: [OpenMetrics] if the `Accept` header names it, else the
//! [Prometheus text format] 0.0.4, which every scraper supports.
//!
//! For example, OpenMetrics describes the family `calls` and has the sample
//! `calls_total`; the text format has no families, so both are named `calls_total`. The
//! text format has no UNIT and EOF lines.
//!
//! [OpenMetrics]: https://prometheus.io/docs/specs/om/open_metrics_spec/
//! [Prometheus text format]: https://prometheus.io/docs/instrumenting/exposition_formats/

use prometheus_client::registry::Registry;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricsFormat {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus text format 0.0.4.
    Text,
}

impl MetricsFormat {
    /// Returns the format for an `Accept` header. Weights are ignored: a scraper that names
    /// OpenMetrics can parse it.
    pub(super) fn accepted_by(accept: &str) -> Self {
        let mut types = accept.split(',').map(|part| part.split(';').next());
        let accepts = types.any(|name| name.is_some_and(|name| name.trim() == OPEN_METRICS));
        if accepts {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Encodes all metrics of `registry`.
    ///
    /// # Errors
    /// If a metric cannot be encoded.
    pub(super) fn encode(self, registry: &Registry) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry)?;
        Ok(match self {
            Self::OpenMetrics => text,
            Self::Text => to_text_format(&text),
        })
    }
}

/// Converts OpenMetrics text without exemplars to the text format.
fn to_text_format(open_metrics: &str) -> String {
    let mut lines = String::with_capacity(open_metrics.len());
    // A family's HELP comes before its TYPE, which determines the name in the text format.
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(help_line) = line.strip_prefix("# HELP ") {
            help = help_line;
        } else if let Some(type_line) = line.strip_prefix("# TYPE ") {
            describe(&mut lines, help, type_line);
        } else if !line.starts_with('#') {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines
}

fn describe(lines: &mut String, help: &str, type_line: &str) {
    let (family, kind) = type_line.split_once(' ').unwrap_or((type_line, "untyped"));
    let (suffix, kind) = match kind {
        "counter" => ("_total", kind),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        _ => ("", kind),
    };
    if let Some((_, description)) = help.split_once(' ') {
        lines.push_str(&format!("# HELP {family}{suffix} {description}\n"));
    }
    lines.push_str(&format!("# TYPE {family}{suffix} {kind}\n"));
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;

    #[test]
    fn only_a_scraper_that_names_openmetrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        for named in [prometheus, "text/plain, application/openmetrics-text"] {
            assert_eq!(
                MetricsFormat::accepted_by(named),
                MetricsFormat::OpenMetrics,
                "{named}"
            );
        }
        for other in ["", "*/*", "text/plain;version=0.0.4", "application/json"] {
            assert_eq!(
                MetricsFormat::accepted_by(other),
                MetricsFormat::Text,
                "{other}"
            );
        }
    }

    #[test]
    fn the_text_format_has_the_same_samples_with_a_suffix_in_help_and_type() {
        let mut registry = Registry::default();
        let calls: Counter = Counter::default();
        let waiting: Gauge = Gauge::default();
        calls.inc();
        registry.register("calls", "How many", calls);
        registry.register("waiting", "Requests that wait", waiting);
        let open_metrics = MetricsFormat::OpenMetrics.encode(&registry).unwrap();
        assert!(
            open_metrics.contains("# TYPE calls counter\n") && open_metrics.ends_with("# EOF\n"),
            "{open_metrics}"
        );
        let text = "# HELP calls_total How many.\n# TYPE calls_total counter\ncalls_total 1\n\
            # HELP waiting Requests that wait.\n# TYPE waiting gauge\nwaiting 0\n";
        assert_eq!(MetricsFormat::Text.encode(&registry).unwrap(), text);
    }
}
