//! The page of metrics, in the form that the reader asks for: OpenMetrics where its
//! `Accept` names that, else Prometheus's older text format, 0.0.4, which every
//! reader knows. It owns the forms, and knows no metric.
//!
//! An example: OpenMetrics describes the family `calls` and counts in
//! `calls_total`; the older format knows no families, so there both are
//! `calls_total`. Lines of units and the end mark are left out.

use prometheus_client::registry::Registry;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A form of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4.
    Text,
}

impl Form {
    /// The form for a reader that sends `accept`. What a reader names is what it
    /// reads; of weights there is no need, as it reads the other form too.
    pub(super) fn accepted_by(accept: &str) -> Self {
        let mut types = accept.split(',').map(|part| part.split(';').next());
        let asked = types.any(|name| name.is_some_and(|name| name.trim() == OPEN_METRICS));
        if asked { Self::OpenMetrics } else { Self::Text }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The page of all that `registry` holds.
    ///
    /// # Errors
    /// Where a metric cannot be written down.
    pub(super) fn page(self, registry: &Registry) -> Result<String, std::fmt::Error> {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, registry)?;
        Ok(match self {
            Self::OpenMetrics => page,
            Self::Text => older(&page),
        })
    }
}

/// An OpenMetrics page without exemplars, in the older format.
fn older(page: &str) -> String {
    let mut lines = String::with_capacity(page.len());
    // A family's HELP comes before its TYPE, which says what it is called.
    let mut help = "";
    for line in page.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described;
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            describe(&mut lines, help, typed);
        } else if !line.starts_with('#') {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines
}

fn describe(lines: &mut String, help: &str, typed: &str) {
    let (family, kind) = typed.split_once(' ').unwrap_or((typed, "untyped"));
    let (suffix, kind) = match kind {
        "counter" => ("_total", kind),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        _ => ("", kind),
    };
    if let Some((_, meaning)) = help.split_once(' ') {
        lines.push_str(&format!("# HELP {family}{suffix} {meaning}\n"));
    }
    lines.push_str(&format!("# TYPE {family}{suffix} {kind}\n"));
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;

    #[test]
    fn only_a_reader_that_names_openmetrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        for named in [prometheus, "text/plain, application/openmetrics-text"] {
            assert_eq!(Form::accepted_by(named), Form::OpenMetrics, "{named}");
        }
        for other in ["", "*/*", "text/plain;version=0.0.4", "application/json"] {
            assert_eq!(Form::accepted_by(other), Form::Text, "{other}");
        }
    }

    #[test]
    fn the_older_format_has_the_same_samples_under_the_names_that_it_knows() {
        let mut registry = Registry::default();
        let calls: Counter = Counter::default();
        let waiting: Gauge = Gauge::default();
        calls.inc();
        registry.register("calls", "How many", calls);
        registry.register("waiting", "Who waits", waiting);
        let open = Form::OpenMetrics.page(&registry).unwrap();
        assert!(
            open.contains("# TYPE calls counter\n") && open.ends_with("# EOF\n"),
            "{open}"
        );
        let text = "# HELP calls_total How many.\n# TYPE calls_total counter\ncalls_total 1\n\
            # HELP waiting Who waits.\n# TYPE waiting gauge\nwaiting 0\n";
        assert_eq!(Form::Text.page(&registry).unwrap(), text);
    }
}
