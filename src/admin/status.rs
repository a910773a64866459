//! The last `/status`, so that many readers cost as much as one.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

/// How long a status is used again. The page and the command read it each second.
const MAX_AGE: Duration = Duration::from_millis(250);

/// The last status, and when it was made.
#[derive(Default)]
pub(super) struct StatusCache(Mutex<Option<(Instant, Bytes)>>);

impl StatusCache {
    /// Returns the last status, or the one that `make` returns if the last one is too old.
    pub(super) fn get(&self, make: impl FnOnce() -> Value) -> Bytes {
        let mut last = self.0.lock();
        if let Some((made_at, status)) = &*last
            && made_at.elapsed() < MAX_AGE
        {
            return status.clone();
        }
        let status = Bytes::from(make().to_string());
        *last = Some((Instant::now(), status.clone()));
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_status_is_made_at_most_four_times_a_second() {
        let cache = StatusCache::default();
        let mut made = 0;
        for _ in 0..100 {
            cache.get(|| {
                made += 1;
                made.into()
            });
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert_eq!(made, 4);
    }
}
