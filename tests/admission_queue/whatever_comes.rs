//! Whatever happens to a queue, nobody is lost.

use std::collections::VecDeque;

use livegate::admission::queue::{ArrivalKind, FairQueue, Ticket};
use livegate::admission::{CallerLimits, QueueSettings};
use proptest::prelude::*;
use tokio::time::Instant;

use super::scene::{caller, count};

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
        let policies = QueueSettings {
            limits: CallerLimits { max_waiting: count(20), ..CallerLimits::default() }.into(),
            ..QueueSettings::default()
        };
        let mut queue: FairQueue<(usize, Ticket)> = FairQueue::new(policies);
        let mut model = Model::default();
        let now = Instant::now();
        for step in steps {
            match step {
                Step::Arrive(who) | Step::Retry(who) => {
                    let entry = if matches!(step, Step::Retry(_)) { ArrivalKind::Retry } else { ArrivalKind::New };
                    model.arrived += 1;
                    let line = queue.record_arrival(&caller(&who.to_string()), entry, now);
                    let vacancy = queue.vacant_position(line);
                    match (vacancy.map(|v| v.push(entry, |ticket| (who, ticket))), entry) {
                        (Ok(ticket), ArrivalKind::New) => model.lines[who].push_back(ticket),
                        (Ok(ticket), ArrivalKind::Retry) => model.lines[who].push_front(ticket),
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
                    prop_assert_eq!(queue.remove(ticket).map(|(_, payload)| payload.1), Some(ticket));
                    prop_assert!(queue.remove(ticket).is_none());
                    model.given_up += 1;
                }
            }
            prop_assert_eq!(queue.len(), model.waiting());
            let accounted = model.served + model.refused + model.given_up + queue.len();
            prop_assert_eq!(accounted, model.arrived);
        }
    }
}
