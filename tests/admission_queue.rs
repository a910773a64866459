//! The fair queue as a value: order, shares, bounds and prediction.

#[path = "admission_queue"]
mod admission_queue {
    mod bounds;
    mod fixture;
    mod patterns;
    mod prediction;
    mod properties;
    mod rate_limits;
    mod round_robin;
}
