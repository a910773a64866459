//! The arithmetic of `cargo bench --bench goodput`, whose harness runs no tests.

#[path = "../benches/goodput"]
mod goodput {
    pub(crate) mod arrivals;
    pub(crate) mod fairness;
    pub(crate) mod figures;
    pub(crate) mod outcome;
    pub(crate) mod samples;
    pub(crate) mod statistics;
}

use std::time::Duration;

use goodput::arrivals::{arrivals, split};
use goodput::fairness::{jain, max_min_shares};
use goodput::figures::{Figures, Run};
use goodput::outcome::{Outcome, digest};
use goodput::samples::{Sample, busiest_second, count};
use goodput::statistics::{Interval, percentile};
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_same_seed_gives_the_same_arrivals_and_other_seeds_and_callers_give_others() {
    let list = arrivals(1, 0, 175.0, MINUTE);
    assert_eq!(list, arrivals(1, 0, 175.0, MINUTE));
    assert_ne!(list, arrivals(2, 0, 175.0, MINUTE));
    assert_ne!(list, arrivals(1, 1, 175.0, MINUTE));
}

#[test]
fn arrivals_are_a_poisson_process_at_the_given_rate() {
    let list = arrivals(7, 3, 100.0, MINUTE);
    assert!(list.is_sorted() && list.iter().all(|due| *due < MINUTE));
    // 6000 are expected, with a standard deviation of 77.
    assert!((5700..6300).contains(&list.len()), "{}", list.len());
    let gaps = list
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64());
    let long = gaps.filter(|gap| *gap > 0.01).count() as f64 / list.len() as f64;
    assert!((long - (-1.0f64).exp()).abs() < 0.03, "{long}");
}

#[test]
fn one_caller_sends_its_share_and_the_others_share_the_rest() {
    let rates = split(250.0, 10, 0.7);
    assert!((rates[0] - 175.0).abs() < 1e-9);
    assert!(
        rates[1..]
            .iter()
            .all(|rate| (rate - 75.0 / 9.0).abs() < 1e-9)
    );
}

#[test]
fn unused_shares_are_divided_among_the_others() {
    assert_eq!(max_min_shares(10.0, &[2.0, 8.0, 10.0]), [2.0, 4.0, 4.0]);
    assert_eq!(max_min_shares(10.0, &[8.0, 2.0, 10.0]), [4.0, 2.0, 4.0]);
    assert_eq!(max_min_shares(10.0, &[1.0, 2.0]), [1.0, 2.0]);
    assert_eq!(max_min_shares(9.0, &[9.0, 9.0, 9.0]), [3.0, 3.0, 3.0]);
}

#[test]
fn jain_is_one_for_equals_and_one_nth_where_one_has_everything() {
    assert_eq!(jain(&[2.0, 2.0, 2.0, 2.0]), Some(1.0));
    assert_eq!(jain(&[8.0, 0.0, 0.0, 0.0]), Some(0.25));
    assert_eq!(jain(&[0.0, 0.0]), None);
    assert_eq!(jain(&[]), None);
}

#[test]
fn a_percentile_is_the_nearest_rank() {
    let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
    assert_eq!(percentile(&values, 0.5), Some(100.0));
    assert_eq!(percentile(&values, 0.99), Some(198.0));
    assert_eq!(percentile(&values, 1.0), Some(200.0));
    assert_eq!(percentile(&[3.0], 0.99), Some(3.0));
    assert_eq!(percentile(&[], 0.5), None);
}

#[test]
fn an_interval_is_that_of_students_t() {
    let interval = Interval::of(&[1.0, 2.0, 3.0]).unwrap();
    assert_eq!(interval.mean, 2.0);
    // The standard error is 1 / sqrt(3).
    assert!((interval.half_width.unwrap() - 4.303 / 3.0f64.sqrt()).abs() < 1e-9);
    let single = Interval {
        mean: 5.0,
        half_width: None,
    };
    assert_eq!(Interval::of(&[5.0]), Some(single));
    assert_eq!(Interval::of(&[]), None);
}

/// Samples each 0.1 s, of a simulator that `calls` attempts have reached by then.
fn samples(calls: &[u64]) -> Vec<Sample> {
    let each = calls.iter().enumerate();
    each.map(|(number, calls)| Sample {
        at: number as f64 / 10.0,
        calls: *calls,
        ..Sample::default()
    })
    .collect()
}

#[test]
fn the_busiest_second_may_begin_at_any_sample_and_leaves_the_tenant_out() {
    // Ten attempts within 0.2 s, then one each 0.1 s.
    let calls = [0, 0, 0, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    assert_eq!(busiest_second(&samples(&calls), &[]), 18);
    assert_eq!(busiest_second(&samples(&calls), &[0.25, 0.35]), 16);
    assert_eq!(busiest_second(&samples(&calls[..5]), &[]), 0);
    assert_eq!(count(&[0.1, 0.2, 0.3], &(0.1..0.3)), 2);
}

fn outcome(caller: usize, due: f64, ended: f64, result: Result<&str, &str>) -> Outcome {
    Outcome {
        caller,
        due,
        sent: due + 0.001,
        ended,
        result: result.map(digest).map_err(str::to_owned),
    }
}

/// Two callers before a quota of 2 a second; seconds 1 to 3 are counted.
fn figures() -> Figures {
    let outcomes = [
        outcome(0, 0.2, 0.5, Ok("before the counted seconds")),
        outcome(0, 0.9, 1.2, Ok("a")),
        outcome(0, 1.0, 1.4, Ok("b")),
        outcome(1, 1.5, 1.6, Err("throttled")),
        outcome(1, 1.1, 2.9, Err("timeout")),
        outcome(1, 2.0, 2.2, Ok("c")),
        outcome(1, 2.5, 3.4, Ok("after them")),
    ];
    let sample = |at, calls, throttled, made| Sample {
        at,
        calls,
        throttled,
        made,
    };
    let samples = [
        sample(0.0, 0, 0, 0),
        sample(1.0, 2, 0, 2),
        sample(3.0, 10, 4, 5),
        sample(4.0, 11, 4, 6),
    ];
    let run = Run {
        quota: 2.0,
        burst: 2.0,
        callers: 2,
        deadline: 2.0,
        counted: 1.0..3.0,
        outcomes: &outcomes,
        samples: &samples,
        tenant: &[],
        tenant_share: 0.0,
    };
    run.figures().expect("the samples span the counted seconds")
}

#[test]
fn figures_count_what_ended_in_the_counted_seconds() {
    let figures = figures();
    assert_eq!((figures.ended, figures.obtained), (5, 3));
    assert_eq!(figures.goodput, 0.75);
    assert_eq!(figures.throttles_per_success, Some(4.0 / 3.0));
    assert_eq!(figures.attempts_per_success, Some(8.0 / 3.0));
    assert!((figures.session_p50_ms.unwrap() - 300.0).abs() < 1e-6);
    assert!((figures.session_p99_ms.unwrap() - 400.0).abs() < 1e-6);
    assert!((figures.failure_p99_ms.unwrap() - 1800.0).abs() < 1e-6);
    assert!((figures.send_lag_p99_ms.unwrap() - 1.0).abs() < 1e-6);
    assert_eq!(figures.tenant_served, None);
    assert_eq!(figures.failures.len(), 2);
}

#[test]
fn slow_failures_fair_shares_and_surplus_sessions_follow_their_definitions() {
    let figures = figures();
    // 1.8 s of 2 s is not more than 90 %.
    assert_eq!(figures.failed_slowly, Some(0.0));
    // Caller 0 got 2 of its 2, caller 1 got 1 of its fair share of 2.
    assert_eq!(figures.jain, jain(&[1.0, 0.5]));
    // Six sessions were made, and five requests of the whole run obtained one.
    assert_eq!(figures.surplus_sessions, Some(0.2));
    // Eight attempts in the sampled two seconds from 1.0, over quota and burst.
    assert_eq!(figures.over_admission, 2.0);
    assert_eq!(figures.obtained_each_second, [1, 2, 1]);
}

proptest! {
    #[test]
    fn shares_use_the_capacity_and_no_caller_could_gain_without_one_that_has_less(
        capacity in 0.0f64..100.0,
        demands in prop::collection::vec(0.0f64..50.0, 1..12),
    ) {
        let shares = max_min_shares(capacity, &demands);
        let used: f64 = shares.iter().sum();
        let wanted: f64 = demands.iter().sum();
        prop_assert!((used - capacity.min(wanted)).abs() < 1e-6);
        let largest = shares.iter().copied().fold(0.0, f64::max);
        for (share, demand) in shares.iter().zip(&demands) {
            prop_assert!(*share <= demand + 1e-9);
            prop_assert!(*share >= demand - 1e-9 || *share >= largest - 1e-9);
        }
    }

    #[test]
    fn jain_lies_between_one_nth_and_one(values in prop::collection::vec(0.01f64..100.0, 1..12)) {
        let index = jain(&values).unwrap();
        prop_assert!(index <= 1.0 + 1e-9 && index >= 1.0 / values.len() as f64 - 1e-9);
    }
}
