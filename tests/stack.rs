//! The whole service over real sockets and in real time, in front of the simulator: few
//! tests, for the behaviour that in-memory pipes and paused time cannot show.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

#[path = "harness"]
mod harness {
    pub(crate) mod admin;
    #[expect(dead_code, reason = "only the tests over pipes use all of it")]
    pub(crate) mod caller;
    #[expect(dead_code, reason = "only the tests over pipes use all of it")]
    pub(crate) mod status;
}

#[path = "stack"]
mod stack {
    pub(crate) mod process;

    mod attribution;
    mod aws;
    mod clock;
    mod error_metrics;
    mod invalid_responses;
    mod metrics;
    mod shutdown;
    mod status;
    mod streams;
    mod upstream_errors;
}
