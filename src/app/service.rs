//! The service itself, made of the parts that the configuration asks for.
//!
//! An example: with `results.enabled = false` it has a creator and no reader, so
//! no call can read a result, whatever it presents.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use super::doors::Doors;
use super::metrics::Metrics;
use crate::admission::Admission;
use crate::audit::Audit;
use crate::config::Config;
use crate::grpc::SessionService;
use crate::idempotency::Claims;
use crate::session::{Attempts, Creator, Ownership, ResultReader, TokenRequirement};
use crate::store::{Store, StoreMetrics};
use crate::upstream::aws::Rekognition;

/// How long the start waits for the store: what is served without it has no record.
const STORE_WAIT: Duration = Duration::from_secs(2);

/// The store, where there is one; connected, unless that takes too long.
pub(super) async fn open_store(config: &Config, metrics: &StoreMetrics) -> Option<Store> {
    let store = Store::open(&config.store, metrics)?;
    if timeout(STORE_WAIT, store.up()).await.is_err() {
        warn!("starting without the store");
    }
    Some(store)
}

/// The claims, in the store where there is one.
fn claims(config: &Config, store: Option<Store>) -> Claims {
    store.map_or_else(Claims::default, |store| {
        Claims::shared(store, config.idempotency)
    })
}

/// The methods, over `api` and through the `doors`.
pub(super) fn service(
    config: &Config,
    api: &Arc<Rekognition>,
    doors: &Doors,
    (store, ownership, audit): (Option<Store>, Ownership, &Audit),
    metrics: &Metrics,
) -> SessionService<Rekognition> {
    let attempts = |door: &Admission, operation| {
        Attempts::new(door.clone(), metrics.retry.clone()).counted(&metrics.attempts, operation)
    };
    let creator = Creator::new(
        api.clone(),
        attempts(&doors.create, "create"),
        claims(config, store),
        ownership.clone(),
        doors.policy.clone(),
    );
    let proof = if config.results.require_token {
        TokenRequirement::Required
    } else {
        TokenRequirement::Optional
    };
    let attempts = attempts(&doors.results, "results");
    let results = config.results.enabled;
    let policy = doors.policy.clone();
    let results =
        results.then(|| ResultReader::new(api.clone(), attempts, (ownership, proof), policy));
    SessionService::new(creator, results).audited(audit.clone())
}
