//! A caller's own ceiling: held while it is reached, let go on in time.

use std::time::Duration;

use livegate::admission::{CallerLimits, QueueSettings};

use super::scene::{Scene, named};

#[test]
fn a_caller_at_its_ceiling_is_passed_over_and_goes_on_when_it_is_let() {
    let slow = CallerLimits {
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let mut scene = Scene::new(named(&[("a", slow)]));
    for name in ["a", "a", "a", "b", "b"] {
        scene.arrive(name);
    }
    let start = scene.now;
    assert_eq!(scene.pops(5), "abb", "one call is in the ceiling at first");
    let ready = scene.queue.ready_at(start).expect("a waits");
    assert!((ready - start).abs_diff(Duration::from_secs(1)) < Duration::from_millis(1));
    scene.now = ready;
    assert_eq!(scene.pops(5), "a");
}

#[test]
fn a_ceiling_that_is_raised_lets_its_caller_go_at_once() {
    let slow = CallerLimits {
        max_rate_per_second: Some(0.01),
        ..CallerLimits::default()
    };
    let mut scene = Scene::new(named(&[("a", slow)]));
    scene.arrive("a");
    scene.arrive("a");
    assert_eq!(scene.pops(2), "a");
    scene.queue.apply(QueueSettings::default(), scene.now);
    assert_eq!(scene.pops(2), "a");
}

#[test]
fn going_away_does_not_refill_a_ceiling() {
    let rare = CallerLimits {
        max_rate_per_second: Some(0.01),
        ..CallerLimits::default()
    };
    let mut scene = Scene::new(named(&[("a", rare)]));
    scene.arrive("a");
    assert_eq!(scene.pops(1), "a");
    for _ in 0..2 {
        scene.now += Duration::from_secs(45);
        let ticket = scene.arrive("a");
        assert!(scene.pop().is_none());
        scene.queue.remove(ticket);
    }
}
