//! Polls the content of files. A watch on a file would miss the symlink swap of a
//! Kubernetes `ConfigMap` or `Secret`.
//!
//! Changed content counts when two polls in a row have read it, because a writer may be
//! halfway through. For example, a file is written at 12:00:00.5: the polls at 12:00:01
//! and 12:00:02 read the same content, and the second reports it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The time between two polls.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Reports content that differs from the content that was reported before.
pub struct ContentWatch<T> {
    read: Arc<dyn Fn() -> T + Send + Sync>,
    polls: Interval,
    reported: T,
    previous: T,
}

impl<T: Clone + PartialEq + Send + 'static> ContentWatch<T> {
    /// Returns a watch of the content that `read` returns, which may block. `known` counts
    /// as reported.
    pub fn new(known: T, read: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            read: Arc::new(read),
            polls,
            reported: known.clone(),
            previous: known,
        }
    }

    /// Waits until the content has changed, and returns it. If the future is dropped, the
    /// change is reported later.
    pub async fn changed(&mut self) -> T {
        loop {
            self.polls.tick().await;
            let content = self.read().await;
            let is_stable = content == self.previous;
            self.previous = content.clone();
            if is_stable && content != self.reported {
                self.reported = content.clone();
                return content;
            }
        }
    }

    /// Counts the current content as reported.
    pub async fn skip(&mut self) {
        self.reported = self.read().await;
    }

    async fn read(&self) -> T {
        let read = self.read.clone();
        let content = spawn_blocking(move || read()).await;
        // A panic is logged, and changes nothing.
        content.unwrap_or_else(|_| self.previous.clone())
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::time::Instant;

    use super::*;

    /// Returns a watch of values that are read in this order; the last one repeats.
    fn watch(values: &[u8]) -> ContentWatch<u8> {
        let mut values = values.to_vec();
        values.reverse();
        let values = Mutex::new(values);
        ContentWatch::new(0, move || {
            let mut left = values.lock();
            let last = left.len() == 1;
            if last { left[0] } else { left.pop().unwrap() }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn content_is_reported_once_after_two_equal_reads() {
        let start = Instant::now();
        let mut changes = watch(&[0, 0, 1, 2, 2, 2, 2, 0, 0, 3]);
        assert_eq!(changes.changed().await, 2, "1 was read once");
        assert_eq!(start.elapsed(), 4 * POLL_INTERVAL);
        assert_eq!(changes.changed().await, 0, "the first content is back");
        assert_eq!(start.elapsed(), 8 * POLL_INTERVAL);
        assert_eq!(changes.changed().await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn skipped_content_is_not_reported() {
        let mut changes = watch(&[5, 5, 5, 5, 6]);
        changes.skip().await;
        assert_eq!(changes.changed().await, 6);
    }
}
