//! The predicted wait of a new request, and the retry delay of a refused one.

use std::time::Duration;

use livegate::admission::queue::{ArrivalKind, Cause};
use livegate::admission::{CallerLimits, QueueSettings};
use proptest::prelude::*;

use super::fixture::{TEN_PER_SECOND, TestQueue, caller, named, weighted};

#[test]
fn the_prediction_counts_each_callers_share_and_at_most_its_requests() {
    let mut queue = TestQueue::new(named(&[("a", weighted(2)), ("b", weighted(1))]));
    for name in ["a", "a", "a", "a", "b", "b"] {
        queue.arrive(name);
    }
    queue.now += Duration::from_secs(60);
    let third_of_b = queue.predicted_tokens("b");
    queue.now += Duration::from_secs(60);
    let fifth_of_a = queue.predicted_tokens("a");
    assert!((third_of_b - 7.0).abs() < 0.01 && (fifth_of_a - 7.0).abs() < 0.01);
}

#[test]
fn the_prediction_counts_a_recent_caller_without_waiting_requests() {
    let mut queue = TestQueue::new(QueueSettings::default());
    for _ in 0..50 {
        queue.arrive("a");
    }
    let without = queue.predicted_tokens("a");
    for _ in 0..500 {
        let ticket = queue.arrive("b");
        queue.inner.remove(ticket);
    }
    let with = queue.predicted_tokens("a");
    assert!((without - 51.0).abs() < 0.01 && (with - 102.0).abs() < 0.01);
}

#[test]
fn a_rate_limit_is_predicted_and_is_the_cause() {
    let slow = CallerLimits {
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(named(&[("a", slow)]));
    for _ in 0..4 {
        queue.arrive("a");
    }
    let key = queue
        .inner
        .record_arrival(&caller("a"), ArrivalKind::New, queue.now);
    let prediction = queue
        .inner
        .predict(key, ArrivalKind::New, TEN_PER_SECOND, queue.now);
    assert_eq!(prediction.cause, Cause::CallerLimit);
    assert!(prediction.wait.abs_diff(Duration::from_secs(4)) < Duration::from_millis(1));
}

#[test]
fn retry_delays_are_a_token_of_the_callers_share_apart_and_at_most_30_s() {
    let mut queue = TestQueue::new(QueueSettings::default());
    let key = queue
        .inner
        .record_arrival(&caller("a"), ArrivalKind::New, queue.now);
    queue.arrive("other");
    let earliest = Duration::from_secs(2);
    let delays: Vec<f64> = (0..200)
        .map(|_| {
            queue
                .inner
                .retry_after(key, TEN_PER_SECOND, queue.now, earliest)
        })
        .map(|delay| delay.as_secs_f64())
        .collect();
    assert!((delays[0] - 2.0).abs() < 1e-6);
    for pair in delays[..100].windows(2) {
        assert!((pair[1] - pair[0] - 0.2).abs() < 1e-6, "{pair:?}");
    }
    assert!((delays[199] - 30.0).abs() < 1e-6);
}

proptest! {
    /// Without further arrivals, the prediction is right to within one round.
    #[test]
    fn without_further_arrivals_the_prediction_is_right_to_within_a_round(
        queues in prop::collection::vec((1_u32..6, 0_usize..40), 1..8),
        served_before in 0_usize..20,
    ) {
        let names: Vec<String> = (0..queues.len()).map(|n| n.to_string()).collect();
        let limits: Vec<_> = names.iter().zip(&queues).map(|(n, (w, _))| (n.as_str(), weighted(*w))).collect();
        let mut queue = TestQueue::new(named(&limits));
        for (name, (_, waiting)) in names.iter().zip(&queues) {
            for _ in 0..*waiting {
                queue.arrive(name);
            }
        }
        queue.pops(served_before);
        queue.now += Duration::from_secs(60);
        let predicted = queue.predicted_tokens(&names[0]);
        let newest = queue.arrive(&names[0]);
        let mut tokens = 1;
        while queue.inner.peek(queue.now).expect("the newest request waits").0 != newest {
            queue.pop();
            tokens += 1;
        }
        let round: u32 = queues.iter().map(|(weight, _)| weight).sum();
        prop_assert!((predicted - f64::from(tokens)).abs() <= f64::from(round) + 0.01,
            "{} predicted, {} taken, {:?}", predicted, tokens, queues);
    }
}
