//! The door to the quota, as its callers see it, on paused time.

#[path = "admission_door"]
mod scenes {
    mod door;
    mod rate;
    mod refusing;
    mod waiting;
}
