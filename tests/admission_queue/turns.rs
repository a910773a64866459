//! Who is next: first come, first served in a line, and lines in turns by weight.

use livegate::admission::QueueSettings;
use livegate::admission::queue::ArrivalKind;
use proptest::prelude::*;

use super::scene::{Scene, named, weighing};

#[test]
fn within_a_line_the_first_to_come_is_the_first_served_but_a_retry_is_before_it() {
    let mut scene = Scene::new(QueueSettings::default());
    scene.arrive("a");
    scene.arrive("a");
    scene.enter("a", ArrivalKind::Retry).expect("there is room");
    let served: Vec<u32> = std::iter::from_fn(|| scene.pop()).map(|(_, n)| n).collect();
    assert_eq!(served, [3, 1, 2]);
}

#[test]
fn lines_take_turns_by_weight() {
    let mut scene = Scene::new(named(&[("a", weighing(2)), ("b", weighing(1))]));
    for name in ["a", "a", "a", "a", "b", "b"] {
        scene.arrive(name);
    }
    assert_eq!(scene.pops(9), "aabaab");
}

#[test]
fn a_newcomer_waits_for_one_turn_of_a_long_line_not_for_all_of_it() {
    let mut scene = Scene::new(QueueSettings::default());
    for _ in 0..1000 {
        scene.arrive("a");
    }
    scene.arrive("b");
    assert_eq!(scene.pops(3), "aba");
}

proptest! {
    /// A caller that always has work gets its weight in slots in each round but
    /// one, from the first slot on, whoever else comes and goes.
    #[test]
    fn a_caller_with_work_gets_its_weight_in_slots(
        weights in prop::collection::vec(1_u32..6, 2..6),
        visits in prop::collection::vec((0_usize..6, 0_u32..4), 200),
    ) {
        let names: Vec<String> = (0..weights.len()).map(|n| n.to_string()).collect();
        let policies: Vec<_> = names.iter().zip(&weights).map(|(n, w)| (n.as_str(), weighing(*w))).collect();
        let mut scene = Scene::new(named(&policies));
        for _ in 0..200 {
            scene.arrive(&names[0]);
        }
        let mut served = Vec::new();
        for (visitor, times) in visits {
            for _ in 0..times {
                scene.arrive(&names[1 + visitor % (names.len() - 1)]);
            }
            served.push(scene.pop().expect("the first always has work").0);
        }
        let round: u32 = weights.iter().sum();
        let mut got = 0;
        for (slots, name) in (1_u32..).zip(&served) {
            got += u32::from(name == &names[0]);
            let rounds = (slots / round).saturating_sub(1);
            prop_assert!(got >= rounds * weights[0], "{} of {}, {:?}", got, slots, weights);
        }
    }
}
