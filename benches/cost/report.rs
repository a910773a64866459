//! Medians, their ratios, and the report as Markdown and JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::load::Sample;
use super::scenario::Results;

/// The samples of servers that took turns. The first server is the one to compare with.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) goals: Vec<Goal>,
    pub(crate) rows: Vec<(String, Vec<Sample>)>,
}

/// A bound of a ratio.
pub(crate) struct Goal {
    metric: Metric,
    bound: f64,
    is_minimum: bool,
}

/// A measured quantity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Calls,
    P50,
    Cpu,
}

/// The results, with the machine and the command.
pub(crate) struct Report {
    results: Results,
    header: [(&'static str, String); 4],
}

impl Metric {
    fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Calls => sample.calls_per_second,
            Self::P50 => sample.p50_micros,
            Self::Cpu => sample.cpu_micros_per_call,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls/s",
            Self::P50 => "p50",
            Self::Cpu => "CPU",
        }
    }
}

impl Goal {
    pub(crate) fn at_least(metric: Metric, bound: f64) -> Self {
        Self {
            metric,
            bound,
            is_minimum: true,
        }
    }

    pub(crate) fn at_most(metric: Metric, bound: f64) -> Self {
        Self {
            metric,
            bound,
            is_minimum: false,
        }
    }

    fn text(&self) -> String {
        let bound = if self.is_minimum {
            "at least"
        } else {
            "at most"
        };
        format!(
            "goal: ratio of {} {bound} {}",
            self.metric.name(),
            self.bound
        )
    }
}

impl Table {
    /// Returns the median of `metric` for each row, and of its ratio to the first row in
    /// the same round.
    fn medians(&self, metric: Metric) -> Vec<(f64, f64)> {
        let values = |samples: &[Sample]| -> Vec<f64> {
            samples.iter().map(|sample| metric.of(sample)).collect()
        };
        let bare = values(&self.rows[0].1);
        let row = |samples: &[Sample]| {
            let own = values(samples);
            let ratios = own.iter().zip(&bare).map(|(own, bare)| own / bare);
            (median(ratios.collect()), median(own))
        };
        let rows = self.rows.iter().map(|(_, samples)| row(samples));
        rows.map(|(ratio, own)| (own, ratio)).collect()
    }

    fn markdown(&self) -> String {
        let [calls, p50, cpu] =
            [Metric::Calls, Metric::P50, Metric::Cpu].map(|metric| self.medians(metric));
        let mut text = format!(
            "## {}\n\n| server | calls/s | ratio | p50 (us) | ratio | CPU per call (us) | ratio |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
            self.name
        );
        for (index, (name, _)) in self.rows.iter().enumerate() {
            let ((calls, calls_ratio), (p50, p50_ratio)) = (calls[index], p50[index]);
            let (cpu, cpu_ratio) = cpu[index];
            let _ = writeln!(
                text,
                "| {name} | {calls:.0} | {calls_ratio:.2} | {p50:.0} | {p50_ratio:.2} \
                 | {cpu:.1} | {cpu_ratio:.2} |"
            );
        }
        for goal in &self.goals {
            let _ = writeln!(text, "\n{}", goal.text());
        }
        text + "\n"
    }

    fn json(&self) -> Value {
        let metrics = [Metric::Calls, Metric::P50, Metric::Cpu].map(|metric| self.medians(metric));
        let row = |(index, (name, samples)): (usize, &(String, Vec<Sample>))| {
            let [calls, p50, cpu] = [0, 1, 2].map(|metric| metrics[metric][index]);
            json!({
                "server": name, "rounds": samples.len(),
                "calls_per_second": calls.0, "calls_ratio": calls.1,
                "p50_us": p50.0, "p50_ratio": p50.1,
                "cpu_us_per_call": cpu.0, "cpu_ratio": cpu.1,
            })
        };
        let rows: Vec<Value> = self.rows.iter().enumerate().map(row).collect();
        let goals: Vec<String> = self.goals.iter().map(Goal::text).collect();
        json!({ "name": self.name, "goals": goals, "rows": rows })
    }
}

impl Report {
    pub(crate) fn new(results: Results) -> Self {
        let first_line = |path: &str, key: &str| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once(':'));
            value.map_or_else(
                || "unknown".to_owned(),
                |(_, value)| value.trim().to_owned(),
            )
        };
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let date = Command::new("date").arg("+%Y-%m-%d").output();
        let date = date.map(|date| String::from_utf8_lossy(&date.stdout).trim().to_owned());
        let header = [
            ("machine", first_line("/proc/cpuinfo", "model name")),
            ("processors", processors.to_string()),
            ("date", date.unwrap_or_default()),
            ("command", "cargo bench --bench cost".to_owned()),
        ];
        Self { results, header }
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = "# What Livegate costs\n\nMedians over rounds in which the servers take \
             turns; load generator, servers and fake AWS share the machine.\n\n"
            .to_owned();
        for (key, value) in &self.header {
            let _ = writeln!(text, "- {key}: {value}");
        }
        text.push('\n');
        for table in &self.results.tables {
            text += &table.markdown();
        }
        if !self.results.figures.is_empty() {
            text +=
                "## Footprint\n\n| server | figure | value | goal |\n| --- | --- | ---: | ---: |\n";
        }
        for figure in &self.results.figures {
            let goal = figure.at_most.map(|goal| format!("at most {goal}"));
            let _ = writeln!(
                text,
                "| {} | {} | {:.1} {} | {} |",
                figure.server,
                figure.name,
                figure.value,
                figure.unit,
                goal.unwrap_or_default()
            );
        }
        text
    }

    /// Writes `cost.md` and `cost.json`.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("cost.md"), self.markdown())?;
        let figures = self.results.figures.iter().map(|figure| {
            json!({
                "server": figure.server, "name": figure.name, "value": figure.value,
                "unit": figure.unit, "at_most": figure.at_most,
            })
        });
        let tables = self.results.tables.iter().map(Table::json);
        let header: serde_json::Map<String, Value> = self
            .header
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let mut report = json!({
            "tables": tables.collect::<Vec<_>>(),
            "figures": figures.collect::<Vec<_>>(),
        });
        report.as_object_mut().expect("an object").extend(header);
        std::fs::write(folder.join("cost.json"), format!("{report:#}\n"))
    }
}

/// Returns the median of `values`, which are not empty.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
