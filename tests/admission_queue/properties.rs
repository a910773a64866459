//! No sequence of operations on a queue loses a request.

use std::collections::VecDeque;

use livegate::admission::queue::{ArrivalKind, FairQueue, Ticket};
use livegate::admission::{CallerLimits, QueueSettings};
use proptest::prelude::*;
use tokio::time::Instant;

use super::fixture::{caller, count};

/// An operation on a queue.
#[derive(Clone, Debug)]
enum Step {
    Arrive(usize),
    Retry(usize),
    Pop,
    Cancel(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..5).prop_map(Step::Arrive),
        1 => (0_usize..5).prop_map(Step::Retry),
        3 => Just(Step::Pop),
        2 => any::<prop::sample::Index>().prop_map(Step::Cancel),
    ];
    prop::collection::vec(step, 1..400)
}

/// A simple model of the queue.
#[derive(Default)]
struct Model {
    queues: [VecDeque<Ticket>; 5],
    arrived: usize,
    refused: usize,
    served: usize,
    cancelled: usize,
}

impl Model {
    fn waiting(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    fn take(&mut self, index: usize) -> (usize, Ticket) {
        let mut index = index;
        for (number, queue) in self.queues.iter_mut().enumerate() {
            if index < queue.len() {
                return (number, queue.remove(index).expect("the index is in bounds"));
            }
            index -= queue.len();
        }
        unreachable!("the index is below the number of waiting requests")
    }
}

proptest! {
    /// Every request that arrived was served, was refused, was cancelled or waits, and
    /// each caller's queue keeps its order.
    #[test]
    fn no_request_is_lost_served_twice_or_reordered_within_its_queue(steps in steps()) {
        let settings = QueueSettings {
            limits: CallerLimits { max_waiting: count(20), ..CallerLimits::default() }.into(),
            ..QueueSettings::default()
        };
        let mut queue: FairQueue<usize> = FairQueue::new(settings);
        let mut model = Model::default();
        let now = Instant::now();
        for step in steps {
            match step {
                Step::Arrive(number) | Step::Retry(number) => {
                    let kind = if matches!(step, Step::Retry(_)) { ArrivalKind::Retry } else { ArrivalKind::New };
                    model.arrived += 1;
                    let key = queue.record_arrival(&caller(&number.to_string()), kind, now);
                    match (queue.push(key, kind, number), kind) {
                        (Ok(ticket), ArrivalKind::New) => model.queues[number].push_back(ticket),
                        (Ok(ticket), ArrivalKind::Retry) => model.queues[number].push_front(ticket),
                        (Err(_), _) => model.refused += 1,
                    }
                }
                Step::Pop => {
                    let peeked = queue.peek(now).map(|(ticket, _)| ticket);
                    let popped = queue.pop(now);
                    prop_assert_eq!(peeked, popped.map(|(ticket, _)| ticket));
                    prop_assert_eq!(popped.is_some(), model.waiting() > 0);
                    if let Some((ticket, number)) = popped {
                        prop_assert_eq!(model.queues[number].pop_front(), Some(ticket));
                        model.served += 1;
                    }
                }
                Step::Cancel(_) if model.waiting() == 0 => {}
                Step::Cancel(index) => {
                    let (number, ticket) = model.take(index.index(model.waiting()));
                    prop_assert_eq!(queue.remove(ticket), Some(number));
                    prop_assert!(queue.remove(ticket).is_none());
                    model.cancelled += 1;
                }
            }
            prop_assert_eq!(queue.len(), model.waiting());
            let accounted = model.served + model.refused + model.cancelled + queue.len();
            prop_assert_eq!(accounted, model.arrived);
        }
    }
}
