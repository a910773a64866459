//! The waiting requests that can no longer be served in time.
//!
//! A prediction is based on the callers of that moment. When other callers join, each
//! takes its share, and the requests at the tail of a long queue wait longer than
//! predicted: they are *overtaken*. Refusing them now is better than letting them
//! time out.
//!
//! For example, at 5 tokens a second `a` has 18 waiting requests, the last of which
//! was predicted to wait 3.6 s, of at most 4.7 s. Now `b` and `c` send 7 and 5: the
//! last request of `a` would wait (18 + 7 + 5) / 5 = 6 s. Starting at the tail, the
//! requests beyond 4.7 s are overtaken.
//!
//! A check costs O(n log n) for n callers, and O(log n) for each request it looks at:
//! each overtaken one, and one more for each queue.

use tokio::time::Instant;

use super::super::caller_group::CallerGroup;
use super::super::predict;
use super::{Availability, FairQueue, Ticket};

impl<T> FairQueue<T> {
    /// Returns the requests that cannot get a token by their `latest` instant even if
    /// no further requests arrive, from the tail of each queue on.
    pub fn overtaken(
        &self,
        availability: Availability,
        now: Instant,
        latest: impl Fn(&T) -> Instant,
    ) -> Vec<Ticket> {
        let groups = self
            .callers
            .groups
            .values()
            .filter(|group| group.waiting > 0);
        let order = groups.map(|group| (group.waiting as f64, group.weight()));
        let order = DrainOrder::sorted(order.collect());
        let mut overtaken = Vec::new();
        let mut of_group = None;
        for key in self.scheduled() {
            let queue = &self.callers.queues[key];
            let group = &self.callers.groups[queue.group];
            if of_group.as_ref().is_none_or(|(key, _)| *key != queue.group) {
                of_group = Some((queue.group, self.drain_order(group)));
            }
            let ahead = (1..=queue.len()).rev();
            for (position, (number, request)) in ahead.zip(queue.requests.iter().rev()) {
                let in_group = match &of_group {
                    Some((_, Some(order))) => order.tokens_until(position as f64, queue.share),
                    _ => position as f64,
                };
                let tokens = order.tokens_until(in_group, group.weight());
                if now + predict::time_for(tokens, availability) <= latest(request) {
                    break;
                }
                overtaken.push(Ticket {
                    queue: key,
                    number: *number,
                });
            }
        }
        overtaken
    }

    /// Returns the order in which the queues of `group` drain, if it has several.
    fn drain_order(&self, group: &CallerGroup) -> Option<DrainOrder> {
        let queues = group.round.iter().map(|key| &self.callers.queues[*key]);
        let waiting = queues.filter(|queue| queue.len() > 0);
        let several = group.round.len() > 1;
        several.then(|| DrainOrder::sorted(waiting.map(|q| (q.len() as f64, q.share)).collect()))
    }
}

/// The order in which the queues drain, as prefix sums.
///
/// In `turns` turns a queue of `len` requests and weight `w` takes `turns x w` tokens,
/// but at most `len`: it is drained after `len / w` turns. Sorted by that number, the
/// drained queues are a prefix, and the other queues take tokens by weight.
struct DrainOrder {
    /// The turns after which each queue is drained, ascending.
    turns: Vec<f64>,
    /// The waiting requests of the first n queues, for n from 0.
    len_before: Vec<f64>,
    /// The weight of all but the first n queues, for n from 0.
    weight_from: Vec<f64>,
}

impl DrainOrder {
    /// Takes queues as (length, weight).
    fn sorted(mut queues: Vec<(f64, f64)>) -> Self {
        queues.sort_unstable_by(|(a, v), (b, w)| (a / v).total_cmp(&(b / w)));
        let mut len_before = 0.0;
        let mut weight_from: f64 = queues.iter().map(|(_, weight)| weight).sum();
        let mut order = Self {
            turns: Vec::with_capacity(queues.len()),
            len_before: vec![len_before],
            weight_from: vec![weight_from],
        };
        for (len, weight) in queues {
            len_before += len;
            weight_from -= weight;
            order.turns.push(len / weight);
            order.len_before.push(len_before);
            order.weight_from.push(weight_from);
        }
        order
    }

    /// Returns the tokens until the request at `position` of a queue with `weight` has
    /// one. The other queues may be a turn behind that queue.
    fn tokens_until(&self, position: f64, weight: f64) -> f64 {
        // The sums include the earlier requests of the same queue.
        let turns = (position - 1.0).max(0.0) / weight;
        let drained = self.turns.partition_point(|after| *after <= turns);
        1.0 + self.len_before[drained] + turns * self.weight_from[drained]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::admission::QueueSettings;
    use crate::admission::queue::ArrivalKind;
    use crate::model::CallerId;

    const AVAILABILITY: Availability = Availability {
        level: 0.0,
        rate: 5.0,
    };

    /// Enters `count` requests of the caller `name`, each of use for `seconds`.
    fn enter(
        queue: &mut FairQueue<Instant>,
        name: &str,
        count: u64,
        now: Instant,
        seconds: f64,
    ) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        let caller = CallerId::new(name).expect("a printable name");
        for _ in 0..count {
            let key = queue.record_arrival(&caller, ArrivalKind::New, now);
            let latest = now + Duration::from_secs_f64(seconds);
            let ticket = queue.push(key, ArrivalKind::New, latest);
            tickets.push(ticket.expect("the queue is not full"));
        }
        tickets
    }

    #[tokio::test(start_paused = true)]
    async fn the_tail_of_a_queue_is_overtaken_when_other_callers_join() {
        let now = Instant::now();
        let mut queue = FairQueue::new(QueueSettings::default());
        let of_a = enter(&mut queue, "a", 18, now, 4.7);
        assert_eq!(queue.overtaken(AVAILABILITY, now, |latest| *latest), []);
        enter(&mut queue, "b", 7, now, 4.7);
        enter(&mut queue, "c", 5, now, 4.7);
        // There are 23 tokens in 4.7 s; b and c take 12 of them, which leaves 11 for a.
        let overtaken = queue.overtaken(AVAILABILITY, now, |latest| *latest);
        let last: Vec<Ticket> = of_a[11..].iter().rev().copied().collect();
        assert_eq!(overtaken, last);
    }

    #[tokio::test(start_paused = true)]
    async fn later_requests_do_not_overtake_earlier_ones_of_the_same_caller() {
        let now = Instant::now();
        let mut queue = FairQueue::new(QueueSettings::default());
        enter(&mut queue, "a", 5, now, 1.1);
        assert_eq!(queue.overtaken(AVAILABILITY, now, |latest| *latest), []);
        enter(&mut queue, "a", 5, now, 60.0);
        assert_eq!(queue.overtaken(AVAILABILITY, now, |latest| *latest), []);
    }

    proptest! {
        /// The prefix sums give the same result as a sum over all queues.
        #[test]
        fn the_prefix_sums_equal_a_sum_over_all_queues(
            queues in prop::collection::vec((1_u32..50, 1_u32..6), 1..20),
        ) {
            let queues: Vec<(f64, f64)> =
                queues.iter().map(|(n, w)| (f64::from(*n), f64::from(*w))).collect();
            let order = DrainOrder::sorted(queues.clone());
            for (own, (len, weight)) in queues.iter().enumerate() {
                for position in 1..=*len as usize {
                    let turns = (position - 1) as f64 / weight;
                    let others = queues.iter().enumerate().filter(|(other, _)| *other != own);
                    let tokens: f64 = others.map(|(_, (n, w))| n.min(turns * w)).sum();
                    let expected = position as f64 + tokens;
                    prop_assert!((order.tokens_until(position as f64, *weight) - expected).abs() < 1e-6);
                }
            }
        }
    }
}
