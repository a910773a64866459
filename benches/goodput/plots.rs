//! Which plots there are, and the figures that they show.

use super::arm::{Arm, Placement};
use super::case::Case;
use super::charts::{Bars, Lines};
use super::columns::{Column, FAILED_SLOWLY, FAILURE_P99, GOODPUT, JAIN, SESSION_P50, THROTTLES};
use super::results::Results;
use super::statistics::Interval;

/// The plots by file name, without those for which nothing was measured.
pub(crate) fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let all = [
        ("goodput-base", base(results)),
        ("goodput-load", loads(results)),
        ("goodput-cases", cases(results)),
        ("goodput-outage", outage(results)),
    ];
    let drawn = all.into_iter().filter_map(|(name, svg)| Some((name, svg?)));
    drawn.collect()
}

/// Every arm in the base case.
fn base(results: &Results) -> Option<String> {
    let case = Case::base();
    let arms = results.arms(case.name);
    let panel = |column: Column| {
        let scaled = |interval: Interval| Interval {
            mean: column.unit.scale() * interval.mean,
            half_width: interval.half_width.map(|width| column.unit.scale() * width),
        };
        let values = arms
            .iter()
            .map(|arm| results.interval(&column, case.name, *arm).map(scaled));
        (title(&column), values.collect())
    };
    let columns = [
        GOODPUT,
        JAIN,
        FAILED_SLOWLY,
        FAILURE_P99,
        SESSION_P50,
        THROTTLES,
    ];
    let bars = Bars {
        title: case.title.to_owned(),
        labels: arms
            .iter()
            .map(|arm| (arm.to_string(), arm.is_livegate()))
            .collect(),
        panels: columns.into_iter().map(panel).collect(),
    };
    (!arms.is_empty()).then(|| bars.svg())
}

fn title(column: &Column) -> String {
    match column.unit.suffix() {
        "" => column.head.to_owned(),
        suffix => format!("{},{suffix}", column.head),
    }
}

/// The main arms over the load.
fn loads(results: &Results) -> Option<String> {
    let mut cases: Vec<&Case> = results.cases();
    cases.retain(|case| case.name.starts_with("load-") || case.name == Case::base().name);
    cases.sort_by(|a, b| a.load.total_cmp(&b.load));
    let names = cases.iter().map(|case| format!("{}", case.load)).collect();
    let columns = [GOODPUT, JAIN, FAILED_SLOWLY, THROTTLES];
    over_cases(
        results,
        "Over the load (offered / Q)",
        &cases,
        names,
        columns,
        true,
    )
}

/// The main arms in every case.
fn cases(results: &Results) -> Option<String> {
    let cases = results.cases();
    let names = cases.iter().map(|case| case.name.to_owned()).collect();
    let columns = [GOODPUT, JAIN, FAILED_SLOWLY, FAILURE_P99];
    over_cases(results, "Every case", &cases, names, columns, false)
}

fn over_cases(
    results: &Results,
    title: &str,
    cases: &[&Case],
    categories: Vec<String>,
    columns: [Column; 4],
    joined: bool,
) -> Option<String> {
    let arms = Arm::main();
    let panel = |column: Column| {
        let value =
            |case: &&Case, arm| Some(column.unit.scale() * results.mean(&column, case.name, arm)?);
        let series = arms
            .iter()
            .map(|arm| cases.iter().map(|case| value(case, *arm)).collect());
        (self::title(&column), series.collect())
    };
    let lines = Lines {
        title: title.to_owned(),
        categories,
        series: arms.iter().map(ToString::to_string).collect(),
        panels: columns.into_iter().map(panel).collect(),
        joined,
    };
    (cases.len() > 1).then(|| lines.svg())
}

/// Three replicas over time, with and without the outage of their store.
fn outage(results: &Results) -> Option<String> {
    let arms = [Arm::STORE_OUTAGE, Arm::livegate(3, Placement::Spread)];
    let seconds = |arm: &Arm| {
        let runs = results.of(Case::base().name, *arm);
        let length = runs
            .iter()
            .map(|run| run.obtained_each_second.len())
            .min()?;
        let sum = |second: usize| {
            runs.iter()
                .map(|run| run.obtained_each_second[second])
                .sum::<u64>()
        };
        let mean = |second| Some(sum(second) as f64 / runs.len() as f64);
        Some((0..length).map(mean).collect::<Vec<_>>())
    };
    let series: Vec<_> = arms.iter().map(seconds).collect::<Option<_>>()?;
    let length = series.iter().map(Vec::len).max()?;
    let label = |second: usize| match second.is_multiple_of(5) {
        true => format!("{second} s"),
        false => String::new(),
    };
    let lines = Lines {
        title: "Sessions in each second of the run; the outage is the middle third of the counted seconds".to_owned(),
        categories: (0..length).map(label).collect(),
        series: arms.iter().map(ToString::to_string).collect(),
        panels: vec![("sessions / s".to_owned(), series)],
        joined: true,
    };
    Some(lines.svg())
}
