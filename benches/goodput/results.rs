//! The figures of all runs, and those of one case and arm together.

use super::arm::Arm;
use super::case::{Case, Cell};
use super::columns::Column;
use super::figures::Figures;
use super::statistics::Interval;

/// The figures of every run, in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Results(pub(crate) Vec<(Cell, Figures)>);

impl Results {
    /// The cases, in order.
    pub(crate) fn cases(&self) -> Vec<&Case> {
        let mut cases: Vec<&Case> = Vec::new();
        for (cell, _) in &self.0 {
            if !cases.iter().any(|case| case.name == cell.case.name) {
                cases.push(&cell.case);
            }
        }
        cases
    }

    /// The arms of a case, in order.
    pub(crate) fn arms(&self, case: &str) -> Vec<Arm> {
        let mut arms = Vec::new();
        for (cell, _) in &self.0 {
            if cell.case.name == case && !arms.contains(&cell.arm) {
                arms.push(cell.arm);
            }
        }
        arms
    }

    /// The figures of one case and arm, one for each seed.
    pub(crate) fn of(&self, case: &str, arm: Arm) -> Vec<&Figures> {
        let same = self
            .0
            .iter()
            .filter(|(cell, _)| cell.case.name == case && cell.arm == arm);
        same.map(|(_, figures)| figures).collect()
    }

    /// One figure of one case and arm, over its seeds.
    pub(crate) fn interval(&self, column: &Column, case: &str, arm: Arm) -> Option<Interval> {
        column.over(&self.of(case, arm))
    }

    /// The mean of one figure.
    pub(crate) fn mean(&self, column: &Column, case: &str, arm: Arm) -> Option<f64> {
        Some(self.interval(column, case, arm)?.mean)
    }

    /// How late requests were sent in the worst run, at the p99, in milliseconds.
    pub(crate) fn send_lag_ms(&self) -> f64 {
        let lags = self
            .0
            .iter()
            .filter_map(|(_, figures)| figures.send_lag_p99_ms);
        lags.fold(0.0, f64::max)
    }
}
