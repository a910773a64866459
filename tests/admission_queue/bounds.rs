//! The bounds on waiting requests and on callers with a queue of their own.

use std::time::Duration;

use livegate::admission::queue::{ArrivalKind, Cause};
use livegate::admission::{CallerLimits, QueueSettings};

use super::fixture::{TestQueue, count, named, of_pattern, weighted};

#[test]
fn a_removed_request_frees_its_position_at_once() {
    let one = CallerLimits {
        max_waiting: count(1),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(named(&[("a", one)]));
    for _ in 0..10_000 {
        let ticket = queue.arrive("a");
        assert_eq!(queue.enter("a", ArrivalKind::New), Err(Cause::CallerLimit));
        assert!(queue.inner.remove(ticket).is_some());
        assert!(queue.inner.remove(ticket).is_none(), "only once");
    }
    assert!(queue.inner.is_empty() && queue.pop().is_none());
}

#[test]
fn the_total_of_waiting_requests_is_bounded() {
    let mut queue = TestQueue::new(QueueSettings {
        max_waiting: count(3),
        ..QueueSettings::default()
    });
    for name in ["a", "b", "c"] {
        queue.arrive(name);
    }
    assert_eq!(queue.enter("d", ArrivalKind::New), Err(Cause::Quota));
}

#[test]
fn unnamed_callers_beyond_the_bound_share_one_queue() {
    let mut queue = TestQueue::new(QueueSettings {
        max_callers: count(2),
        ..named(&[("n", CallerLimits::default())])
    });
    for name in ["a", "b", "x", "y", "z", "n"] {
        queue.arrive(name);
        queue.arrive(name);
    }
    assert_eq!(queue.inner.callers(), 4, "a, b, overflow, n");
    assert_eq!(queue.pops(12), "abxnabxnyyzz");
}

#[test]
fn callers_of_a_pattern_have_queues_of_their_own_up_to_the_bound_and_then_share_one() {
    let mut queue = TestQueue::new(QueueSettings {
        max_callers: count(2),
        ..of_pattern("g*", weighted(2))
    });
    for name in ["g1", "a", "g2", "n", "g3", "m"] {
        for _ in 0..8 {
            queue.arrive(name);
        }
    }
    assert_eq!(queue.inner.callers(), 4, "g1, a, g2 with g3, n with m");
    let served = (0..16).map_while(|_| queue.pop()).map(|(name, _)| name);
    let served: Vec<String> = served.collect();
    let of = |name: &str| served.iter().filter(|one| *one == name).count();
    // The pattern has weight 2 as a whole, including its callers beyond the bound.
    assert_eq!(["g1", "a", "g2", "n", "g3"].map(of), [4, 4, 4, 4, 0]);
}

#[test]
fn named_callers_do_not_count_towards_the_bound() {
    let names: Vec<String> = (0..1000).map(|number| format!("named-{number}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|n| (n.as_str(), CallerLimits::default()))
        .collect();
    let mut queue = TestQueue::new(QueueSettings {
        max_callers: count(2),
        ..named(&all)
    });
    for name in &names {
        queue.arrive(name);
    }
    for name in ["a", "b", "x", "y"] {
        queue.arrive(name);
    }
    assert_eq!(queue.inner.callers(), 1003, "the named, a, b, overflow");
}

#[test]
fn an_idle_caller_is_dropped_while_the_overflow_queue_stays_busy() {
    let mut queue = TestQueue::new(QueueSettings {
        max_callers: count(2),
        ..QueueSettings::default()
    });
    for name in ["a", "b", "x", "y", "z"] {
        queue.arrive(name);
    }
    assert_eq!(queue.pops(9), "abxyz");
    for _ in 0..31 {
        queue.now += Duration::from_secs(1);
        queue.arrive("a");
        queue.arrive("x");
        queue.pops(9);
    }
    assert_eq!(queue.inner.callers(), 3, "a, overflow, and now x");
    for name in ["y", "y", "n", "n"] {
        queue.arrive(name);
    }
    assert_eq!(queue.pops(9), "yynn", "y and n share the overflow queue");
}

#[test]
fn no_caller_name_selects_the_overflow_queue() {
    let capped = CallerLimits {
        max_waiting: count(1),
        ..CallerLimits::default()
    };
    let mut queue = TestQueue::new(QueueSettings {
        max_callers: count(1),
        ..named(&[("(others)", capped)])
    });
    for name in ["a", "x", "y", "(others)"] {
        queue.arrive(name);
    }
    assert_eq!(queue.inner.callers(), 3, "a, x with y, (others)");
    assert_eq!(
        queue.enter("(others)", ArrivalKind::New),
        Err(Cause::CallerLimit)
    );
    queue.arrive("x");
}

#[test]
fn a_reload_updates_which_callers_count_towards_the_bound() {
    let settings = |name| QueueSettings {
        max_callers: count(1),
        ..named(&[(name, CallerLimits::default())])
    };
    let mut queue = TestQueue::new(settings("a"));
    queue.arrive("a");
    queue.arrive("b");
    assert_eq!(queue.inner.callers(), 2);
    queue.inner.apply(settings("b"), queue.now);
    queue.arrive("x");
    assert_eq!(queue.inner.callers(), 3, "a, b, overflow");
    queue.inner.apply(settings("x"), queue.now);
    queue.arrive("x");
    assert_eq!(queue.inner.callers(), 4, "a, b, overflow, x");
}

#[test]
fn invented_names_use_bounded_memory_and_idle_callers_are_dropped() {
    let mut queue = TestQueue::new(QueueSettings {
        max_callers: count(10),
        ..QueueSettings::default()
    });
    for number in 0..10_000 {
        let ticket = queue.arrive(&format!("invented-{number}"));
        queue.inner.remove(ticket);
        assert!(queue.inner.callers() <= 11);
    }
    assert!(queue.pop().is_none());
    queue.now += Duration::from_secs(31);
    queue.arrive("late");
    assert_eq!(queue.inner.callers(), 1);
}
