//! The state of a service as text for people, at most 100 columns wide.
//!
//! The names of the JSON members are shown as words, so that the text needs no change for a
//! new member. For example, `"limit": {"adaptive_factor": 1.0, "replicas": 3}` is the line
//! `limit  adaptive factor 1, replicas 3`.

use std::time::Duration;

use serde_json::Value;

use crate::cli::out::printable;

/// The most columns of a line.
const WIDTH: usize = 100;

/// The most callers of one operation, and the most errors, that fit one screen.
const MAX_ROWS: usize = 10;

/// The width of the names on the left.
const INDENT: usize = 14;

const PARTS: [&str; 12] = [
    "version",
    "commit",
    "uptime_seconds",
    "readiness",
    "config",
    "store",
    "credentials",
    "certificate",
    "jwks",
    "checks",
    "watchers",
    "calls",
];
const OPERATION_PARTS: [&str; 5] = ["queue", "limit", "attempts", "refusals", "aws_errors"];

/// The members of a row and the widths of their columns.
type Columns = [(&'static str, usize)];
const CALLER: &Columns = &[
    ("caller", 35),
    ("waiting", 9),
    ("share", 8),
    ("arrivals_per_second", 21),
    ("last_wait_seconds", 12),
    ("oldest_wait_seconds", 13),
];
const ERROR: &Columns = &[
    ("time", 10),
    ("count", 7),
    ("reason", 28),
    ("caller", 16),
    ("call_id", 37),
];

/// Returns the lines.
pub(super) fn lines(status: &Value) -> Vec<String> {
    let mut lines = members(status, &PARTS);
    for name in ["create", "results"] {
        let operation = &status["operations"][name];
        lines.extend([String::new(), name.to_owned()]);
        lines.extend(members(operation, &OPERATION_PARTS));
        lines.extend(table(&operation["queue"]["callers"], CALLER));
    }
    lines.push(String::new());
    lines.extend(table(&status["errors"], ERROR));
    lines
}

/// Returns the lines of the members that have a value.
fn members(parent: &Value, names: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for name in names {
        let mut line = format!("{:<INDENT$}", words(name));
        let texts = flat(name, &parent[name]);
        for (at, text) in texts.iter().enumerate() {
            let text = cut(text, WIDTH - INDENT - 1);
            if at > 0 && line.chars().count() + text.chars().count() >= WIDTH {
                lines.push(line.trim_end().to_owned());
                line = " ".repeat(INDENT);
            }
            line += &text;
            line += if at + 1 < texts.len() { ", " } else { "" };
        }
        lines.extend((!texts.is_empty()).then_some(line));
    }
    lines
}

/// Returns the texts of a value without its tables.
fn flat(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().flat_map(|value| flat(name, value)).collect(),
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| *name != "callers");
            let texts = members.map(|(name, value)| (words(name), flat(name, value).join(", ")));
            let present = texts.filter(|(_, text)| !text.is_empty());
            present
                .map(|(name, text)| format!("{name} {text}"))
                .collect()
        }
        value => vec![scalar(name, value)],
    }
}

/// Returns the title and the rows of a list of objects.
fn table(rows: &Value, columns: &Columns) -> Vec<String> {
    let rows = rows.as_array().filter(|rows| !rows.is_empty());
    let cells = |text: &dyn Fn(&str) -> String| {
        let cells = columns
            .iter()
            .map(|(name, width)| (cut(&text(name), width - 1), width));
        let line: String = cells
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        format!("  {}", line.trim_end())
    };
    let title = rows.map(|_| cells(&|name| words(name)));
    let rows = rows.into_iter().flatten().take(MAX_ROWS);
    let rows = rows.map(|row| cells(&|name| scalar(name, &row[name])));
    title.into_iter().chain(rows).collect()
}

/// Formats numbers with at most two decimals, and the times of rows without their date.
fn scalar(name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if name == "time" => text.get(11..19).unwrap_or(text).to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if name.ends_with("wait_seconds") {
                return format!("{number:.1} s");
            }
            if name.ends_with("_seconds") {
                let whole = Duration::from_secs(number as u64);
                return humantime::format_duration(whole).to_string();
            }
            ((number * 100.0).round() / 100.0).to_string()
        }
        other => other.to_string(),
    }
}

/// Returns the name of a member without its unit, as words; a gRPC code stays as it is.
fn words(name: &str) -> String {
    match name.chars().any(char::is_lowercase) {
        true => name.trim_end_matches("_seconds").replace('_', " "),
        false => name.to_owned(),
    }
}

/// Replaces the end of a text that is too long.
fn cut(text: &str, width: usize) -> String {
    let printed = printable(text);
    match printed.chars().count() {
        length if length <= width => printed,
        _ => printed.chars().take(width - 1).chain(['…']).collect(),
    }
}
