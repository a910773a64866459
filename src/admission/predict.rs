//! The predicted wait of a new request: the arithmetic of the fair queue.
//!
//! The request at position `p` of its caller's queue (the head is 1) gets its quota token
//! once its caller has received `p` tokens and the other callers have taken theirs. Another
//! caller takes at most its share (`p`, scaled by the weights), and at most what it
//! can use: its waiting requests and those that arrive within the wait. The wait thus
//! depends on itself, and is found by
//! [fixed-point iteration](https://en.wikipedia.org/wiki/Fixed-point_iteration). A
//! caller with no waiting request but recent arrivals counts too, because its next
//! request would be served before the new one, which is at the end of its own queue.
//!
//! Arrivals are random. While more arrive than there are tokens, queues grow until
//! every admitted request waits almost as long as its deadline allows. The prediction then
//! adds two standard deviations, so 97.7 % of requests wait no longer than predicted:
//! waiting in vain is worse than an immediate refusal. A small surplus of arrivals may be
//! chance. It passes, and few requests are near their limit meanwhile, so the prediction
//! uses the mean alone: a margin would refuse many requests that fit. Between the two cases
//! the margin grows linearly.
//!
//! For example, there are 10 tokens a second and `p` is 5. One other caller has 3
//! waiting and 1 arrival a second. Another has 50 waiting and 20 arrivals a second,
//! which is more than there are tokens, and not by chance. The first takes
//! 3 + 1 x wait, the second 5. 5 + 3 + 5 = 13 tokens take 1.3 s, in which the first
//! sends 1.3 more on average. Two standard deviations are 2.3: 13 + 1.3 + 2.3 = 16.6
//! tokens. They take 1.66 s, in which it sends more again, and so on until the wait
//! converges to 1.73 s.

use std::time::Duration;

use super::arrivals::ArrivalRate;

/// The longest wait that is computed. It is computed again after that time.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The maximum number of iterations. Each adds less to the wait than the previous one.
/// It bounds the time of a prediction and decides none: the loop ends at 1 % of change.
const MAX_ITERATIONS: usize = 16;

/// How many standard deviations of random arrivals to allow for under overload. A lower
/// value admits more requests that then miss their deadlines; a higher value refuses some
/// that would fit. Without it 3.4 % fail slowly at twice the quota of 5, instead of 0.8 %:
/// `cargo test --test admission_simulation -- --nocapture`.
const ALLOWANCE: f64 = 2.0;

/// Bounds, in standard deviations, on the surplus of arrivals over tokens: up to the
/// first it counts as chance, from the second on as overload. Without them 99.73 % are
/// served at 0.8 of the quota of 5, target 99.9 % (the same command).
const SURPLUS: (f64, f64) = (1.0, 3.0);

/// The quota tokens that are available now and later.
#[derive(Clone, Copy, Debug)]
pub struct Availability {
    /// Tokens available now, fractions included.
    pub level: f64,
    /// Tokens per second, from now on.
    pub rate: f64,
}

/// The predicted wait of a new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// How long it would wait.
    pub wait: Duration,
    /// The limit that causes the wait.
    pub cause: Cause,
}

/// The limit that causes a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The quota that all callers share.
    Quota,
    /// The caller's own rate limit or queue bound.
    CallerLimit,
}

/// Another caller or group that competes for tokens with the new request.
pub(super) struct Competitor {
    pub(super) waiting: usize,
    pub(super) arrivals_per_second: f64,
    /// The upper limit on the tokens it takes before the new request gets one.
    pub(super) share: f64,
    /// The calls that its rate limit allows now, and more each second.
    pub(super) allowed: (f64, f64),
}

/// The calls that are allowed without a rate limit.
pub(super) const UNLIMITED: (f64, f64) = (f64::INFINITY, 0.0);

impl Competitor {
    /// Returns the tokens that the caller takes within `wait`. Arrivals are assumed to
    /// be independent (Poisson), so their variance equals their mean. Arrivals beyond
    /// the unused share take no token, so the variance falls from there on, and is zero from
    /// twice the unused share on.
    fn tokens_within(&self, wait: Duration) -> ExpectedTokens {
        let (now, per_second) = self.allowed;
        // A fraction of a call is not allowed.
        let allowed = (now + per_second * wait.as_secs_f64()).floor();
        let allowed = self.share.min(allowed);
        let waiting = self.waiting as f64;
        let arriving = self.arrivals_per_second * wait.as_secs_f64();
        let unused = (allowed - waiting).max(0.0);
        ExpectedTokens {
            mean: waiting.min(allowed) + arriving.min(unused),
            variance: arriving.min((2.0 * unused - arriving).max(0.0)),
        }
    }
}

#[derive(Clone, Copy)]
struct ExpectedTokens {
    mean: f64,
    variance: f64,
}

/// The new request, within its caller's queue.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    /// Its position in the queue.
    pub(super) position: usize,
    /// How long the caller's rate limit delays it.
    pub(super) rate_limited_for: Duration,
    /// The arrival rate of its caller.
    pub(super) arrivals_per_second: f64,
}

/// Returns the predicted wait of `candidate` among `competitors`.
pub(super) fn predict(
    candidate: Candidate,
    competitors: &[Competitor],
    availability: Availability,
) -> Prediction {
    let others: f64 = competitors.iter().map(|c| c.arrivals_per_second).sum();
    let allowance = allowance(candidate.arrivals_per_second + others, availability);
    let mut wait = Duration::ZERO;
    for _ in 0..MAX_ITERATIONS {
        // The tokens taken within `wait` take this long:
        let taken = competitors.iter().map(|c| c.tokens_within(wait));
        let (mean, variance) = taken.fold((0.0, 0.0), |(mean, variance), taken| {
            (mean + taken.mean, variance + taken.variance)
        });
        let tokens = candidate.position as f64 + mean + allowance * variance.sqrt();
        let longer = time_for(tokens, availability);
        let converged = longer <= wait + wait / 100;
        wait = longer;
        if converged {
            break;
        }
    }
    let (wait, cause) = if candidate.rate_limited_for > wait {
        (candidate.rate_limited_for, Cause::CallerLimit)
    } else {
        (wait, Cause::Quota)
    };
    Prediction { wait, cause }
}

/// Returns how many standard deviations to allow for at `arrivals` a second.
fn allowance(arrivals: f64, availability: Availability) -> f64 {
    let surplus = arrivals - availability.rate;
    if surplus <= 0.0 {
        return 0.0;
    }
    let (chance, overload) = SURPLUS;
    let deviations = surplus / ArrivalRate::standard_deviation(arrivals);
    ALLOWANCE * ((deviations - chance) / (overload - chance)).clamp(0.0, 1.0)
}

/// Returns how long it takes until `tokens` more are available.
pub(super) fn time_for(tokens: f64, availability: Availability) -> Duration {
    wait_from_secs((tokens - availability.level) / availability.rate)
}

/// Returns a wait of `seconds`: zero where they are not above 0, and at most a day,
/// also for NaN.
pub(super) fn wait_from_secs(seconds: f64) -> Duration {
    if seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).map_or(MAX_WAIT, |wait| wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::*;
    use crate::admission::caller_rate_limit::CallerRateLimit;

    #[test]
    fn a_wait_is_between_zero_and_a_day() {
        assert_eq!(wait_from_secs(1.5), Duration::from_millis(1500));
        for zero in [0.0, -0.0, -1.0, f64::NEG_INFINITY] {
            assert_eq!(wait_from_secs(zero), Duration::ZERO);
        }
        for huge in [1e20, f64::MAX, f64::INFINITY, f64::NAN] {
            assert_eq!(wait_from_secs(huge), MAX_WAIT);
        }
    }

    proptest! {
        /// Any rate and any count give a wait, without a panic.
        #[test]
        fn the_arithmetic_never_panics(
            rate in any::<f64>(),
            count in any::<f64>(),
            level in any::<f64>(),
            calls in any::<usize>(),
            seconds in 0_u64..1_000_000_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let start = runtime.block_on(async { Instant::now() });
            let now = start + Duration::from_secs(seconds);
            prop_assert!(wait_from_secs(count) <= MAX_WAIT);
            let availability = Availability { level, rate };
            prop_assert!(time_for(count, availability) <= MAX_WAIT);
            let mut limit = CallerRateLimit::new(start, rate);
            prop_assert!(limit.wait_for(now, calls) <= MAX_WAIT);
            limit.take(now);
            prop_assert!(limit.with_rate(now, count).wait_for(now, calls) <= MAX_WAIT);
        }
    }

    const AVAILABILITY: Availability = Availability {
        level: 0.0,
        rate: 10.0,
    };

    /// Returns the predicted wait of the request at position 5 beside a caller with 3
    /// waiting and 1 arrival a second, and one with 50 waiting and `arrivals` a second.
    fn predicted_wait(arrivals: f64) -> f64 {
        let competitor = |waiting, arrivals_per_second| Competitor {
            waiting,
            arrivals_per_second,
            share: 5.0,
            allowed: UNLIMITED,
        };
        let fifth = Candidate {
            position: 5,
            rate_limited_for: Duration::ZERO,
            arrivals_per_second: 0.0,
        };
        let competitors = [competitor(3, 1.0), competitor(50, arrivals)];
        let prediction = predict(fifth, &competitors, AVAILABILITY);
        assert_eq!(prediction.cause, Cause::Quota);
        prediction.wait.as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn the_documented_example_holds() {
        let wait = predicted_wait(20.0);
        assert!((wait - 1.73).abs() < 0.01, "{wait}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_surplus_that_may_be_chance_adds_no_allowance() {
        let wait = predicted_wait(9.0);
        assert!((wait - 1.44).abs() < 0.01, "the mean alone: {wait}");
    }

    #[test]
    fn the_allowance_is_zero_without_arrivals_and_bounded_with_many() {
        assert!(allowance(0.0, AVAILABILITY).abs() < f64::EPSILON);
        assert!((allowance(1e9, AVAILABILITY) - ALLOWANCE).abs() < f64::EPSILON);
    }
}
