//! Percentiles of one run, and the interval of a figure over several runs.

use serde::Serialize;

/// Half the width of a 95 % interval of Student's t distribution, in standard errors,
/// for 2, 3, ... 10 runs.
const STUDENT_T: [f64; 9] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
];

/// A figure over several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) mean: f64,
    /// Half the width of the 95 % interval of the mean; `None` for a single run.
    pub(crate) half_width: Option<f64>,
}

impl Interval {
    /// Returns the interval of the mean of `values`, or `None` where there is no value.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)?;
        let half_width = (values.len() > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let standard_error = (squares / (count - 1.0) / count).sqrt();
            STUDENT_T[(values.len() - 2).min(STUDENT_T.len() - 1)] * standard_error
        });
        Some(Self { mean, half_width })
    }
}

/// Returns the smallest of `values` that at least `share` of them do not exceed
/// (nearest rank), or `None` where there is no value.
pub(crate) fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}
