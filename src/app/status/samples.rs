//! The values of a metrics registry, by name and labels.
//!
//! For example, `livegate_admission_refusals_total{operation="create",reason="quota"} 3` is
//! the entry `"quota": 3` of [`by_label`](Samples::by_label) with the operation `create` and
//! the label `reason`.

use std::collections::HashMap;

use prometheus_client::registry::Registry;
use serde_json::{Map, Value};

/// The samples of a registry at one moment, read from its text format.
pub(super) struct Samples(HashMap<String, Vec<Sample>>);

/// The labels and the value.
type Sample = (String, f64);

impl Samples {
    /// Reads all metrics of `registry`, except those with a label that callers chose.
    pub(super) fn read(registry: &Registry) -> Self {
        let mut text = String::new();
        // Writing to a string fails only if a collector does, and the rest is of use then.
        let _ = prometheus_client::encoding::text::encode(&mut text, registry);
        let mut samples: HashMap<String, Vec<Sample>> = HashMap::new();
        let lines = text.lines();
        for line in lines.filter(|line| !line.starts_with('#') && !line.contains("caller=")) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let sample = (labels.to_owned(), value.parse().unwrap_or(0.0));
            samples.entry(name.to_owned()).or_default().push(sample);
        }
        Self(samples)
    }

    /// Returns the sum of the samples of `name` whose labels contain `label`, or `None`
    /// without a sample.
    pub(super) fn sum(&self, name: &str, label: &str) -> Option<f64> {
        let mut values = self.with_label(name, label).map(|(_, value)| *value);
        let first = values.next()?;
        Some(values.fold(first, |sum, value| sum + value))
    }

    /// Like [`sum`](Self::sum), but by the values of the label `key`, and without those whose
    /// sum is 0.
    pub(super) fn by_label(&self, name: &str, label: &str, key: &str) -> Map<String, Value> {
        let mut sums = HashMap::<&str, f64>::new();
        for (labels, value) in self.with_label(name, label) {
            if let Some(text) = label_value(labels, key) {
                *sums.entry(text).or_default() += value;
            }
        }
        let counted = sums.into_iter().filter(|(_, sum)| *sum > 0.0);
        counted
            .map(|(text, sum)| (text.to_owned(), Value::from(sum as u64)))
            .collect()
    }

    fn with_label(&self, name: &str, label: &str) -> impl Iterator<Item = &Sample> {
        let samples = self.0.get(name).into_iter().flatten();
        samples.filter(move |(labels, _)| labels.contains(label))
    }
}

fn label_value<'l>(labels: &'l str, key: &str) -> Option<&'l str> {
    let mut parts = labels.split('"');
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        if name.trim_start_matches(',').strip_suffix('=') == Some(key) {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;

    use super::*;

    #[test]
    fn samples_are_added_up_by_a_label() {
        let mut registry = Registry::default();
        let calls = Family::<[(&str, &str); 2], Counter>::default();
        for (operation, outcome, number) in [
            ("create", "ok", 3),
            ("create", "hung", 0),
            ("results", "ok", 4),
        ] {
            let labels = [("operation", operation), ("outcome", outcome)];
            calls.get_or_create(&labels).inc_by(number);
        }
        registry.register("calls", "Calls", calls);
        let samples = Samples::read(&registry);
        let create = "operation=\"create\"";
        assert_eq!(samples.sum("calls_total", ""), Some(7.0));
        assert_eq!(samples.sum("calls_total", create), Some(3.0));
        assert_eq!(samples.sum("calls_total", "operation=\"other\""), None);
        let outcomes = Value::Object(samples.by_label("calls_total", create, "outcome"));
        assert_eq!(outcomes, serde_json::json!({"ok": 3}));
    }
}
