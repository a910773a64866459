//! A condition that is logged when it begins, once for each cause, and when it ends.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a condition that comes and goes must be gone to have ended.
pub const QUIET: Duration = Duration::from_secs(10);

/// The most causes that are news until the condition ends.
const MAX_CAUSES: usize = 8;

/// A condition, such as an outage, with the cause of type `C` if that is worth a log line
/// of its own. At first it does not hold.
#[derive(Debug)]
pub struct Condition<C = ()>(Mutex<Option<Held<C>>>);

#[derive(Debug)]
struct Held<C> {
    causes: Vec<C>,
    /// When it held last.
    at: Instant,
}

impl<C: PartialEq> Condition<C> {
    /// Records that the condition holds because of `cause`. Returns whether that is news: it
    /// did not hold before, or not because of this.
    #[must_use]
    pub fn begin(&self, cause: C) -> bool {
        let (mut held, at) = (self.0.lock(), Instant::now());
        let causes = Vec::new();
        let held = held.get_or_insert(Held { causes, at });
        held.at = at;
        let is_news = held.causes.len() < MAX_CAUSES && !held.causes.contains(&cause);
        if is_news {
            held.causes.push(cause);
        }
        is_news
    }

    /// Returns whether the condition holds.
    pub fn holds(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Records that the condition does not hold, which ends it [`QUIET`] after it held last.
    /// Returns whether it ended now.
    pub fn end_if_quiet(&self) -> bool {
        let mut held = self.0.lock();
        held.take_if(|held| held.at.elapsed() >= QUIET).is_some()
    }

    /// Records that the condition does not hold. Returns whether it held before.
    pub fn end(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

impl<C> Default for Condition<C> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[test]
    fn the_beginning_a_new_cause_and_the_end_are_news_once_each() {
        let outage = Condition::default();
        assert!(!outage.end(), "it did not begin");
        assert!(outage.begin("refused"));
        assert!(!outage.begin("refused"));
        assert!(outage.begin("timed out"));
        assert!(!outage.begin("refused"), "it is known");
        assert!(outage.end());
        assert!(!outage.end());
        assert!(outage.begin("timed out"), "it begins again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_comes_and_goes_is_news_once_until_it_is_gone_for_10_s() {
        let (outage, mut news) = (Condition::default(), 0);
        for _ in 0..60 {
            news += u32::from(outage.begin(()));
            advance(Duration::from_secs(1)).await;
            news += u32::from(outage.end_if_quiet());
        }
        assert_eq!(news, 1);
        advance(QUIET - Duration::from_secs(1)).await;
        assert!(outage.end_if_quiet() && !outage.end_if_quiet());
        assert!(outage.begin(()));
    }

    #[test]
    fn causes_that_differ_each_time_are_news_a_few_times() {
        let outage = Condition::default();
        let news = (0..1000).filter(|number| outage.begin(*number));
        assert_eq!(news.count(), MAX_CAUSES);
    }
}
