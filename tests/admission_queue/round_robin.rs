//! The order of grants: first in, first out within a queue, and deficit round robin by
//! weight among queues.

use livegate::admission::QueueSettings;
use livegate::admission::queue::ArrivalKind;
use proptest::prelude::*;

use super::fixture::{TestQueue, named, weighted};

#[test]
fn a_queue_is_first_in_first_out_and_a_retry_enters_at_its_head() {
    let mut queue = TestQueue::new(QueueSettings::default());
    queue.arrive("a");
    queue.arrive("a");
    queue
        .enter("a", ArrivalKind::Retry)
        .expect("the queue is not full");
    let served: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(|(_, n)| n).collect();
    assert_eq!(served, [3, 1, 2]);
}

#[test]
fn queues_take_turns_by_weight() {
    let mut queue = TestQueue::new(named(&[("a", weighted(2)), ("b", weighted(1))]));
    for name in ["a", "a", "a", "a", "b", "b"] {
        queue.arrive(name);
    }
    assert_eq!(queue.pops(9), "aabaab");
}

#[test]
fn a_new_caller_waits_for_one_turn_of_a_long_queue() {
    let mut queue = TestQueue::new(QueueSettings::default());
    for _ in 0..1000 {
        queue.arrive("a");
    }
    queue.arrive("b");
    assert_eq!(queue.pops(3), "aba");
}

proptest! {
    /// A caller that always has waiting requests gets its weight in tokens in each round
    /// but one, from the first token on, whichever other callers come and go.
    #[test]
    fn a_caller_with_waiting_requests_gets_its_weight_in_tokens(
        weights in prop::collection::vec(1_u32..6, 2..6),
        arrivals in prop::collection::vec((0_usize..6, 0_u32..4), 200),
    ) {
        let names: Vec<String> = (0..weights.len()).map(|n| n.to_string()).collect();
        let limits: Vec<_> = names.iter().zip(&weights).map(|(n, w)| (n.as_str(), weighted(*w))).collect();
        let mut queue = TestQueue::new(named(&limits));
        for _ in 0..200 {
            queue.arrive(&names[0]);
        }
        let mut served = Vec::new();
        for (caller, count) in arrivals {
            for _ in 0..count {
                queue.arrive(&names[1 + caller % (names.len() - 1)]);
            }
            served.push(queue.pop().expect("the first caller always has waiting requests").0);
        }
        let round: u32 = weights.iter().sum();
        let mut got = 0;
        for (tokens, name) in (1_u32..).zip(&served) {
            got += u32::from(name == &names[0]);
            let rounds = (tokens / round).saturating_sub(1);
            prop_assert!(got >= rounds * weights[0], "{} of {}, {:?}", got, tokens, weights);
        }
    }
}
