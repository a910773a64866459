//! Who was let in and has no chance any more.
//!
//! A forecast knows the callers of that moment. When others come, each takes its
//! share, and the end of a long line moves away. Whoever stands there is better
//! off being told now than when its time is over.
//!
//! An example: at 5 slots a second `a` has 18 requests in line, the last of which
//! was to wait 3.6 s, of at most 4.7 s. Now `b` and `c` come with 7 and 5: the last
//! of `a` would wait (18 + 7 + 5) / 5 = 6 s. From the end on, those beyond the
//! 4.7 s are overtaken.
//!
//! A look costs n log n for n callers, once, and log n for each request looked at:
//! one for each line, and each that is overtaken.

use std::cmp::Reverse;

use tokio::time::Instant;

use super::super::caller_queues::CallerQueues;
use super::super::predict;
use super::{Availability, FairQueue, Ticket};

impl<T> FairQueue<T> {
    /// Whoever cannot be given a slot by its `latest` instant, even if nobody else
    /// came from now on: from the end of each line.
    pub fn overtaken(
        &self,
        availability: Availability,
        now: Instant,
        latest: impl Fn(&T) -> Instant,
    ) -> Vec<Ticket> {
        let shares = Shares::of(&self.lines);
        let held = self.held.iter().map(|Reverse((_, key))| *key);
        let mut overtaken = Vec::new();
        for key in self.round.iter().copied().chain(held) {
            let line = self.lines.get(key);
            let mut place = line.live();
            for (ticket, payload) in self.rows.newest_first(&line.row) {
                let slots = shares.slots_up_to(place, line.weight());
                if now + predict::time_for(slots, availability) <= latest(payload) {
                    break;
                }
                overtaken.push(ticket);
                place -= 1;
            }
        }
        overtaken
    }
}

/// What all lines together are given while one comes to its next turn.
///
/// A line of `live` requests and weight `w` gets `turns x w` slots, but no more
/// than `live`: it is served whole once `turns` is `live / w`. Sorted by that, the
/// lines served whole are the first few, and the others give by their weights.
struct Shares {
    /// Ascending: after how many turns a line is served whole.
    whole_after: Vec<f64>,
    /// Of the first n lines: how many wait. One longer than the lines.
    live_before: Vec<f64>,
    /// Of all but the first n lines: their weight. One longer than the lines.
    weight_from: Vec<f64>,
}

impl Shares {
    fn of(lines: &CallerQueues) -> Self {
        let waiting = lines.iter().filter(|(_, line)| line.live() > 0);
        Self::sorted(
            waiting
                .map(|(_, line)| (line.live() as f64, line.weight()))
                .collect(),
        )
    }

    /// Of lines as (live, weight).
    fn sorted(mut lines: Vec<(f64, f64)>) -> Self {
        lines.sort_unstable_by(|(a, v), (b, w)| (a / v).total_cmp(&(b / w)));
        let mut live = 0.0;
        let mut weight: f64 = lines.iter().map(|(_, weight)| weight).sum();
        let mut shares = Self {
            whole_after: Vec::with_capacity(lines.len()),
            live_before: vec![live],
            weight_from: vec![weight],
        };
        for (waiting, own) in lines {
            live += waiting;
            weight -= own;
            shares.whole_after.push(waiting / own);
            shares.live_before.push(live);
            shares.weight_from.push(weight);
        }
        shares
    }

    /// The slots until the request at `place` of a line of `weight` has its own, if
    /// nobody else comes: the others may be a turn behind it.
    fn slots_up_to(&self, place: usize, weight: f64) -> f64 {
        // The line's own requests before this one are in the sum.
        let turns = place.saturating_sub(1) as f64 / weight;
        let whole = self.whole_after.partition_point(|after| *after <= turns);
        1.0 + self.live_before[whole] + turns * self.weight_from[whole]
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

    /// So many requests of the caller of this name, each of use for `seconds`.
    fn enter(
        queue: &mut FairQueue<Instant>,
        name: &str,
        count: u64,
        now: Instant,
        seconds: f64,
    ) -> Vec<Ticket> {
        let mut entered = Vec::new();
        let caller = CallerId::new(name).expect("a printable name");
        for _ in 0..count {
            let line = queue.arrive(&caller, ArrivalKind::New, now);
            let latest = now + Duration::from_secs_f64(seconds);
            let vacancy = queue.vacancy(line).expect("room");
            entered.push(vacancy.push(ArrivalKind::New, |_| latest));
        }
        entered
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_line_is_overtaken_when_others_come() {
        let now = Instant::now();
        let mut queue = FairQueue::new(QueueSettings::default());
        let of_a = enter(&mut queue, "a", 18, now, 4.7);
        assert_eq!(queue.overtaken(AVAILABILITY, now, |latest| *latest), []);
        enter(&mut queue, "b", 7, now, 4.7);
        enter(&mut queue, "c", 5, now, 4.7);
        // 23 slots come in 4.7 s; b and c take 12 of them, which leaves 11 for a.
        let overtaken = queue.overtaken(AVAILABILITY, now, |latest| *latest);
        let last: Vec<Ticket> = of_a[11..].iter().rev().copied().collect();
        assert_eq!(overtaken, last);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_in_time_stays_whatever_stands_behind() {
        let now = Instant::now();
        let mut queue = FairQueue::new(QueueSettings::default());
        enter(&mut queue, "a", 5, now, 1.1);
        assert_eq!(queue.overtaken(AVAILABILITY, now, |latest| *latest), []);
        enter(&mut queue, "a", 5, now, 60.0);
        assert_eq!(queue.overtaken(AVAILABILITY, now, |latest| *latest), []);
    }

    proptest! {
        /// Sorted once, the sums are those of going through all lines each time.
        #[test]
        fn the_sums_are_those_of_all_lines_one_by_one(
            lines in prop::collection::vec((1_u32..50, 1_u32..6), 1..20),
        ) {
            let lines: Vec<(f64, f64)> =
                lines.iter().map(|(n, w)| (f64::from(*n), f64::from(*w))).collect();
            let shares = Shares::sorted(lines.clone());
            for (own, (live, weight)) in lines.iter().enumerate() {
                for place in 1..=*live as usize {
                    let turns = (place - 1) as f64 / weight;
                    let others = lines.iter().enumerate().filter(|(other, _)| *other != own);
                    let slots: f64 = others.map(|(_, (n, w))| n.min(turns * w)).sum();
                    let expected = place as f64 + slots;
                    prop_assert!((shares.slots_up_to(place, *weight) - expected).abs() < 1e-6);
                }
            }
        }
    }
}
