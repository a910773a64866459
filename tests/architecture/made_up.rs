//! The checker finds what is broken, shown on sources that nobody wrote.

use super::rooms;
use super::source::Source;

fn source(file: &str, text: &str) -> Source {
    let (file, text) = (file.to_owned(), text.to_owned());
    Source { file, text }
}

/// The rules that a file breaks whose whole code is `code`, on its third line.
fn broken(file: &str, code: &str) -> Vec<String> {
    rooms::broken(&source(file, &format!("//! What it is for.\n\n{code}\n")))
}

/// Files, what they import, and the rule that this breaks.
#[rustfmt::skip]
const EDGES: &[(&str, &str, &str)] = &[
    ("admin.rs", "use crate::admission::Admission;", "admin may not import admission"),
    ("admin.rs", "use crate::{auth, admission};", "admin may not import admission"),
    ("retry.rs", "fn f() { crate::session::f() }", "retry may not import session"),
    ("retry/budget.rs", "use super::super::auth;", "retry may not import auth"),
    ("simulator/limit.rs", "use crate::model::Deadline;", "simulator may not import deadline"),
    ("simulator.rs", "use crate::upstream::aws;", "simulator may not import upstream::aws"),
    ("telemetry.rs", "use crate::model;", "telemetry may not import session::words"),
    ("session/words.rs", "use super::Creator;", "session::words may not import session"),
    ("upstream/aws.rs", "use crate::retry::Retry;", "upstream::aws may not import retry"),
    ("grpc/edge.rs", "use crate::config::Config;", "only app and cli import config"),
    ("app.rs", "use crate::cli::Cli;", "app may not import cli"),
    ("main.rs", "use livegate::app::Livegate;", "main may not import app"),
    ("admin.rs", "use crate::pantry::Jam;", "crate::pantry::Jam has no room"),
];

#[test]
fn a_forbidden_edge_is_told_by_file_line_and_rule() {
    for (file, code, told) in EDGES {
        let lines = broken(&format!("src/{file}"), code);
        assert_eq!(lines.len(), 1, "{file} {code}: {lines:?}");
        let begins = format!("src/{file}:3: {told}");
        assert!(lines[0].starts_with(&begins), "{lines:?}");
    }
}

/// Libraries where they have no business.
#[rustfmt::skip]
const LIBRARIES: &[(&str, &str, &str)] = &[
    ("app.rs", "fn f(_: tonic::Status) {}", "tonic stops at grpc, not app"),
    ("session/creator.rs", "use prost_types::Duration;", "prost_types stops at grpc"),
    ("retry.rs", "use ::aws_config::load;", "aws_config stops at upstream::aws"),
    ("upstream.rs", "use aws_sdk_rekognition as sdk;", "aws_sdk_rekognition stops at"),
    ("admission/gate.rs", "use governor::Quota;", "governor stops at admission::local"),
    ("session.rs", "pub use backon::Retryable;", "backon stops at retry"),
];

#[test]
fn a_library_beyond_its_door_is_told() {
    for (file, code, told) in LIBRARIES {
        let lines = broken(&format!("src/{file}"), code);
        assert_eq!(lines.len(), 1, "{file} {code}: {lines:?}");
        let begins = format!("src/{file}:3: {told}");
        assert!(lines[0].starts_with(&begins), "{lines:?}");
    }
}

#[test]
fn what_is_allowed_or_is_no_code_is_not_told() {
    for (file, code) in [
        (
            "admission/gate.rs",
            "use super::queue::{self, Queue as Line};",
        ),
        (
            "admission/gate.rs",
            "use crate::{deadline::Deadline, session::words::*};",
        ),
        ("admission/clock.rs", "use governor::clock::Clock;"),
        ("grpc/client.rs", "use super::{v1, metrics::name};"),
        (
            "upstream/aws/error.rs",
            "use crate::upstream::UpstreamError;",
        ),
        (
            "app.rs",
            "use crate::config::Config; use crate::upstream::aws::Rekognition;",
        ),
        ("retry.rs", "// use crate::session::Session;"),
        (
            "retry.rs",
            "/* crate::session */ const A: &str = \"crate::session::X\";",
        ),
        (
            "retry.rs",
            "const A: &str = r#\"use tonic::\"Code\";\"#; fn f<'a>(_: &'a str) {}",
        ),
        (
            "retry.rs",
            "#[cfg(test)]\nmod tests { use crate::session::Session; }",
        ),
    ] {
        let lines = broken(&format!("src/{file}"), code);
        assert!(lines.is_empty(), "{file} {code}: {lines:?}");
    }
}

#[test]
fn a_file_that_is_long_mute_or_called_mod_is_told() {
    let long = |lines: usize| format!("//! Long.\n{}", "\n".repeat(lines - 1));
    assert!(source("src/a.rs", &long(299)).malformed().is_empty());
    let told = source("src/a.rs", &long(300)).malformed();
    assert_eq!(
        told,
        ["src/a.rs:300: a file has less than 300 lines, tests apart"]
    );
    let tests = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        long(290),
        "\n".repeat(99)
    );
    assert!(source("src/a.rs", &tests).malformed().is_empty());
    let told = source("src/a.rs", "use std::fmt;\n").malformed();
    assert_eq!(
        told,
        ["src/a.rs:1: a module opens with //!, what it is for"]
    );
    assert_eq!(source("src/a/mod.rs", "//! A.\n").malformed().len(), 1);
}
