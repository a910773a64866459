//! The bounds that the short form asserts. They leave room for a busy machine; the tables of
//! `docs/benchmarks` show how far from them the figures are on a quiet one.

use super::arm::Arm;
use super::case::Case;
use super::columns::{Column, FAILED_SLOWLY, GOODPUT, JAIN, OVER_ADMISSION, SURPLUS, THROTTLES};
use super::results::Results;

/// Returns a sentence for each bound that was missed.
pub(crate) fn missed(results: &Results) -> Vec<String> {
    let livegate = Measured(results, Arm::ONE_REPLICA);
    let [standard, adaptive, strong] =
        [Arm::SdkStandard, Arm::SdkAdaptive, Arm::StrongService].map(|arm| Measured(results, arm));
    let goodputs = [&standard, &adaptive, &strong].map(|arm| arm.mean(&GOODPUT));
    let best = goodputs.into_iter().fold(0.0, f64::max);
    let checks = [
        livegate.at_least(&GOODPUT, 0.75, "0.75 Q"),
        // Livegate leaves 2 % of the quota unused, and brute force leaves nothing.
        livegate.at_least(&GOODPUT, 0.75 * best, "0.75 of the best alternative"),
        livegate.at_least(&JAIN, 0.9, "an even share"),
        livegate.at_least(&JAIN, standard.mean(&JAIN) - 0.02, "as fair as the SDK"),
        livegate.at_least(
            &JAIN,
            1.5 * strong.mean(&JAIN),
            "much fairer than one queue",
        ),
        livegate.at_most(&THROTTLES, 0.05, "hardly a throttle"),
        livegate.at_most(
            &THROTTLES,
            0.1 * standard.mean(&THROTTLES),
            "a tenth of the SDK's",
        ),
        livegate.at_most(&FAILED_SLOWLY, 0.1, "failures come early"),
        livegate.at_most(
            &FAILED_SLOWLY,
            0.2 * adaptive.mean(&FAILED_SLOWLY),
            "a fifth of the SDK's",
        ),
        livegate.at_most(&SURPLUS, 0.05, "hardly a session is lost"),
        livegate.at_most(&OVER_ADMISSION, 1.0, "no second beyond quota and burst"),
    ];
    checks.into_iter().flatten().collect()
}

/// An arm in the base case.
struct Measured<'a>(&'a Results, Arm);

impl Measured<'_> {
    /// Returns the mean of a figure. One that was not measured is not a number, and misses
    /// every bound.
    fn mean(&self, column: &Column) -> f64 {
        let Self(results, arm) = self;
        results
            .mean(column, Case::base().name, *arm)
            .unwrap_or(f64::NAN)
    }

    fn at_least(&self, column: &Column, bound: f64, reason: &str) -> Option<String> {
        let value = self.mean(column);
        let held = value >= bound;
        let Self(_, arm) = self;
        (!held).then(|| {
            format!(
                "{arm}: {} {value:.3}, at least {bound:.3} ({reason})",
                column.head
            )
        })
    }

    fn at_most(&self, column: &Column, bound: f64, reason: &str) -> Option<String> {
        let value = self.mean(column);
        let held = value <= bound;
        let Self(_, arm) = self;
        (!held).then(|| {
            format!(
                "{arm}: {} {value:.3}, at most {bound:.3} ({reason})",
                column.head
            )
        })
    }
}
