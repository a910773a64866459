//! How many may stand in line, and how many callers have a line of their own.

use std::time::Duration;

use livegate::admission::queue::{ArrivalKind, QueueFull};
use livegate::admission::{CallerLimits, QueueSettings};
use livegate::model::{CallerGlob, CallerGlobs};

use super::scene::{Scene, count, named, weighing};

#[test]
fn whoever_gives_up_frees_the_place_at_once() {
    let one = CallerLimits {
        max_waiting: count(1),
        ..CallerLimits::default()
    };
    let mut scene = Scene::new(named(&[("a", one)]));
    for _ in 0..10_000 {
        let ticket = scene.arrive("a");
        assert_eq!(scene.enter("a", ArrivalKind::New), Err(QueueFull::Caller));
        assert!(scene.queue.remove(ticket).is_some());
        assert!(scene.queue.remove(ticket).is_none(), "only once");
    }
    assert!(scene.queue.is_empty() && scene.pop().is_none());
}

#[test]
fn all_lines_together_have_a_bound() {
    let mut scene = Scene::new(QueueSettings {
        max_waiting: count(3),
        ..QueueSettings::default()
    });
    for name in ["a", "b", "c"] {
        scene.arrive(name);
    }
    assert_eq!(scene.enter("d", ArrivalKind::New), Err(QueueFull::Total));
}

#[test]
fn callers_beyond_the_bound_share_one_line_and_those_that_are_named_do_not() {
    let mut scene = Scene::new(QueueSettings {
        max_callers: count(2),
        ..named(&[("n", CallerLimits::default())])
    });
    for name in ["a", "b", "x", "y", "z", "n"] {
        scene.arrive(name);
        scene.arrive(name);
    }
    assert_eq!(scene.queue.callers(), 4, "a, b, the others, n");
    assert_eq!(scene.pops(12), "abxnabxnyyzz");
}

#[test]
fn callers_of_a_form_have_lines_and_weights_of_their_own_up_to_the_bound() {
    let heavy = weighing(2);
    let glob = CallerGlob::parse("g*").expect("a form");
    let mut settings = named(&[("n", CallerLimits::default())]);
    settings.max_callers = count(2);
    settings.limits.globs = CallerGlobs::new([(glob, heavy)]).expect("one");
    let mut scene = Scene::new(settings);
    for name in ["g1", "a", "g2", "n"] {
        for _ in 0..4 {
            scene.arrive(name);
        }
    }
    assert_eq!(scene.queue.callers(), 4, "g1, a, the others, n");
    let served = (0..10).map_while(|_| scene.pop()).map(|(name, _)| name);
    let served: Vec<String> = served.collect();
    let of = |name: &str| served.iter().filter(|one| *one == name).count();
    // g2 came too late for a line of its own, and has the weight of the others.
    assert_eq!(["g1", "a", "g2", "n"].map(of), [4, 2, 2, 2]);
}

#[test]
fn callers_that_are_named_leave_room_for_those_that_are_not() {
    let names: Vec<String> = (0..1000).map(|number| format!("named-{number}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|n| (n.as_str(), CallerLimits::default()))
        .collect();
    let mut scene = Scene::new(QueueSettings {
        max_callers: count(2),
        ..named(&all)
    });
    for name in &names {
        scene.arrive(name);
    }
    for name in ["a", "b", "x", "y"] {
        scene.arrive(name);
    }
    assert_eq!(scene.queue.callers(), 1003, "the named, a, b, the others");
}

#[test]
fn a_caller_that_is_gone_makes_room_though_the_others_still_come() {
    let mut scene = Scene::new(QueueSettings {
        max_callers: count(2),
        ..QueueSettings::default()
    });
    for name in ["a", "b", "x", "y", "z"] {
        scene.arrive(name);
    }
    assert_eq!(scene.pops(9), "abxyz");
    for _ in 0..31 {
        scene.now += Duration::from_secs(1);
        scene.arrive("a");
        scene.arrive("x");
        scene.pops(9);
    }
    assert_eq!(scene.queue.callers(), 3, "a, the others, and now x");
    for name in ["y", "y", "n", "n"] {
        scene.arrive(name);
    }
    assert_eq!(scene.pops(9), "yynn", "one line, as a and x are two");
}

#[test]
fn no_name_is_that_of_the_line_that_is_shared() {
    let capped = CallerLimits {
        max_waiting: count(1),
        ..CallerLimits::default()
    };
    let mut scene = Scene::new(QueueSettings {
        max_callers: count(1),
        ..named(&[("(others)", capped)])
    });
    for name in ["a", "x", "y", "(others)"] {
        scene.arrive(name);
    }
    assert_eq!(scene.queue.callers(), 3, "a, x with y, (others)");
    assert_eq!(
        scene.enter("(others)", ArrivalKind::New),
        Err(QueueFull::Caller)
    );
    scene.arrive("x");
}

#[test]
fn who_is_no_longer_named_counts_among_the_callers_and_who_is_does_not() {
    let policies = |name| QueueSettings {
        max_callers: count(1),
        ..named(&[(name, CallerLimits::default())])
    };
    let mut scene = Scene::new(policies("a"));
    scene.arrive("a");
    scene.arrive("b");
    assert_eq!(scene.queue.callers(), 2);
    scene.queue.apply(policies("b"), scene.now);
    scene.arrive("x");
    assert_eq!(scene.queue.callers(), 3, "a, b, the others");
    scene.queue.apply(policies("x"), scene.now);
    scene.arrive("x");
    assert_eq!(scene.queue.callers(), 4, "a, b, the others, x");
}

#[test]
fn nobody_eats_memory_by_inventing_names_and_who_is_gone_is_forgotten() {
    let mut scene = Scene::new(QueueSettings {
        max_callers: count(10),
        ..QueueSettings::default()
    });
    for number in 0..10_000 {
        let ticket = scene.arrive(&format!("invented-{number}"));
        scene.queue.remove(ticket);
        assert!(scene.queue.callers() <= 11);
    }
    assert!(scene.pop().is_none());
    scene.now += Duration::from_secs(31);
    scene.arrive("late");
    assert_eq!(scene.queue.callers(), 1);
}
