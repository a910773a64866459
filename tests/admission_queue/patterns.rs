//! Patterns: the callers of a pattern have one weight and one rate limit as a whole, and
//! take turns equally.

use std::collections::BTreeSet;
use std::time::Duration;

use livegate::admission::queue::{ArrivalKind, Cause};
use livegate::admission::{CallerLimits, QueueSettings};

use super::fixture::{TEN_PER_SECOND, TestQueue, caller, of_pattern, weighted};

fn limited(rate: f64) -> CallerLimits {
    CallerLimits {
        max_rate_per_second: Some(rate),
        ..CallerLimits::default()
    }
}

#[test]
fn a_pattern_has_one_weight_and_its_callers_take_turns_equally() {
    let mut queue = TestQueue::new(of_pattern("t*", weighted(2)));
    for _ in 0..12 {
        for name in ["t1", "t2", "t3", "a"] {
            queue.arrive(name);
        }
    }
    assert_eq!(queue.pops(18), "t1t2at3t1at2t3at1t2at3t1at2t3a");
}

#[test]
fn a_pattern_has_one_rate_limit_and_its_callers_take_turns_equally() {
    let mut queue = TestQueue::new(of_pattern("team/*", limited(2.0)));
    let names: Vec<String> = (0..30).map(|number| format!("team/{number}")).collect();
    for name in &names {
        queue.arrive(name);
        queue.arrive(name);
    }
    let mut served = Vec::new();
    for _ in 0..140 {
        served.extend(std::iter::from_fn(|| queue.pop()).map(|(name, _)| name));
        queue.now += Duration::from_millis(100);
    }
    assert!(
        (28..=29).contains(&served.len()),
        "{} in 14 s at 2/s",
        served.len()
    );
    let distinct: BTreeSet<&String> = served.iter().collect();
    assert_eq!(
        distinct.len(),
        served.len(),
        "no caller has a second turn yet"
    );
}

#[test]
fn a_new_name_does_not_reset_the_rate_limit_of_its_pattern() {
    let mut queue = TestQueue::new(of_pattern("t*", limited(0.01)));
    queue.arrive("t1");
    assert_eq!(queue.pops(2), "t1");
    queue.now += Duration::from_secs(45);
    queue.arrive("t2");
    assert_eq!(queue.pops(2), "");
}

#[test]
fn the_prediction_for_a_pattern_equals_the_tokens_until_the_request_gets_one() {
    for (pattern, other) in [("t*", "a"), ("a*", "t1")] {
        let mut queue = TestQueue::new(of_pattern(pattern, weighted(2)));
        for (name, waiting) in [("t1", 9), ("t2", 2), ("t3", 7), ("a", 20), ("b", 20)] {
            for _ in 0..waiting {
                queue.arrive(name);
            }
        }
        for name in ["t2", other] {
            // Without further arrivals: all of them were long ago.
            queue.now += Duration::from_secs(31);
            let key = queue
                .inner
                .record_arrival(&caller(name), ArrivalKind::Retry, queue.now);
            let predicted = queue
                .inner
                .predict(key, ArrivalKind::New, TEN_PER_SECOND, queue.now);
            let predicted = predicted.wait.as_secs_f64() * TEN_PER_SECOND.rate;
            let mut copy = TestQueue::new(of_pattern(pattern, weighted(2)));
            for (name, waiting) in [("t1", 9), ("t2", 2), ("t3", 7), ("a", 20), ("b", 20)] {
                for _ in 0..waiting {
                    copy.arrive(name);
                }
            }
            copy.arrive(name);
            let number = queue.inner.caller_len(key) + 1;
            let actual = std::iter::from_fn(|| copy.pop());
            let actual = actual.take_while(|(n, i)| (n.as_str(), *i as usize) != (name, number));
            let actual = actual.count() as f64 + 1.0;
            assert!(
                (predicted - actual).abs() <= 4.0,
                "{pattern} {name}: {predicted}, {actual}"
            );
        }
    }
}

#[test]
fn the_rate_limit_of_a_pattern_delays_the_prediction_of_all_its_callers() {
    let mut queue = TestQueue::new(of_pattern("t*", limited(1.0)));
    for name in ["t1", "t2", "t3"] {
        queue.arrive(name);
    }
    let key = queue
        .inner
        .record_arrival(&caller("t4"), ArrivalKind::New, queue.now);
    let predicted = queue
        .inner
        .predict(key, ArrivalKind::New, TEN_PER_SECOND, queue.now);
    assert_eq!(predicted.cause, Cause::CallerLimit);
    assert!(predicted.wait.abs_diff(Duration::from_secs(3)) < Duration::from_millis(1));
}

#[test]
fn a_reload_moves_waiting_requests_into_and_out_of_a_pattern() {
    let mut queue = TestQueue::new(QueueSettings::default());
    for name in ["t1", "t2", "a", "t1", "t2", "a"] {
        queue.arrive(name);
        queue.arrive(name);
    }
    assert_eq!(queue.pops(3), "t1t2a");
    queue.inner.apply(of_pattern("t*", weighted(1)), queue.now);
    assert_eq!(queue.pops(4), "t1at2a", "the pattern has one turn");
    queue.inner.apply(QueueSettings::default(), queue.now);
    assert_eq!(queue.pops(9), "t1t2at1t2", "each has a turn");
    assert!(queue.inner.is_empty());
}
