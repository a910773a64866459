//! Bounds the records of refused calls: [`MAX_WHOLE`] a minute for each caller and reason,
//! then one summary with the number of the others. Otherwise one caller with a wrong
//! configuration could write gigabytes a day.
//!
//! For example, `batch` has no permission and calls 1500 times a second. Each minute has ten
//! records `refused`, and then one record `refusals_omitted` with `"count":89990`.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use super::Audit;
use crate::model::CallerId;

/// The most whole records of one caller and reason in one [`WINDOW`].
const MAX_WHOLE: u64 = 10;

/// The time from the first of these records to the summary.
const WINDOW: Duration = Duration::from_secs(60);

/// The most callers and reasons that are counted separately. The others share one count.
const MAX_COUNTED: usize = 1000;

type Key = (String, &'static str);

/// The refused calls of the current windows.
#[derive(Debug, Default)]
pub(super) struct RefusalCounts(Mutex<HashMap<Key, u64>>);

impl RefusalCounts {
    /// Counts a refused call of `caller`. Returns whether its record is written. The first
    /// one of a window starts the task that ends it.
    pub(super) fn count(&self, caller: &str, reason: &'static str, audit: &Audit) -> bool {
        let mut counts = self.0.lock();
        let mut key = (caller.to_owned(), reason);
        if !counts.contains_key(&key) && counts.len() >= MAX_COUNTED {
            key.0 = CallerId::OVERFLOW.to_owned();
        }
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 {
            tokio::spawn(end_window(key, audit.clone()));
        }
        *count <= MAX_WHOLE
    }

    /// Ends the window of a caller and reason, and returns how many records were omitted.
    fn end(&self, key: &Key) -> Option<u64> {
        let count = self.0.lock().remove(key)?;
        count.checked_sub(MAX_WHOLE).filter(|omitted| *omitted > 0)
    }

    /// Ends all windows, and returns the omitted records of each.
    pub(super) fn end_all(&self) -> Vec<(Key, u64)> {
        let keys: Vec<Key> = self.0.lock().keys().cloned().collect();
        let ended = keys.into_iter().filter_map(|key| {
            let omitted = self.end(&key)?;
            Some((key, omitted))
        });
        ended.collect()
    }
}

async fn end_window(key: Key, audit: Audit) {
    sleep(WINDOW).await;
    audit.end_refusals(&key);
}

impl Audit {
    fn end_refusals(&self, key: &Key) {
        let Some(queue) = &self.0 else {
            return;
        };
        if let Some(omitted) = queue.refusals.end(key) {
            queue.summarize(key, omitted);
        }
    }
}
