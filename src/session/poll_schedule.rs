//! When each watched session is polled: a pure state machine, without tasks or a clock.
//!
//! Of the sessions that are due, the one that expires first is polled first
//! ([earliest deadline first](https://en.wikipedia.org/wiki/Earliest_deadline_first_scheduling)).
//! The older a session is, the longer it waits between two polls: most checks start within
//! 20 s, and then the sessions of users that never start remain. A check in progress ends
//! within seconds, so it waits the shortest interval. If the quota does not suffice for
//! these intervals, all of them are stretched alike.
//!
//! For example, 200 sessions of an age of 16 s are due every 6.4 s, and 20 checks in
//! progress every second. They need 200 / 6.4 + 20 = 51 polls a second. If the quota leaves
//! 24.5, all intervals are 51 / 24.5 = 2.1 times as long: 13.4 s and 2.1 s.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;

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

/// The watched sessions.
#[derive(Debug)]
pub(super) struct PollSchedule {
    bounds: RangeInclusive<Duration>,
    sessions: HashMap<SessionId, Scheduled>,
    /// Sessions by the time of their next poll.
    waiting: BTreeSet<(Instant, SessionId)>,
    /// Sessions that are due, by their expiry.
    due: BTreeSet<(Instant, SessionId)>,
    /// Polls per second that all sessions need.
    demand: f64,
    /// Polls per second that the quota allows.
    rate: f64,
    /// When the rate was measured, and the number of reads by then.
    measured: Option<(Instant, u64)>,
}

#[derive(Debug)]
struct Scheduled {
    target: PollTarget,
    /// The callers that watch it, in the order of their turns to pay for a poll.
    callers: VecDeque<CallerId>,
    /// The time of its next poll. Unset: it is due, or being polled.
    next: Option<Instant>,
    /// Polls per second that it needs.
    demand: f64,
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
            waiting: BTreeSet::new(),
            due: BTreeSet::new(),
            demand: 0.0,
            rate: f64::INFINITY,
            measured: None,
        }
    }

    /// Adds a watcher. The first one of a session makes it due.
    pub(super) fn add(&mut self, target: PollTarget) {
        let (expires_at, session) = (target.expires_at, target.session);
        let caller = target.caller.clone();
        let scheduled = self.sessions.entry(session).or_insert_with(|| {
            self.due.insert((expires_at, session));
            Scheduled {
                target,
                callers: VecDeque::new(),
                next: None,
                demand: 0.0,
            }
        });
        scheduled.callers.push_back(caller);
    }

    /// Removes a watcher. The session is not polled after its last one.
    pub(super) fn remove(&mut self, watcher: &PollTarget) {
        let Some(scheduled) = self.sessions.get_mut(&watcher.session) else {
            return;
        };
        let callers = &mut scheduled.callers;
        let place = callers.iter().position(|one| *one == watcher.caller);
        place.map(|place| callers.remove(place));
        if scheduled.callers.is_empty()
            && let Some(removed) = self.sessions.remove(&watcher.session)
        {
            self.unschedule(&removed);
            self.demand -= removed.demand;
        }
    }

    /// Returns when the next session is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first().map(|(next, _)| *next)
    }

    /// Whether a session is due, as of the latest [`Self::take`].
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes the session to poll at `now`, if it expires by `expires_by`. It is due again
    /// after [`Self::polled`].
    pub(super) fn take(&mut self, now: Instant, expires_by: Option<Instant>) -> Option<PollTarget> {
        while let Some((next, session)) = self.waiting.first().copied()
            && next <= now
        {
            self.waiting.pop_first();
            if let Some(scheduled) = self.sessions.get_mut(&session) {
                scheduled.next = None;
                self.due.insert((scheduled.target.expires_at, session));
            }
        }
        let (expires_at, session) = *self.due.first()?;
        if expires_by.is_some_and(|latest| expires_at > latest) {
            return None;
        }
        self.due.pop_first();
        let scheduled = self.sessions.get_mut(&session)?;
        scheduled.target.caller = scheduled.callers.front()?.clone();
        // Another caller pays for the next poll: one that is at its limit must not end the
        // polls of the others.
        scheduled.callers.rotate_left(1);
        Some(scheduled.target.clone())
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
        let Some(mut scheduled) = self.sessions.remove(session) else {
            return;
        };
        self.unschedule(&scheduled);
        let expires_at = scheduled.target.expires_at;
        let left = expires_at.saturating_duration_since(now);
        let interval = self.interval(status, SESSION_LIFE.saturating_sub(left));
        let demand = interval.as_secs_f64().recip();
        self.demand += demand - scheduled.demand;
        let stretch = (self.demand / self.rate).max(1.0) * (0.9 + 0.2 * jitter);
        let stretched = self.bounded(interval.mul_f64(stretch));
        let next = if left > LAST_POLL {
            stretched.min(left - LAST_POLL)
        } else {
            stretched
        };
        scheduled.demand = demand;
        scheduled.next = Some(now + next);
        self.waiting.insert((now + next, *session));
        self.sessions.insert(*session, scheduled);
    }

    /// Measures the rate that is left for polls: `rate` calls per second without those of
    /// the callers, which have made `reads` calls in total.
    pub(super) fn measure(&mut self, rate: f64, reads: u64, now: Instant) {
        let Some((since, before)) = self.measured else {
            (self.rate, self.measured) = (rate, Some((now, reads)));
            return;
        };
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= MEASURE_INTERVAL {
            let used = reads.saturating_sub(before) as f64 / elapsed.as_secs_f64();
            self.rate = (rate - used).max(rate * MIN_SHARE);
            self.measured = Some((now, reads));
        }
    }

    fn unschedule(&mut self, scheduled: &Scheduled) {
        let session = scheduled.target.session;
        match scheduled.next {
            Some(next) => self.waiting.remove(&(next, session)),
            None => self.due.remove(&(scheduled.target.expires_at, session)),
        };
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
