//! [Single flight](https://pkg.go.dev/golang.org/x/sync/singleflight): concurrent requests
//! with the same key share one value, their *flight*.
//!
//! A flight is active while requests use it, so there are never more active flights than
//! requests. After its last request, it is kept only if it [is worth it](Shared::is_kept).
//! Active and kept flights are stored separately: requests with many keys must not evict
//! the flights of others.
//!
//! For example, of 100,000 requests with distinct request ids, 5 per second get a quota
//! token and the others are refused. After 10 s, 50 flights are kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use moka::sync::Cache;
use parking_lot::Mutex;

/// A value that requests share.
pub trait Shared: Send + Sync + 'static {
    /// Whether it is kept after its last request.
    fn is_kept(&self) -> bool;
}

/// A key that requests have in common: an alias for its bounds.
pub trait FlightKey: Clone + Eq + Hash + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> FlightKey for K {}

/// The flights of this process. Clones share them.
#[derive(Debug)]
pub struct SingleFlight<K: FlightKey, F: Shared> {
    active: Arc<Mutex<HashMap<K, ActiveFlight<F>>>>,
    kept: Cache<K, Arc<F>>,
}

/// A flight and the number of requests that use it.
#[derive(Debug)]
struct ActiveFlight<F> {
    flight: Arc<F>,
    requests: usize,
}

/// One request's use of a flight. While a guard exists, all requests with the same key
/// share its flight. Dropping the guard ends the request's use.
#[derive(Debug)]
pub struct FlightGuard<K: FlightKey, F: Shared> {
    flight: Arc<F>,
    shared: Option<(K, SingleFlight<K, F>)>,
}

impl<K: FlightKey, F: Shared> Clone for SingleFlight<K, F> {
    fn clone(&self) -> Self {
        Self {
            active: self.active.clone(),
            kept: self.kept.clone(),
        }
    }
}

impl<K: FlightKey, F: Shared> FlightGuard<K, F> {
    /// Returns the use of a flight that is not shared.
    #[must_use]
    pub fn unshared(flight: F) -> Self {
        Self {
            flight: Arc::new(flight),
            shared: None,
        }
    }
}

impl<K: FlightKey, F: Shared> SingleFlight<K, F> {
    /// Returns no flights yet. `kept` bounds those that are kept.
    #[must_use]
    pub fn new(kept: Cache<K, Arc<F>>) -> Self {
        let active = Arc::default();
        Self { active, kept }
    }

    /// Joins the flight of `key`, or starts the one that `create` returns.
    #[must_use]
    pub fn join(&self, key: &K, create: impl FnOnce() -> F) -> FlightGuard<K, F> {
        let mut active = self.active.lock();
        let entry = active.entry(key.clone()).or_insert_with(|| {
            let flight = self.kept.get(key);
            ActiveFlight {
                flight: flight.unwrap_or_else(|| Arc::new(create())),
                requests: 0,
            }
        });
        entry.requests += 1;
        FlightGuard {
            flight: entry.flight.clone(),
            shared: Some((key.clone(), self.clone())),
        }
    }

    /// Returns how many flights are active.
    #[must_use]
    pub fn active_count(&self) -> usize {
        self.active.lock().len()
    }

    /// Ends one request's use of a flight.
    fn end(&self, key: &K) {
        let mut active = self.active.lock();
        let Some(entry) = active.get_mut(key) else {
            debug_assert!(false, "a flight is active until its last request ends");
            return;
        };
        entry.requests -= 1;
        if entry.requests > 0 {
            return;
        }
        if entry.flight.is_kept() {
            self.kept.insert(key.clone(), entry.flight.clone());
        }
        active.remove(key);
    }
}

impl<K: FlightKey, F: Shared> Deref for FlightGuard<K, F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.flight
    }
}

impl<K: FlightKey, F: Shared> Drop for FlightGuard<K, F> {
    fn drop(&mut self) {
        if let Some((key, flights)) = &self.shared {
            flights.end(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    impl Shared for AtomicBool {
        fn is_kept(&self) -> bool {
            self.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_flight_lasts_while_requests_use_it_or_if_it_is_worth_keeping() {
        let flights = SingleFlight::new(Cache::new(10));
        let join = || flights.join(&"key", AtomicBool::default);
        let (first, second) = (join(), join());
        assert!(Arc::ptr_eq(&first.flight, &second.flight));
        drop(first);
        let third = join();
        assert!(
            Arc::ptr_eq(&second.flight, &third.flight),
            "the second request keeps it active"
        );
        let flight = third.flight.clone();
        drop((second, third));
        assert_eq!(flights.active_count(), 0, "no request uses it");
        let fourth = join();
        assert!(!Arc::ptr_eq(&fourth.flight, &flight), "it was not kept");
        fourth.store(true, Ordering::Relaxed);
        let flight = fourth.flight.clone();
        drop(fourth);
        assert_eq!(flights.active_count(), 0, "no request uses it");
        assert!(Arc::ptr_eq(&join().flight, &flight), "it was kept");
    }
}
