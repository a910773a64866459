//! A condition that is logged when it begins, when its cause changes and when it ends.

use parking_lot::Mutex;

/// A condition, such as an outage, with the cause of type `C` if that is worth a log line
/// of its own. At first it does not hold.
#[derive(Debug)]
pub struct Condition<C = ()>(Mutex<Option<C>>);

impl<C: PartialEq> Condition<C> {
    /// Records that the condition holds because of `cause`. Returns whether that is news: it
    /// did not hold before, or had another cause.
    #[must_use]
    pub fn begin(&self, cause: C) -> bool {
        let mut current = self.0.lock();
        let is_news = current.as_ref() != Some(&cause);
        *current = Some(cause);
        is_news
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
    use super::*;

    #[test]
    fn the_beginning_a_new_cause_and_the_end_are_news_once_each() {
        let outage = Condition::default();
        assert!(!outage.end(), "it did not begin");
        assert!(outage.begin("refused"));
        assert!(!outage.begin("refused"));
        assert!(outage.begin("timed out"));
        assert!(outage.end());
        assert!(!outage.end());
        assert!(outage.begin("timed out"), "it begins again");
    }
}
