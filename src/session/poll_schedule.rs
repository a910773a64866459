//! When each watched session is polled: a pure state machine, without tasks or a clock.
//!
//! The callers take turns, so the sessions of one delay no other. Of the sessions of a
//! caller that are due, the one that expires first is polled first
//! ([earliest deadline first](https://en.wikipedia.org/wiki/Earliest_deadline_first_scheduling)).
//! The older a session is, the longer it waits between two polls: most checks start within
//! 20 s, and then the sessions of users that never start remain. A check in progress ends
//! within seconds, so it waits the shortest interval. If the quota does not suffice for
//! these intervals, those of the callers that need more than their
//! [max-min fair](https://en.wikipedia.org/wiki/Max-min_fairness) share are stretched.
//!
//! For example, 200 sessions of an age of 16 s are due every 6.4 s, and 20 checks in
//! progress every second. They need 200 / 6.4 + 20 = 51 polls a second. If the quota leaves
//! 24.5 and they have one caller, all intervals are 51 / 24.5 = 2.1 times as long: 13.4 s
//! and 2.1 s. Another caller with 4 checks in progress needs 4 polls a second, and gets
//! them: 20.5 are left for the first one, whose intervals are 2.5 times as long.

mod caller_turns;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;

use self::caller_turns::CallerTurns;
use crate::model::{CallerId, SESSION_LIFE, SessionId, SessionStatus};

/// A session waits its age between two polls at this age, and otherwise in proportion to
/// the square of its age.
const OLD: Duration = Duration::from_secs(40);

/// The time before a session's expiry at which it is polled in any case.
const LAST_POLL: Duration = Duration::from_secs(3);

/// The interval at which the rate of polls is measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// The least share of the quota that the intervals assume for polls.
const MIN_SHARE: f64 = 0.05;

/// The greatest factor by which intervals are stretched, far beyond their bounds.
const MAX_STRETCH: f64 = 1e6;

/// The watched sessions.
#[derive(Debug)]
pub(super) struct PollSchedule {
    bounds: RangeInclusive<Duration>,
    sessions: HashMap<SessionId, Scheduled>,
    callers: CallerTurns,
    /// Sessions by the time of their next poll.
    waiting: BTreeSet<(Instant, SessionId)>,
    /// Polls per second that each caller may have.
    share: f64,
    /// When the share was measured, and the number of reads by then.
    measured: Option<(Instant, u64)>,
}

#[derive(Debug)]
struct Scheduled {
    /// The callers that watch it, with the numbers of their watches.
    callers: BTreeMap<CallerId, usize>,
    expires_at: Instant,
    next: NextPoll,
    /// Polls per second that it needs.
    demand: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextPoll {
    At(Instant),
    Due,
    InProgress,
}

/// A session to poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PollTarget {
    pub(super) session: SessionId,
    /// The caller whose share of the quota is used.
    pub(super) caller: CallerId,
    pub(super) expires_at: Instant,
}

impl PollSchedule {
    /// Returns an empty schedule. The intervals are within `bounds`.
    pub(super) fn new(bounds: RangeInclusive<Duration>) -> Self {
        Self {
            bounds,
            sessions: HashMap::new(),
            callers: CallerTurns::default(),
            waiting: BTreeSet::new(),
            share: f64::INFINITY,
            measured: None,
        }
    }

    /// Adds a watcher. The first one of a session makes it due.
    pub(super) fn add(&mut self, target: PollTarget) {
        let PollTarget {
            session,
            caller,
            expires_at,
        } = target;
        let scheduled = self.sessions.entry(session).or_insert_with(|| Scheduled {
            callers: BTreeMap::new(),
            expires_at,
            next: NextPoll::Due,
            demand: 0.0,
        });
        let watches = scheduled.callers.entry(caller.clone()).or_default();
        *watches += 1;
        if *watches == 1 {
            self.callers.add_session(&caller, scheduled.demand);
            if scheduled.next == NextPoll::Due {
                self.callers.add_due(&caller, (expires_at, session));
            }
        }
    }

    /// Removes a watcher. The session is not polled after its last one.
    pub(super) fn remove(&mut self, watcher: &PollTarget) {
        let (session, caller) = (watcher.session, &watcher.caller);
        let Some(scheduled) = self.sessions.get_mut(&session) else {
            return;
        };
        let Some(watches) = scheduled.callers.get_mut(caller) else {
            return;
        };
        *watches -= 1;
        if *watches > 0 {
            return;
        }
        scheduled.callers.remove(caller);
        self.callers
            .remove_due(caller, (scheduled.expires_at, session));
        self.callers.remove_session(caller, scheduled.demand);
        if scheduled.callers.is_empty() {
            if let NextPoll::At(next) = scheduled.next {
                self.waiting.remove(&(next, session));
            }
            self.sessions.remove(&session);
        }
    }

    /// Returns when the next session is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first().map(|(next, _)| *next)
    }

    /// Takes a session to poll at `now`, and gives its caller the turn until
    /// [`Self::end_turn`]. The session is due again after [`Self::polled`].
    pub(super) fn take(&mut self, now: Instant) -> Option<PollTarget> {
        self.find_due(now);
        let (caller, (expires_at, session)) = self.callers.take_turn()?;
        self.set_next(session, NextPoll::InProgress);
        Some(PollTarget {
            session,
            caller,
            expires_at,
        })
    }

    /// Ends the turn of a caller, whose poll waits no longer for a quota token.
    pub(super) fn end_turn(&mut self, caller: &CallerId) {
        self.callers.end_turn(caller);
    }

    /// Schedules the next poll of a session whose latest status is `status`. `jitter` is
    /// 0 to 1.
    pub(super) fn polled(
        &mut self,
        session: &SessionId,
        status: Option<SessionStatus>,
        now: Instant,
        jitter: f64,
    ) {
        let Some(scheduled) = self.sessions.get(session) else {
            return;
        };
        let left = scheduled.expires_at.saturating_duration_since(now);
        let interval = self.interval(status, SESSION_LIFE.saturating_sub(left));
        let stretch = self.set_demand(session, interval.as_secs_f64().recip());
        let stretched = self.bounded(interval.mul_f64(stretch * (0.9 + 0.2 * jitter)));
        let next = if left > LAST_POLL {
            stretched.min(left - LAST_POLL)
        } else {
            stretched
        };
        self.set_next(*session, NextPoll::At(now + next));
    }

    /// Measures the share of each caller: `rate` calls per second without the reads, of
    /// which there were `reads` in total, are left for polls.
    pub(super) fn measure(&mut self, rate: f64, reads: u64, now: Instant) {
        let Some((since, before)) = self.measured else {
            (self.share, self.measured) = (rate, Some((now, reads)));
            return;
        };
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= MEASURE_INTERVAL {
            let used = reads.saturating_sub(before) as f64 / elapsed.as_secs_f64();
            let left = (rate - used).max(rate * MIN_SHARE);
            self.share = self.callers.fair_share(left);
            self.measured = Some((now, reads));
        }
    }

    fn find_due(&mut self, now: Instant) {
        while let Some((next, session)) = self.waiting.first().copied()
            && next <= now
        {
            self.set_next(session, NextPoll::Due);
        }
    }

    fn set_next(&mut self, session: SessionId, next: NextPoll) {
        let Some(scheduled) = self.sessions.get_mut(&session) else {
            return;
        };
        if let NextPoll::At(before) = std::mem::replace(&mut scheduled.next, next) {
            self.waiting.remove(&(before, session));
        }
        if let NextPoll::At(next) = next {
            self.waiting.insert((next, session));
        }
        let expiry = (scheduled.expires_at, session);
        for caller in scheduled.callers.keys() {
            match next {
                NextPoll::Due => self.callers.add_due(caller, expiry),
                NextPoll::At(_) | NextPoll::InProgress => self.callers.remove_due(caller, expiry),
            }
        }
    }

    /// Sets the polls per second that a session needs, and returns how much longer its
    /// intervals are, by the share of that one of its callers that needs least.
    fn set_demand(&mut self, session: &SessionId, demand: f64) -> f64 {
        let Some(scheduled) = self.sessions.get_mut(session) else {
            return 1.0;
        };
        let change = demand - std::mem::replace(&mut scheduled.demand, demand);
        let callers = scheduled.callers.keys();
        let demands = callers.map(|caller| self.callers.change_demand(caller, change));
        let least = demands.fold(f64::INFINITY, f64::min);
        (least / self.share).clamp(1.0, MAX_STRETCH)
    }

    fn interval(&self, status: Option<SessionStatus>, age: Duration) -> Duration {
        if status == Some(SessionStatus::InProgress) {
            return *self.bounds.start();
        }
        self.bounded(age.mul_f64(age.as_secs_f64() / OLD.as_secs_f64()))
    }

    fn bounded(&self, interval: Duration) -> Duration {
        interval.clamp(*self.bounds.start(), *self.bounds.end())
    }
}

#[cfg(test)]
mod tests;
