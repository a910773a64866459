//! What is asked of each cell of the simulation.

use super::cell::{Cell, Tenancy};
use super::figures::Figures;

/// A figure, and where it must lie.
struct Rule {
    what: &'static str,
    is: f64,
    allowed: std::ops::RangeInclusive<f64>,
}

/// What `figures` fall short of, of what is asked of `cell`.
pub(crate) fn missed_in(cell: &Cell, figures: &Figures) -> Vec<String> {
    let mut rules = always(cell, figures);
    if cell.load > 1.0 {
        rules.extend(when_overloaded(cell, figures));
    } else {
        rules.push(at_least("served", figures.served(), 0.999));
    }
    let missed = rules.iter().filter(|rule| !rule.allowed.contains(&rule.is));
    missed
        .map(|Rule { what, is, allowed }| format!("{what} is {is:.4}, not in {allowed:?}"))
        .collect()
}

fn always(cell: &Cell, figures: &Figures) -> Vec<Rule> {
    let throttles = match cell.tenancy {
        Tenancy::Alone => 0.01,
        Tenancy::Shared if cell.quota < 25.0 => 0.06,
        Tenancy::Shared if cell.quota < 50.0 => 0.025,
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

fn when_overloaded(cell: &Cell, figures: &Figures) -> Vec<Rule> {
    let goodput = match cell.tenancy {
        Tenancy::Alone => 0.96,
        Tenancy::Shared => 0.95,
    };
    let slow = if cell.load < 10.0 { 0.01 } else { 0.005 };
    let refusal = figures.refusal(0.99).as_secs_f64();
    vec![
        at_least("goodput", figures.goodput(), goodput),
        at_least("fairness", figures.fairness(), 0.98),
        at_most("failed slowly", figures.failed_slowly(), slow),
        at_most("99 % of refusals, in seconds", refusal, 0.01),
    ]
}

fn at_least(what: &'static str, is: f64, bar: f64) -> Rule {
    let allowed = bar..=f64::INFINITY;
    Rule { what, is, allowed }
}

fn at_most(what: &'static str, is: f64, bar: f64) -> Rule {
    let allowed = 0.0..=bar;
    Rule { what, is, allowed }
}
