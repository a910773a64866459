//! Fairness between callers: [max-min fair shares](https://en.wikipedia.org/wiki/Max-min_fairness)
//! and [Jain's index](https://en.wikipedia.org/wiki/Fairness_measure).

/// Divides `capacity` among callers that demand so much each. No caller gets more than
/// it demands, and what it leaves is divided among the others.
///
/// For example, a capacity of 10 and demands of 2, 8 and 10 give 2, 4 and 4.
pub(crate) fn max_min_shares(capacity: f64, demands: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by(|a, b| demands[*a].total_cmp(&demands[*b]));
    let mut shares = vec![0.0; demands.len()];
    let mut left = capacity;
    for (served, caller) in order.iter().enumerate() {
        let equal = left / (demands.len() - served) as f64;
        shares[*caller] = demands[*caller].min(equal);
        left -= shares[*caller];
    }
    shares
}

/// Returns Jain's index of `values`: 1 where all are equal, and 1 / n where one of n
/// has everything. Without any value, or with nothing but zeros, it is `None`.
pub(crate) fn jain(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares > 0.0).then(|| sum * sum / (values.len() as f64 * squares))
}
