//! The log filter, its reload, and the fields of log lines.

use std::time::Duration;

use serde_json::Value;

use crate::QUICK;
use crate::call::{Caller, TRACE, traceparent};
use crate::collector::{Collector, traced};
use crate::process::{ConfigMap, Process};

const INFO_FILTER: &str = "[log]\nfilter = \"info\"\n";
const DEBUG_FILTER: &str = "[log]\nfilter = \"info,livegate=debug\"\n";

#[tokio::test]
async fn a_new_filter_applies_while_the_process_runs() {
    let map = ConfigMap::holding(&format!("{QUICK}{INFO_FILTER}"));
    let service = Process::serve(&map).await;
    let caller = Caller::of(&service).await;
    caller.create(None).await;
    map.swap(&format!("{QUICK}{DEBUG_FILTER}"));
    let before = service.logs_until("configuration reloaded").await;
    let answered = |line: &String| line.contains("call finished");
    assert!(!before.iter().any(answered), "{before:?}");
    assert!(before.iter().any(|line| line.contains("log.filter")));
    until_applied(&service, &caller).await;

    map.swap(&format!("{QUICK}[log]\nfilter = \"livegate=loud\"\n"));
    let refused = service.logs("configuration rejected").await;
    assert!(refused.contains("log.filter") && refused.contains("livegate=loud"));
    let (_, call_id) = caller.create(None).await;
    let kept = service.logs(&call_id).await;
    assert!(kept.contains("DEBUG"), "the old filter is kept: {kept}");
}

#[tokio::test]
async fn the_environment_variable_overrides_the_configured_filter() {
    let map = ConfigMap::holding(&format!("{QUICK}{INFO_FILTER}"));
    let variables = [("LIVEGATE_LOG", "info,livegate::session=debug")];
    let service = Process::serve_with(&map, &variables).await;
    let caller = Caller::of(&service).await;
    caller.create(None).await;
    service.logs("attempt ended").await;
    map.swap(&format!("{QUICK}[log]\nfilter = \"error\"\n"));
    service.logs("configuration reloaded").await;
    caller.create(None).await;
    service.logs("attempt ended").await;
}

#[tokio::test]
async fn a_log_line_of_a_call_carries_its_call_id_and_trace_id() {
    let collector = Collector::listen().await;
    // If traces are off, the trace id is the caller's.
    for traces in [String::new(), traced(collector.address())] {
        let map = ConfigMap::holding(&format!("{QUICK}{DEBUG_FILTER}{traces}"));
        let service = Process::serve(&map).await;
        let caller = Caller::of(&service).await;
        let (session, call_id) = caller.create(Some(&traceparent("01"))).await;
        for message in ["attempt ended", "call finished"] {
            let line = service.logs(message).await;
            assert_eq!(call_field(&line, "call_id"), call_id, "{line}");
            assert_eq!(call_field(&line, "trace_id"), TRACE, "{line}");
            assert!(!line.contains(&session.session_id), "{line}");
        }
    }
}

/// Calls until one is in the log: the filter applies just after the line about the reload.
async fn until_applied(service: &Process, caller: &Caller) {
    let calls = async {
        loop {
            caller.create(None).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = service.logs("call finished") => {}
        () = calls => {}
    }
}

/// A field of the call's span in a JSON log line.
fn call_field(line: &str, field: &str) -> String {
    let line: Value = serde_json::from_str(line).expect("a JSON line");
    let spans = line["spans"].as_array().expect("a list of spans");
    let call = spans.iter().find(|span| span["name"] == "call");
    let value = &call.expect("the call's span")[field];
    value.as_str().unwrap_or_default().to_owned()
}
