//! What a process says of its calls: spans to a collector that speaks OTLP, and log
//! lines that name the call and its trace.

#[path = "harness/admin.rs"]
mod admin;
#[path = "traces/call.rs"]
mod call;
#[path = "traces/collector.rs"]
mod collector;
#[path = "traces/filtering.rs"]
mod filtering;
#[path = "traces/following.rs"]
mod following;
#[path = "traces/losing.rs"]
mod losing;
#[expect(dead_code, reason = "the scenes of reload need more of it")]
#[path = "reload/process.rs"]
mod process;

/// Nobody waits in line, and repeats come at once.
const QUICK: &str = "[quota.create]\nrate_per_second = 1000.0\nburst = 1000\n\
    [retry]\nbase_delay = \"1ms\"\n[results]\nenabled = true\n\
    [shutdown]\nlameduck = \"0s\"\ngrace = \"2s\"\n";
