//! The targets of each scenario.

use super::figures::Figures;
use super::scenario::{Scenario, Tenancy};

/// A figure and its allowed range.
struct Target {
    name: &'static str,
    value: f64,
    allowed: std::ops::RangeInclusive<f64>,
}

/// Returns the targets of `scenario` that `figures` miss.
pub(crate) fn missed(scenario: &Scenario, figures: &Figures) -> Vec<String> {
    let mut targets = always(scenario, figures);
    if scenario.load > 1.0 {
        targets.extend(under_overload(scenario, figures));
    } else {
        targets.push(at_least("served", figures.served(), 0.999));
    }
    let missed = targets
        .iter()
        .filter(|target| !target.allowed.contains(&target.value));
    missed
        .map(
            |Target {
                 name,
                 value,
                 allowed,
             }| format!("{name} is {value:.4}, not in {allowed:?}"),
        )
        .collect()
}

fn always(scenario: &Scenario, figures: &Figures) -> Vec<Target> {
    let throttles = match scenario.tenancy {
        Tenancy::Alone => 0.01,
        Tenancy::Shared if scenario.quota < 25.0 => 0.06,
        Tenancy::Shared if scenario.quota < 50.0 => 0.025,
        Tenancy::Shared => 0.02,
    };
    vec![
        at_most("duplicate sessions", figures.duplicates() as f64, 0.0),
        at_most(
            "throttles for each session",
            figures.throttles_for_each_success(),
            throttles,
        ),
    ]
}

fn under_overload(scenario: &Scenario, figures: &Figures) -> Vec<Target> {
    let goodput = match scenario.tenancy {
        Tenancy::Alone => 0.96,
        Tenancy::Shared => 0.95,
    };
    let slow = if scenario.load < 10.0 { 0.01 } else { 0.005 };
    let refusal = figures.refusal(0.99).as_secs_f64();
    vec![
        at_least("goodput", figures.goodput(), goodput),
        at_least("fairness", figures.fairness(), 0.98),
        at_most("failed slowly", figures.failed_slowly(), slow),
        at_most("99 % of refusals, in seconds", refusal, 0.01),
    ]
}

fn at_least(name: &'static str, value: f64, bound: f64) -> Target {
    let allowed = bound..=f64::INFINITY;
    Target {
        name,
        value,
        allowed,
    }
}

fn at_most(name: &'static str, value: f64, bound: f64) -> Target {
    let allowed = 0.0..=bound;
    Target {
        name,
        value,
        allowed,
    }
}
