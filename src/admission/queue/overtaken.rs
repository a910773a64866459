//! Who was let in and has no chance any more.
//!
//! A forecast knows the callers of that moment. When others come, each takes its
//! share, and the end of a long line moves away. Whoever stands there is better
//! off being told now than when its time is over.
//!
//! An example: at 5 slots a second `a` has 18 requests in line, the last of which
//! was to wait 3.6 s, of at most 4.7 s. Now `b` and `c` come with 7 and 5: the last
//! of `a` would wait 5.8 s at least. From the end on, those beyond the 4.7 s are
//! overtaken.

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::Instant;

use super::super::predict;
use super::{Queue, Supply, Ticket};

impl<T> Queue<T> {
    /// Whoever cannot be given a slot by its `latest` instant, even if nobody else
    /// came from now on: from the end of each line.
    pub fn overtaken(
        &mut self,
        supply: Supply,
        now: Instant,
        latest: impl Fn(&T) -> Instant,
    ) -> Vec<Ticket> {
        let held = self.held.iter().map(|Reverse((_, key))| *key);
        let placed: Vec<usize> = self.round.iter().copied().chain(held).collect();
        let mut overtaken = Vec::new();
        for key in placed {
            let line = self.lines.get(key);
            let mut place = line.live();
            for ticket in line.newest_first() {
                let Some(waiting) = self.waiting.get(&ticket) else {
                    continue;
                };
                if now + self.wait_at_least(key, place, supply) <= latest(&waiting.payload) {
                    break;
                }
                overtaken.push(ticket);
                place -= 1;
            }
        }
        overtaken
    }

    /// How long the request at `place` of a line waits if nobody else comes: the
    /// others may be a turn behind it.
    fn wait_at_least(&self, key: usize, place: usize, supply: Supply) -> Duration {
        let own = self.lines.get(key);
        let turns = place.saturating_sub(1) as f64 / own.weight();
        let others = self.lines.iter().filter(|(other, _)| *other != key);
        let slots: f64 = others
            .map(|(_, line)| (line.live() as f64).min(turns * line.weight()))
            .sum();
        predict::time_for(place as f64 + slots, supply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::CallerPolicies;
    use crate::admission::queue::Entry;
    use crate::session::words::CallerId;

    const SUPPLY: Supply = Supply {
        level: 0.0,
        rate: 5.0,
    };

    /// Requests of `count` callers by name, each of use for `seconds`.
    fn enter(queue: &mut Queue<Instant>, name: &str, count: u64, now: Instant, seconds: f64) {
        let caller = CallerId::new(name).expect("a printable name");
        for _ in 0..count {
            let line = queue.arrive(&caller, Entry::Arrival, now);
            let ticket = Ticket(queue.len() as u64);
            let latest = now + Duration::from_secs_f64(seconds);
            queue
                .push(line, Entry::Arrival, ticket, latest)
                .expect("room");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_line_is_overtaken_when_others_come() {
        let now = Instant::now();
        let mut queue = Queue::new(CallerPolicies::default());
        enter(&mut queue, "a", 18, now, 4.7);
        assert_eq!(queue.overtaken(SUPPLY, now, |latest| *latest), []);
        enter(&mut queue, "b", 7, now, 4.7);
        enter(&mut queue, "c", 5, now, 4.7);
        // 23 slots come in 4.7 s; b and c take 12 of them, which leaves 11 for a.
        let overtaken = queue.overtaken(SUPPLY, now, |latest| *latest);
        assert_eq!(overtaken, (11..18).rev().map(Ticket).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_in_time_stays_whatever_stands_behind() {
        let now = Instant::now();
        let mut queue = Queue::new(CallerPolicies::default());
        enter(&mut queue, "a", 5, now, 1.1);
        assert_eq!(queue.overtaken(SUPPLY, now, |latest| *latest), []);
        enter(&mut queue, "a", 5, now, 60.0);
        assert_eq!(queue.overtaken(SUPPLY, now, |latest| *latest), []);
    }
}
