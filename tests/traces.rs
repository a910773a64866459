//! Telemetry of a running process: spans sent by OTLP to a collector, and log lines that
//! carry the call and its trace.

#[path = "harness/admin.rs"]
mod admin;
#[path = "traces/call.rs"]
mod call;
#[path = "traces/collector.rs"]
mod collector;
#[path = "traces/collector_outages.rs"]
mod collector_outages;
#[path = "harness/connect_proxy.rs"]
mod connect_proxy;
#[path = "traces/egress.rs"]
mod egress;
#[path = "traces/log_filter.rs"]
mod log_filter;
#[expect(dead_code, reason = "only the tests of TLS use all of it")]
#[path = "tls/pki.rs"]
mod pki;
#[expect(dead_code, reason = "the tests of reload use more of it")]
#[path = "reload/process.rs"]
mod process;
#[path = "traces/spans.rs"]
mod spans;

/// Settings without waiting: a high quota, and retries after 1 ms.
const QUICK: &str = "[quota.create]\nrate_per_second = 1000.0\nburst = 1000\n\
    [retry]\nbase_delay = \"1ms\"\n[results]\nenabled = true\n\
    [shutdown]\nlameduck = \"0s\"\ngrace = \"2s\"\n";
