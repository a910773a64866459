//! Admission as its callers see it, on paused time.

#[path = "admission"]
mod admission {
    mod callers_state;
    mod fixture;
    mod rate;
    mod refusals;
    mod shadow;
    mod waiting;
}
