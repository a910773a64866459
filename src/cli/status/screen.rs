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
        let last = texts.len().saturating_sub(1);
        for (at, text) in texts.iter().enumerate() {
            let end = if at < last { ", " } else { "" };
            for piece in pieces(&format!("{}{end}", printable(text))) {
                let is_first = line.chars().count() == INDENT;
                if !is_first && line.chars().count() + piece.trim_end().chars().count() > WIDTH {
                    lines.push(line.trim_end().to_owned());
                    line = " ".repeat(INDENT);
                }
                line += &piece;
            }
        }
        lines.extend((!texts.is_empty()).then_some(line));
    }
    lines
}

/// Returns the words of a text that is too long for one line, or the text.
fn pieces(text: &str) -> Vec<String> {
    let room = WIDTH - INDENT;
    match text.trim_end().chars().count() > room {
        true => text
            .split_inclusive(' ')
            .map(|word| cut(word, room))
            .collect(),
        false => vec![text.to_owned()],
    }
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

/// Replaces the middle of a text that is too long: callers often differ at the end of their
/// names, as in `system:serviceaccount:shop:payments`.
fn cut(text: &str, width: usize) -> String {
    let printed: Vec<char> = printable(text).chars().collect();
    if printed.len() <= width {
        return printed.iter().collect();
    }
    let start = (width - 1) / 3;
    let end = printed.len() - (width - 1 - start);
    let start = printed[..start].iter();
    start.chain(&['…']).chain(&printed[end..]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_text_continues_on_the_next_lines() {
        let error = "/etc/livegate/livegate.toml:50: callers.\"system:serviceaccount:payments:checkout\"\
            .max_rate_per_second = -1.0: must be a number from 0.001 to 10000";
        let status = json!({"config": {"errors": [error], "reloads": 3}});
        let lines = members(&status, &["config"]);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{lines:#?}"
        );
        let words = lines.join(" ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let expected = ["0.001", "to", "10000,", "reloads", "3"];
        assert!(words.ends_with(&expected), "{words:?}");
        assert!(words.contains(&"-1.0:"), "{words:?}");
    }
}
