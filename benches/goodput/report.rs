//! The results as Markdown and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::arm::Arm;
use super::case::Case;
use super::columns::{COLUMNS, Column, TENANT_SERVED};
use super::machine::Machine;
use super::results::Results;

/// Returns the page: machine, tables, and the figures in which alternatives are better.
pub(crate) fn page(machine: &Machine, results: &Results, plots: &[&str]) -> String {
    let mut page = format!("# Goodput\n\n{}\n", head(machine, results));
    for plot in plots {
        let _ = writeln!(page, "![{plot}]({plot}.svg)\n");
    }
    for case in results.cases() {
        let _ = writeln!(page, "## {}\n\n{}", case.title, table(results, case));
    }
    let _ = writeln!(
        page,
        "## Where an alternative does better\n\n{}",
        better(results)
    );
    page.truncate(page.trim_end().len());
    page + "\n"
}

fn head(machine: &Machine, results: &Results) -> String {
    let versions = machine.versions.iter();
    let versions: Vec<String> = versions
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let redis = machine.redis_server.as_deref().unwrap_or("none");
    format!(
        "Measured by `{}`, which wrote this page; do not edit it. [README.md](README.md) defines arms \
         and figures. [goodput.json](goodput.json) has every run.\n\n\
         | | |\n| --- | --- |\n\
         | date | {} |\n| CPU | {}, {} cores |\n| kernel | {} |\n| compiler | {}, {} profile |\n\
         | versions | {}, redis-server {redis} |\n| commit | {} |\n\
         | late | requests were sent at most {:.1} ms late, at the p99 of the worst run |\n\n\
         `±` is half the 95 % interval of the mean over the seeds of the base case (Student's t). The other \
         cases have one seed each, and leave out the split quota, pinned callers, five replicas and the \
         store outage.\n",
        machine.command,
        machine.date,
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.profile,
        versions.join(", "),
        machine.commit,
        results.send_lag_ms(),
    )
}

/// The table of one case.
pub(crate) fn table(results: &Results, case: &Case) -> String {
    let columns = columns_of(case);
    let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
    let mut table = format!(
        "| arm | {} |\n| --- |{}\n",
        heads.join(" | "),
        " ---: |".repeat(heads.len())
    );
    for arm in results.arms(case.name) {
        let texts = columns
            .iter()
            .map(|column| column.text(results.interval(column, case.name, arm)));
        let _ = writeln!(
            table,
            "| {arm} | {} |",
            texts.collect::<Vec<_>>().join(" | ")
        );
    }
    table
}

fn columns_of(case: &Case) -> Vec<Column> {
    let mut columns = Vec::from(COLUMNS);
    if case.tenant_share > 0.0 {
        columns.push(TENANT_SERVED);
    }
    columns
}

/// Each figure in which an alternative beats one replica of Livegate by more than the
/// figure's margin.
fn better(results: &Results) -> String {
    let mut table =
        "Compared with one replica of Livegate; smaller differences than the margin of the \
                     figure are left out.\n\n| case | figure | margin | Livegate | better |\n\
                     | --- | --- | ---: | ---: | --- |\n"
            .to_owned();
    for case in results.cases() {
        for column in columns_of(case) {
            let Some(own) = results.mean(&column, case.name, Arm::ONE_REPLICA) else {
                continue;
            };
            let arms = results
                .arms(case.name)
                .into_iter()
                .filter(|arm| !arm.is_livegate());
            let better: Vec<String> = arms
                .filter_map(|arm| Some((arm, results.interval(&column, case.name, arm)?)))
                .filter(|(_, interval)| column.is_better(interval.mean, own))
                .map(|(arm, interval)| format!("{arm} {}", column.text(Some(interval))))
                .collect();
            if !better.is_empty() {
                let own = column.text(results.interval(&column, case.name, Arm::ONE_REPLICA));
                let (name, head, margin) = (case.name, column.head, column.scaled_margin());
                let better = better.join("; ");
                let _ = writeln!(table, "| {name} | {head} | {margin} | {own} | {better} |");
            }
        }
    }
    table
}

/// Everything that was measured.
pub(crate) fn json(machine: &Machine, results: &Results) -> Value {
    let runs = results.0.iter().map(|(cell, figures)| {
        json!({"case": cell.case.name, "arm": cell.arm.to_string(), "seed": cell.seed, "figures": figures})
    });
    json!({
        "machine": machine,
        "cases": results.cases(),
        "summary": summary(results),
        "runs": runs.collect::<Vec<_>>(),
    })
}

/// The interval of each figure, by case, arm and figure.
fn summary(results: &Results) -> Value {
    let by_figure = |case: &Case, arm| -> Map<String, Value> {
        let columns = columns_of(case).into_iter();
        let figure = |column: Column| {
            (
                column.key.to_owned(),
                json!(results.interval(&column, case.name, arm)),
            )
        };
        columns.map(figure).collect()
    };
    let by_arm = |case: &Case| -> Map<String, Value> {
        let arms = results.arms(case.name).into_iter();
        arms.map(|arm| (arm.to_string(), by_figure(case, arm).into()))
            .collect()
    };
    let cases = results.cases().into_iter();
    let by_case: Map<String, Value> = cases
        .map(|case| (case.name.to_owned(), by_arm(case).into()))
        .collect();
    by_case.into()
}
