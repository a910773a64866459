//! End-to-end tests of what a caller observes: the whole gRPC stack over in-memory pipes, on
//! paused time, with a scripted AWS.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

#[path = "harness"]
mod harness {
    pub(crate) mod aws;
    pub(crate) mod caller;
    pub(crate) mod fields;
    pub(crate) mod logs;
    pub(crate) mod pipes;
    pub(crate) mod status;
    pub(crate) mod tokens;
}

#[path = "scenes"]
mod scenes {
    mod audit;
    mod audit_file;
    mod audited_reads;
    mod callers;
    mod clock;
    mod coalescing;
    mod create_session;
    mod deadlines;
    mod idempotency;
    mod permissions;
    mod profiles;
    mod properties;
    mod protocol_errors;
    mod read_result;
    mod refusals;
    mod reloaded_permissions;
    mod repeats;
    mod result_tokens;
    mod retries;
    mod secrets;
    mod unfinished_requests;
    mod upstream_errors;
    mod validation;
    mod verdicts;
    mod violations;
    mod watch_errors;
    mod watch_limits;
    mod watches;
    mod wire;
}
