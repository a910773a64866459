//! Open-loop arrivals: a seeded [Poisson process](https://en.wikipedia.org/wiki/Poisson_point_process)
//! for each caller, so that every arm receives the same list.
//!
//! Each caller has a generator of its own. A process that plays one caller therefore
//! computes that caller's list alone.

use std::time::Duration;

/// Returns when `caller` sends a request, counted from the start, in order.
pub(crate) fn arrivals(
    seed: u64,
    caller: usize,
    per_second: f64,
    until: Duration,
) -> Vec<Duration> {
    let mut rng =
        fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(caller as u64));
    let mut due = 0.0;
    let mut list = Vec::new();
    loop {
        // `f64()` is below 1, so the logarithm is finite.
        due -= (1.0 - rng.f64()).ln() / per_second;
        if due >= until.as_secs_f64() {
            return list;
        }
        list.push(Duration::from_secs_f64(due));
    }
}

/// Splits `total` requests a second: the first of `callers` sends `first_share` of
/// them, and the others share the rest equally.
pub(crate) fn split(total: f64, callers: usize, first_share: f64) -> Vec<f64> {
    let other = total * (1.0 - first_share) / (callers - 1) as f64;
    let mut rates = vec![other; callers];
    rates[0] = total * first_share;
    rates
}
