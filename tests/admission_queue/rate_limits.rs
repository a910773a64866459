//! The rate limits of callers: a limited caller is passed over until its limit allows
//! the next call.

use std::time::Duration;

use livegate::admission::{CallerLimits, QueueSettings};

use super::fixture::{TestQueue, caller, named};

#[test]
fn a_rate_limited_caller_is_passed_over_until_its_limit_allows_a_call() {
    let slow = CallerLimits {
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(named(&[("a", slow)]));
    for name in ["a", "a", "a", "b", "b"] {
        queue.arrive(name);
    }
    let start = queue.now;
    assert_eq!(queue.pops(5), "abb", "the limit starts with one token");
    let ready = queue.inner.ready_at(start).expect("a waits");
    assert!((ready - start).abs_diff(Duration::from_secs(1)) < Duration::from_millis(1));
    queue.now = ready;
    assert_eq!(queue.pops(5), "a");
}

#[test]
fn a_raised_rate_limit_releases_its_caller_at_once() {
    let slow = CallerLimits {
        max_rate_per_second: Some(0.01),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(named(&[("a", slow)]));
    queue.arrive("a");
    queue.arrive("a");
    assert_eq!(queue.pops(2), "a");
    queue.inner.apply(QueueSettings::default(), queue.now);
    assert_eq!(queue.pops(2), "a");
}

#[test]
fn idleness_does_not_reset_an_exhausted_rate_limit() {
    let rare = CallerLimits {
        max_rate_per_second: Some(0.01),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(named(&[("a", rare)]));
    queue.arrive("a");
    assert_eq!(queue.pops(1), "a");
    for _ in 0..2 {
        queue.now += Duration::from_secs(45);
        let ticket = queue.arrive("a");
        assert!(queue.pop().is_none());
        queue.inner.remove(ticket);
    }
}

#[test]
fn a_caller_is_held_back_by_its_own_limit_or_requests_and_by_no_other_caller() {
    let slow = CallerLimits {
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(named(&[("a", slow)]));
    let held_back = |queue: &mut TestQueue| {
        ["a", "b", "c"].map(|name| queue.inner.is_held_back(&caller(name), queue.now))
    };
    assert_eq!(held_back(&mut queue), [false; 3]);
    queue.arrive("a");
    queue.arrive("b");
    assert_eq!(held_back(&mut queue), [true, true, false], "requests wait");
    assert_eq!(queue.pops(2), "ab");
    assert_eq!(held_back(&mut queue), [true, false, false], "a's limit");
    queue.now += Duration::from_secs(1);
    assert_eq!(held_back(&mut queue), [false; 3]);
}
