//! Which lines are logged, changed while the process runs, and what they carry.

use std::time::Duration;

use serde_json::Value;

use crate::QUICK;
use crate::call::{Caller, TRACE, traceparent};
use crate::collector::{Collector, traced};
use crate::process::{ConfigMap, Process};

const CALM: &str = "[log]\nfilter = \"info\"\n";
const TALKATIVE: &str = "[log]\nfilter = \"info,livegate=debug\"\n";

#[tokio::test]
async fn another_filter_holds_while_the_process_runs() {
    let map = ConfigMap::holding(&format!("{QUICK}{CALM}"));
    let service = Process::serve(&map).await;
    let caller = Caller::of(&service).await;
    caller.create(None).await;
    map.swap(&format!("{QUICK}{TALKATIVE}"));
    let calm = service.logs_until("configuration loaded again").await;
    let answered = |line: &String| line.contains("call answered");
    assert!(!calm.iter().any(answered), "{calm:?}");
    assert!(calm.iter().any(|line| line.contains("log.filter")));
    applied(&service, &caller).await;

    map.swap(&format!("{QUICK}[log]\nfilter = \"livegate=loud\"\n"));
    let refused = service.logs("configuration refused").await;
    assert!(refused.contains("log.filter") && refused.contains("livegate=loud"));
    let (_, call_id) = caller.create(None).await;
    let kept = service.logs(&call_id).await;
    assert!(kept.contains("DEBUG"), "the old filter stays: {kept}");
}

#[tokio::test]
async fn the_variable_overrides_the_filter_of_the_file() {
    let map = ConfigMap::holding(&format!("{QUICK}{CALM}"));
    let variables = [("LIVEGATE_LOG", "info,livegate::session=debug")];
    let service = Process::serve_with(&map, &variables).await;
    let caller = Caller::of(&service).await;
    caller.create(None).await;
    service.logs("attempt ended").await;
    map.swap(&format!("{QUICK}[log]\nfilter = \"error\"\n"));
    service.logs("configuration loaded again").await;
    caller.create(None).await;
    service.logs("attempt ended").await;
}

#[tokio::test]
async fn a_line_of_a_call_names_the_call_and_its_trace() {
    let collector = Collector::listen().await;
    // Where traces are off, the trace is the caller's.
    for traces in [String::new(), traced(collector.address())] {
        let map = ConfigMap::holding(&format!("{QUICK}{TALKATIVE}{traces}"));
        let service = Process::serve(&map).await;
        let caller = Caller::of(&service).await;
        let (session, call_id) = caller.create(Some(&traceparent("01"))).await;
        for words in ["attempt ended", "call answered"] {
            let line = service.logs(words).await;
            assert_eq!(of_call(&line, "call_id"), call_id, "{line}");
            assert_eq!(of_call(&line, "trace_id"), TRACE, "{line}");
            assert!(!line.contains(&session.session_id), "{line}");
        }
    }
}

/// Calls until one is in the log: a filter holds just after the line that says so.
async fn applied(service: &Process, caller: &Caller) {
    let calls = async {
        loop {
            caller.create(None).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = service.logs("call answered") => {}
        () = calls => {}
    }
}

/// A field of the call's span in a line in JSON.
fn of_call(line: &str, field: &str) -> String {
    let line: Value = serde_json::from_str(line).expect("a JSON line");
    let spans = line["spans"].as_array().expect("a list of spans");
    let call = spans.iter().find(|span| span["name"] == "call");
    let value = &call.expect("the call's span")[field];
    value.as_str().unwrap_or_default().to_owned()
}
