//! Admission as its callers see it, on paused time.

#[path = "admission"]
mod admission {
    mod fixture;
    mod rate;
    mod refusals;
    mod shadow;
    mod waiting;
}
