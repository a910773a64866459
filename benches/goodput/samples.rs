//! The simulator's counters over time, as read every 25 ms.

use std::ops::Range;

/// The counters of CreateFaceLivenessSession at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Seconds since the start of the load.
    pub(crate) at: f64,
    /// Attempts that reached the simulator.
    pub(crate) calls: u64,
    /// Attempts over the quota.
    pub(crate) throttled: u64,
    /// Sessions that exist.
    pub(crate) made: u64,
}

/// Returns the first and the last sample of `seconds`, or `None` where one is missing.
pub(crate) fn ends(samples: &[Sample], seconds: &Range<f64>) -> Option<(Sample, Sample)> {
    let at_or_after = |instant| samples.iter().find(|sample| sample.at >= instant).copied();
    Some((at_or_after(seconds.start)?, at_or_after(seconds.end)?))
}

/// Returns the largest number of attempts in any second, without those that another
/// tenant sent at `excluded` (in order).
///
/// A second runs from a sample to the first sample at least 1 s later, so it is never
/// shorter than 1 s and the result is an upper bound.
pub(crate) fn busiest_second(samples: &[Sample], excluded: &[f64]) -> u64 {
    let mut busiest = 0;
    let mut to = 0;
    for from in samples {
        while samples
            .get(to)
            .is_some_and(|sample| sample.at < from.at + 1.0)
        {
            to += 1;
        }
        let Some(last) = samples.get(to) else { break };
        let foreign = count(excluded, &(from.at..last.at));
        busiest = busiest.max((last.calls - from.calls).saturating_sub(foreign));
    }
    busiest
}

/// Returns how many of `instants`, which are in order, lie within `seconds`.
pub(crate) fn count(instants: &[f64], seconds: &Range<f64>) -> u64 {
    let before = |instant| instants.partition_point(|at| *at < instant);
    (before(seconds.end) - before(seconds.start)) as u64
}
