//! How long a newcomer would wait, and when one that is refused shall come back.

use std::time::Duration;

use livegate::admission::queue::{ArrivalKind, Cause};
use livegate::admission::{CallerLimits, QueueSettings};
use proptest::prelude::*;

use super::scene::{NO_SLOT_YET, Scene, caller, named, weighing};

#[test]
fn the_forecast_takes_each_callers_share_and_no_more_than_it_has() {
    let mut scene = Scene::new(named(&[("a", weighing(2)), ("b", weighing(1))]));
    for name in ["a", "a", "a", "a", "b", "b"] {
        scene.arrive(name);
    }
    scene.now += Duration::from_secs(60);
    let third_of_b = scene.predicted_slots("b");
    scene.now += Duration::from_secs(60);
    let fifth_of_a = scene.predicted_slots("a");
    assert!((third_of_b - 7.0).abs() < 0.01 && (fifth_of_a - 7.0).abs() < 0.01);
}

#[test]
fn the_forecast_counts_a_caller_that_just_now_has_nobody_waiting() {
    let mut scene = Scene::new(QueueSettings::default());
    for _ in 0..50 {
        scene.arrive("a");
    }
    let without = scene.predicted_slots("a");
    for _ in 0..500 {
        let ticket = scene.arrive("b");
        scene.queue.remove(ticket);
    }
    let with = scene.predicted_slots("a");
    assert!((without - 51.0).abs() < 0.01 && (with - 102.0).abs() < 0.01);
}

#[test]
fn a_ceiling_is_foreseen_and_named_as_the_cause() {
    let slow = CallerLimits {
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let mut scene = Scene::new(named(&[("a", slow)]));
    for _ in 0..4 {
        scene.arrive("a");
    }
    let line = scene
        .queue
        .record_arrival(&caller("a"), ArrivalKind::New, scene.now);
    let foreseen = scene
        .queue
        .predict(line, ArrivalKind::New, NO_SLOT_YET, scene.now);
    assert_eq!(foreseen.cause, Cause::CallerLimit);
    assert!(foreseen.wait.abs_diff(Duration::from_secs(4)) < Duration::from_millis(1));
}

#[test]
fn hints_are_a_slot_of_the_callers_share_apart_and_at_most_half_a_minute() {
    let mut scene = Scene::new(QueueSettings::default());
    let line = scene
        .queue
        .record_arrival(&caller("a"), ArrivalKind::New, scene.now);
    scene.arrive("other");
    let earliest = Duration::from_secs(2);
    let hints: Vec<f64> = (0..200)
        .map(|_| {
            scene
                .queue
                .retry_after(line, NO_SLOT_YET, scene.now, earliest)
        })
        .map(|hint| hint.as_secs_f64())
        .collect();
    assert!((hints[0] - 2.0).abs() < 1e-6);
    for pair in hints[..100].windows(2) {
        assert!((pair[1] - pair[0] - 0.2).abs() < 1e-6, "{pair:?}");
    }
    assert!((hints[199] - 30.0).abs() < 1e-6);
}

proptest! {
    /// Where nobody else comes, the forecast is right to within one round.
    #[test]
    fn the_forecast_is_right_to_within_a_round_where_nobody_else_comes(
        lines in prop::collection::vec((1_u32..6, 0_usize..40), 1..8),
        served_before in 0_usize..20,
    ) {
        let names: Vec<String> = (0..lines.len()).map(|n| n.to_string()).collect();
        let policies: Vec<_> = names.iter().zip(&lines).map(|(n, (w, _))| (n.as_str(), weighing(*w))).collect();
        let mut scene = Scene::new(named(&policies));
        for (name, (_, waiting)) in names.iter().zip(&lines) {
            for _ in 0..*waiting {
                scene.arrive(name);
            }
        }
        scene.pops(served_before);
        scene.now += Duration::from_secs(60);
        let foreseen = scene.predicted_slots(&names[0]);
        let newcomer = scene.arrive(&names[0]);
        let mut slots = 1;
        while scene.queue.peek(scene.now).expect("the newcomer waits").0 != newcomer {
            scene.pop();
            slots += 1;
        }
        let round: u32 = lines.iter().map(|(weight, _)| weight).sum();
        prop_assert!((foreseen - f64::from(slots)).abs() <= f64::from(round) + 0.01,
            "{} foreseen, {} it took, {:?}", foreseen, slots, lines);
    }
}
