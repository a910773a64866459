//! The waiting line as a value: order, shares, bounds and forecast.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use livegate::admission::queue::{Cause, Entry, Full, Queue, Supply, Ticket};
use livegate::admission::{CallerPolicies, CallerPolicy, Weight};
use livegate::session::words::{CallerGlob, CallerGlobs, CallerId};
use proptest::prelude::*;
use tokio::time::Instant;

const NO_SLOT_YET: Supply = Supply {
    level: 0.0,
    rate: 10.0,
};

fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a plain name")
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

fn weighing(weight: u32) -> CallerPolicy {
    CallerPolicy {
        weight: Weight::new(weight).expect("1 to 100"),
        ..CallerPolicy::default()
    }
}

fn named(policies: &[(&str, CallerPolicy)]) -> CallerPolicies {
    let named = policies
        .iter()
        .map(|(name, policy)| (caller(name), policy.clone()));
    CallerPolicies {
        named: named.collect(),
        ..CallerPolicies::default()
    }
}

/// A queue whose payloads say whose they are and which of theirs.
struct Scene {
    queue: Queue<(String, u32)>,
    tickets: u64,
    numbers: HashMap<String, u32>,
    now: Instant,
}

impl Scene {
    fn new(policies: CallerPolicies) -> Self {
        Self {
            queue: Queue::new(policies),
            tickets: 0,
            numbers: HashMap::new(),
            now: Instant::now(),
        }
    }

    fn enter(&mut self, name: &str, entry: Entry) -> Result<Ticket, Full> {
        let line = self.queue.arrive(&caller(name), entry, self.now);
        self.tickets += 1;
        let number = self.numbers.entry(name.to_owned()).or_default();
        *number += 1;
        let payload = (name.to_owned(), *number);
        let ticket = Ticket(self.tickets);
        let pushed = self.queue.push(line, entry, ticket, payload);
        pushed.map(|()| ticket).map_err(|(full, _)| full)
    }

    fn arrive(&mut self, name: &str) -> Ticket {
        self.enter(name, Entry::Arrival).expect("there is room")
    }

    fn pop(&mut self) -> Option<(String, u32)> {
        self.queue.pop(self.now)
    }

    /// Who gets the next slots, one letter each.
    fn pops(&mut self, slots: usize) -> String {
        let next = (0..slots).map_while(|_| self.pop());
        next.map(|(name, _)| name).collect()
    }

    /// The slots until a newcomer of `name` has one, as foreseen.
    fn predicted_slots(&mut self, name: &str) -> f64 {
        let line = self.queue.arrive(&caller(name), Entry::Arrival, self.now);
        let foreseen = self
            .queue
            .predict(line, Entry::Arrival, NO_SLOT_YET, self.now);
        foreseen.wait.as_secs_f64() * NO_SLOT_YET.rate
    }
}

#[test]
fn within_a_line_the_first_to_come_is_the_first_served_but_a_retry_is_before_it() {
    let mut scene = Scene::new(CallerPolicies::default());
    scene.arrive("a");
    scene.arrive("a");
    scene.enter("a", Entry::Retry).expect("there is room");
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
    let mut scene = Scene::new(CallerPolicies::default());
    for _ in 0..1000 {
        scene.arrive("a");
    }
    scene.arrive("b");
    assert_eq!(scene.pops(3), "aba");
}

#[test]
fn a_caller_at_its_ceiling_is_passed_over_and_goes_on_when_it_is_let() {
    let slow = CallerPolicy {
        max_rate_per_second: Some(1.0),
        ..CallerPolicy::default()
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
    let slow = CallerPolicy {
        max_rate_per_second: Some(0.01),
        ..CallerPolicy::default()
    };
    let mut scene = Scene::new(named(&[("a", slow)]));
    scene.arrive("a");
    scene.arrive("a");
    assert_eq!(scene.pops(2), "a");
    scene.queue.apply(CallerPolicies::default(), scene.now);
    assert_eq!(scene.pops(2), "a");
}

#[test]
fn whoever_gives_up_frees_the_place_at_once() {
    let one = CallerPolicy {
        max_waiting: count(1),
        ..CallerPolicy::default()
    };
    let mut scene = Scene::new(named(&[("a", one)]));
    for _ in 0..10_000 {
        let ticket = scene.arrive("a");
        assert_eq!(scene.enter("a", Entry::Arrival), Err(Full::Line));
        assert!(scene.queue.remove(ticket).is_some());
        assert!(scene.queue.remove(ticket).is_none(), "only once");
    }
    assert!(scene.queue.is_empty() && scene.pop().is_none());
}

#[test]
fn all_lines_together_have_a_bound() {
    let mut scene = Scene::new(CallerPolicies {
        max_waiting: count(3),
        ..CallerPolicies::default()
    });
    for name in ["a", "b", "c"] {
        scene.arrive(name);
    }
    assert_eq!(scene.enter("d", Entry::Arrival), Err(Full::Queue));
}

#[test]
fn callers_beyond_the_bound_share_one_line_and_those_that_are_named_do_not() {
    let mut scene = Scene::new(CallerPolicies {
        max_callers: count(2),
        ..named(&[("n", CallerPolicy::default())])
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
    let heavy = CallerPolicy {
        weight: Weight::new(2).expect("in bounds"),
        ..CallerPolicy::default()
    };
    let glob = CallerGlob::parse("g*").expect("a form");
    let mut scene = Scene::new(CallerPolicies {
        max_callers: count(2),
        globs: CallerGlobs::new([(glob, heavy)]).expect("one"),
        ..named(&[("n", CallerPolicy::default())])
    });
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
        .map(|n| (n.as_str(), CallerPolicy::default()))
        .collect();
    let mut scene = Scene::new(CallerPolicies {
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
    let mut scene = Scene::new(CallerPolicies {
        max_callers: count(2),
        ..CallerPolicies::default()
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
    let capped = CallerPolicy {
        max_waiting: count(1),
        ..CallerPolicy::default()
    };
    let mut scene = Scene::new(CallerPolicies {
        max_callers: count(1),
        ..named(&[("(others)", capped)])
    });
    for name in ["a", "x", "y", "(others)"] {
        scene.arrive(name);
    }
    assert_eq!(scene.queue.callers(), 3, "a, x with y, (others)");
    assert_eq!(scene.enter("(others)", Entry::Arrival), Err(Full::Line));
    scene.arrive("x");
}

#[test]
fn who_is_no_longer_named_counts_among_the_callers_and_who_is_does_not() {
    let policies = |name| CallerPolicies {
        max_callers: count(1),
        ..named(&[(name, CallerPolicy::default())])
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
    let mut scene = Scene::new(CallerPolicies {
        max_callers: count(10),
        ..CallerPolicies::default()
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

#[test]
fn going_away_does_not_refill_a_ceiling() {
    let rare = CallerPolicy {
        max_rate_per_second: Some(0.01),
        ..CallerPolicy::default()
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
    let mut scene = Scene::new(CallerPolicies::default());
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
    let slow = CallerPolicy {
        max_rate_per_second: Some(1.0),
        ..CallerPolicy::default()
    };
    let mut scene = Scene::new(named(&[("a", slow)]));
    for _ in 0..4 {
        scene.arrive("a");
    }
    let line = scene.queue.arrive(&caller("a"), Entry::Arrival, scene.now);
    let foreseen = scene
        .queue
        .predict(line, Entry::Arrival, NO_SLOT_YET, scene.now);
    assert_eq!(foreseen.cause, Cause::CallerCeiling);
    assert!(foreseen.wait.abs_diff(Duration::from_secs(4)) < Duration::from_millis(1));
}

#[test]
fn hints_are_a_slot_of_the_callers_share_apart_and_at_most_half_a_minute() {
    let mut scene = Scene::new(CallerPolicies::default());
    let line = scene.queue.arrive(&caller("a"), Entry::Arrival, scene.now);
    scene.arrive("other");
    let earliest = Duration::from_secs(2);
    let hints: Vec<f64> = (0..200)
        .map(|_| scene.queue.hint(line, NO_SLOT_YET, scene.now, earliest))
        .map(|hint| hint.as_secs_f64())
        .collect();
    assert!((hints[0] - 2.0).abs() < 1e-6);
    for pair in hints[..100].windows(2) {
        assert!((pair[1] - pair[0] - 0.2).abs() < 1e-6, "{pair:?}");
    }
    assert!((hints[199] - 30.0).abs() < 1e-6);
}

/// What may happen to a queue.
#[derive(Clone, Debug)]
enum Step {
    Arrive(usize),
    Retry(usize),
    Pop,
    GiveUp(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..5).prop_map(Step::Arrive),
        1 => (0_usize..5).prop_map(Step::Retry),
        3 => Just(Step::Pop),
        2 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 1..400)
}

/// Lines of tickets, the slow and obvious way.
#[derive(Default)]
struct Model {
    lines: [VecDeque<Ticket>; 5],
    arrived: usize,
    refused: usize,
    served: usize,
    given_up: usize,
}

impl Model {
    fn waiting(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    fn take(&mut self, index: usize) -> Ticket {
        let mut index = index;
        for line in &mut self.lines {
            if index < line.len() {
                return line.remove(index).expect("it is in there");
            }
            index -= line.len();
        }
        unreachable!("index is below the number of those who wait")
    }
}

proptest! {
    /// Whatever happens: everyone who arrived was served, was refused, gave up or
    /// waits, and each line keeps its order.
    #[test]
    fn nobody_is_lost_served_twice_or_overtaken_in_the_own_line(steps in steps()) {
        let policies = CallerPolicies {
            default: CallerPolicy { max_waiting: count(20), ..CallerPolicy::default() },
            ..CallerPolicies::default()
        };
        let mut queue: Queue<(usize, Ticket)> = Queue::new(policies);
        let mut model = Model::default();
        let now = Instant::now();
        for step in steps {
            match step {
                Step::Arrive(who) | Step::Retry(who) => {
                    let entry = if matches!(step, Step::Retry(_)) { Entry::Retry } else { Entry::Arrival };
                    let ticket = Ticket(model.arrived as u64);
                    model.arrived += 1;
                    let line = queue.arrive(&caller(&who.to_string()), entry, now);
                    match (queue.push(line, entry, ticket, (who, ticket)), entry) {
                        (Ok(()), Entry::Arrival) => model.lines[who].push_back(ticket),
                        (Ok(()), Entry::Retry) => model.lines[who].push_front(ticket),
                        (Err(_), _) => model.refused += 1,
                    }
                }
                Step::Pop => {
                    let peeked = queue.peek(now).map(|(ticket, _)| ticket);
                    let popped = queue.pop(now);
                    prop_assert_eq!(peeked, popped.map(|(_, ticket)| ticket));
                    prop_assert_eq!(popped.is_some(), model.waiting() > 0);
                    if let Some((who, ticket)) = popped {
                        prop_assert_eq!(model.lines[who].pop_front(), Some(ticket));
                        model.served += 1;
                    }
                }
                Step::GiveUp(_) if model.waiting() == 0 => {}
                Step::GiveUp(index) => {
                    let ticket = model.take(index.index(model.waiting()));
                    prop_assert!(queue.remove(ticket).is_some());
                    model.given_up += 1;
                }
            }
            prop_assert_eq!(queue.len(), model.waiting());
            let accounted = model.served + model.refused + model.given_up + queue.len();
            prop_assert_eq!(accounted, model.arrived);
        }
    }

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
        let newcomer = scene.arrive(&names[0]).0;
        let mut slots = 1;
        while scene.queue.peek(scene.now).expect("the newcomer waits").0 != Ticket(newcomer) {
            scene.pop();
            slots += 1;
        }
        let round: u32 = lines.iter().map(|(weight, _)| weight).sum();
        prop_assert!((foreseen - f64::from(slots)).abs() <= f64::from(round) + 0.01,
            "{} foreseen, {} it took, {:?}", foreseen, slots, lines);
    }
}
