//! The checks themselves, on small made-up sources.

use super::libraries;
use super::modules::ModuleTable;
use super::source::Source;
use super::type_names;

fn source(file: &str, text: &str) -> Source {
    let (file, text) = (file.to_owned(), text.to_owned());
    Source { file, text }
}

/// Returns the violations of a file whose only code, on line 3, is `code`.
fn violations(file: &str, code: &str) -> Vec<String> {
    let source = source(
        &format!("src/{file}"),
        &format!("//! A module.\n\n{code}\n"),
    );
    let mut violations = ModuleTable::of_crate().violations(&source);
    violations.extend(libraries::violations(&source));
    violations
}

/// Files, what they import, and the violation.
#[rustfmt::skip]
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("admin.rs", "use crate::admission::Admission;", "admin must not import admission"),
    ("admin.rs", "use crate::{auth, admission};", "admin must not import auth"),
    ("retry.rs", "fn f() { crate::session::f() }", "retry must not import session"),
    ("retry/budget.rs", "use super::super::auth;", "retry must not import auth"),
    ("telemetry.rs", "use crate::model;", "telemetry must not import model"),
    ("model/request.rs", "use crate::session::Session;", "model must not import session"),
    ("upstream/aws.rs", "use crate::retry::Retry;", "upstream::aws must not import retry"),
    ("transport/accept.rs", "use crate::grpc::Reason;", "transport must not import grpc"),
    ("grpc/status.rs", "use crate::config::Config;", "grpc must not import config"),
    ("app.rs", "use crate::cli::Cli;", "app must not import cli"),
    ("main.rs", "use livegate::app::Livegate;", "main must not import app"),
    ("admin.rs", "use crate::pantry::Jam;", "crate::pantry::Jam has no row"),
    ("pantry.rs", "use crate::model;", "pantry has no row"),
    ("app.rs", "fn f(_: tonic::Status) {}", "only grpc, telemetry::traces may use tonic, not app"),
    ("transport.rs", "use tonic::body::Body;", "only grpc, telemetry::traces may use tonic, not transport"),
    ("session/create.rs", "use prost_types::Duration;", "only grpc, telemetry::traces may use prost_types"),
    ("retry.rs", "use ::aws_config::load;", "only upstream::aws may use aws_config"),
    ("upstream.rs", "use aws_sdk_rekognition as sdk;", "only upstream::aws may use"),
    ("admission/queue.rs", "use governor::Quota;", "only admission::local may use"),
    ("app.rs", "use livegate_simulator::Simulator;", "only cli may use livegate_simulator"),
    ("session.rs", "pub use backon::Retryable;", "only retry may use backon"),
];

#[test]
fn a_forbidden_import_is_reported_with_file_line_and_rule() {
    for (file, code, rule) in FORBIDDEN {
        let violations = violations(file, code);
        let found = violations.iter().any(|line| {
            let place = line.strip_prefix(&format!("src/{file}:"));
            place.is_some_and(|line| line.contains(rule))
        });
        assert!(found, "{file} {code}: {violations:?}");
    }
}

#[test]
fn an_allowed_import_a_comment_a_literal_and_a_test_are_not_reported() {
    for (file, code) in [
        (
            "admission/scheduler.rs",
            "use super::queue::{self, Queue as Waiting};",
        ),
        (
            "admission/scheduler.rs",
            "use crate::{model::Deadline, model::*};",
        ),
        ("admission/local.rs", "use governor::clock::Clock;"),
        ("grpc/status.rs", "use super::{v1, metrics::name};"),
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
        let violations = violations(file, code);
        assert!(violations.is_empty(), "{file} {code}: {violations:?}");
    }
}

#[test]
fn an_upward_import_and_a_cycle_in_the_table_are_reported() {
    let table = |rows: &[&str]| {
        let rows: Vec<_> = rows.iter().map(|row| format!("//! | {row} |")).collect();
        ModuleTable::parse(&rows.join("\n")).upward_imports()
    };
    assert_eq!(table(&["[`a`] | x | ", "[`b`] | x | `a`"]), [""; 0]);
    assert_eq!(
        table(&["[`a`] | x | `b`", "[`b`] | x | `a`"]),
        ["a imports b, which is not above it"]
    );
    assert_eq!(
        table(&["[`a`] | x | `a`"]),
        ["a imports a, which is not above it"]
    );
}

#[test]
fn a_type_name_that_two_files_define_is_reported() {
    let one = source(
        "src/a.rs",
        "pub struct Key; struct Private; pub enum Outcome {}",
    );
    let two = source(
        "src/b/c.rs",
        "pub(super) type Key = u8; struct Private; pub enum Outcome {}",
    );
    let three = source("src/b/d.rs", "pub(in crate::b) struct Outcome;");
    let repeated = type_names::repeated(&[one, two, three]);
    assert_eq!(
        repeated,
        [
            "Key: src/a.rs:1, src/b/c.rs:1",
            "b::Outcome: src/b/c.rs:1, src/b/d.rs:1"
        ]
    );
}

#[test]
fn a_file_that_is_long_uncommented_or_called_mod_is_reported() {
    let long = |lines: usize| format!("//! Long.\n{}", "\n".repeat(lines - 1));
    assert!(
        source("src/a.rs", &long(299))
            .layout_violations()
            .is_empty()
    );
    assert_eq!(
        source("src/a.rs", &long(300)).layout_violations(),
        ["src/a.rs:300: a file has fewer than 300 lines, tests excluded"]
    );
    let tests = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        long(290),
        "\n".repeat(99)
    );
    assert!(source("src/a.rs", &tests).layout_violations().is_empty());
    assert_eq!(
        source("src/a.rs", "use std::fmt;\n").layout_violations(),
        ["src/a.rs:1: a module starts with a //! comment"]
    );
    assert_eq!(
        source("src/a/mod.rs", "//! A.\n").layout_violations().len(),
        1
    );
}
