//! What a caller sees of Livegate: the whole gRPC stack over in-memory pipes, on
//! paused time, in front of an AWS that does what the scene says.

#![expect(clippy::unwrap_used, reason = "a scene that cannot go on has failed")]

#[path = "harness"]
mod harness {
    pub(crate) mod aws;
    pub(crate) mod caller;
    pub(crate) mod fields;
    pub(crate) mod logs;
    pub(crate) mod pipes;
    pub(crate) mod tokens;
    pub(crate) mod told;
}

#[path = "scenes"]
mod scenes {
    mod allowing;
    mod auditing;
    mod callers;
    mod deadlines;
    mod edges;
    mod issuing;
    mod owning;
    mod picking;
    mod reading;
    mod refusing;
    mod repeating;
    mod retrying;
    mod secrets;
    mod upstream_errors;
    mod validating;
    mod violations;
    mod whatever_comes;
    mod wire;
}
