//! The figures of a scenario.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use livegate::model::SessionId;

use super::scenario::CALLERS;
use super::upstream::Counts;

/// A failure that takes longer is slow.
const SLOW: Duration = Duration::from_millis(50);

/// A request that has completed.
#[derive(Debug)]
pub(crate) struct CompletedRequest {
    pub(crate) caller: usize,
    pub(crate) outcome: RequestOutcome,
    /// The time since it arrived.
    pub(crate) took: Duration,
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum RequestOutcome {
    Served {
        session: SessionId,
        waited: Duration,
    },
    /// Refused by admission, at arrival or later.
    Refused,
    /// Failed otherwise: throttled until retries ended, or past its deadline.
    Failed,
}

/// The figures of all requests of a scenario.
pub(crate) struct Figures {
    left: f64,
    counted: Duration,
    before: Counts,
    after: Counts,
    arrived: [u64; CALLERS],
    served: [u64; CALLERS],
    sessions: HashSet<SessionId>,
    returned_twice: u64,
    waits: Vec<Duration>,
    refusals: Vec<Duration>,
    refused_at_once: u64,
    failed_slowly: u64,
}

impl Figures {
    pub(crate) fn new(left: f64, counted: Duration, (before, after): (Counts, Counts)) -> Self {
        Self {
            left,
            counted,
            before,
            after,
            arrived: [0; CALLERS],
            served: [0; CALLERS],
            sessions: HashSet::new(),
            returned_twice: 0,
            waits: Vec::new(),
            refusals: Vec::new(),
            refused_at_once: 0,
            failed_slowly: 0,
        }
    }

    /// Returns the figures of two runs together.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.counted += other.counted;
        self.before = self.before + other.before;
        self.after = self.after + other.after;
        for caller in 0..CALLERS {
            self.arrived[caller] += other.arrived[caller];
            self.served[caller] += other.served[caller];
        }
        self.returned_twice += other.returned_twice;
        self.waits.extend(other.waits);
        self.refusals.extend(other.refusals);
        self.refused_at_once += other.refused_at_once;
        self.failed_slowly += other.failed_slowly;
        self
    }

    pub(crate) fn add(&mut self, request: &CompletedRequest) {
        self.arrived[request.caller] += 1;
        match &request.outcome {
            RequestOutcome::Served { session, waited } => {
                self.served[request.caller] += 1;
                self.returned_twice += u64::from(!self.sessions.insert(*session));
                self.waits.push(*waited);
                return;
            }
            RequestOutcome::Refused => self.refusals.push(request.took),
            RequestOutcome::Failed => {}
        }
        if request.took > SLOW {
            self.failed_slowly += 1;
        } else {
            self.refused_at_once += 1;
        }
    }

    /// Returns the served requests a second, relative to our part of the quota. A session
    /// whose client was gone before the response does not count.
    pub(crate) fn goodput(&self) -> f64 {
        self.total_served() / (self.left * self.counted.as_secs_f64())
    }

    pub(crate) fn throttles_for_each_success(&self) -> f64 {
        (self.after.throttled - self.before.throttled) as f64 / self.total_served()
    }

    fn total_served(&self) -> f64 {
        self.served.iter().sum::<u64>() as f64
    }

    /// Returns [Jain's index](https://en.wikipedia.org/wiki/Fairness_measure) of the served
    /// requests of each caller over its max-min fair share.
    pub(crate) fn fairness(&self) -> f64 {
        let fair = max_min_fair(&self.arrived, self.served.iter().sum::<u64>() as f64);
        let shares = self
            .served
            .iter()
            .zip(&fair)
            .map(|(got, f)| *got as f64 / f);
        let (sum, squares) = shares.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        sum * sum / (CALLERS as f64 * squares)
    }

    pub(crate) fn served(&self) -> f64 {
        self.of_arrivals(self.served.iter().sum())
    }

    pub(crate) fn refused_at_once(&self) -> f64 {
        self.of_arrivals(self.refused_at_once)
    }

    pub(crate) fn failed_slowly(&self) -> f64 {
        self.of_arrivals(self.failed_slowly)
    }

    pub(crate) fn refusal(&self, share: f64) -> Duration {
        percentile(&self.refusals, share)
    }

    /// Returns the calls that AWS allowed for a request that already had a session, and
    /// the responses with a session that another response had.
    pub(crate) fn duplicates(&self) -> u64 {
        self.after.repeated - self.before.repeated + self.returned_twice
    }

    fn of_arrivals(&self, count: u64) -> f64 {
        count as f64 / self.arrived.iter().sum::<u64>() as f64
    }
}

impl fmt::Display for Figures {
    /// Formats the figures as a row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>7.3} | {:>9.4} | {:>5.3} | {:>7.2} | {:>7.2} | {:>6.3} | {:>6} | {:>5} | {:>5}",
            self.goodput(),
            self.throttles_for_each_success(),
            self.fairness(),
            self.served() * 100.0,
            self.refused_at_once() * 100.0,
            self.failed_slowly() * 100.0,
            self.refusal(0.99).as_millis(),
            percentile(&self.waits, 0.5).as_millis(),
            percentile(&self.waits, 0.99).as_millis(),
        )
    }
}

/// Returns each caller's
/// [max-min fair](https://en.wikipedia.org/wiki/Max-min_fairness) share of `capacity`.
fn max_min_fair(demands: &[u64; CALLERS], capacity: f64) -> [f64; CALLERS] {
    let mut order: Vec<usize> = (0..CALLERS).collect();
    order.sort_by_key(|caller| demands[*caller]);
    let mut fair = [0.0; CALLERS];
    let mut left = capacity;
    for (served, caller) in order.into_iter().enumerate() {
        fair[caller] = (demands[caller] as f64).min(left / (CALLERS - served) as f64);
        left -= fair[caller];
    }
    fair
}

/// Returns the duration that `share` of them do not exceed; zero where there are none.
fn percentile(durations: &[Duration], share: f64) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}
