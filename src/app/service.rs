//! Builds the gRPC service from the components that the configuration selects.
//!
//! With `results.enabled = false` there is no result reader, so no call can read a result.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::metrics::Metrics;
use super::reloadable::Reloadable;
use crate::admission::Admission;
use crate::audit::Audit;
use crate::auth::AuthMode;
use crate::config::Config;
use crate::grpc::SessionService;
use crate::idempotency::{Idempotency, RecordScope};
use crate::model::{Clock, Operation};
use crate::result_token::TokenKeys;
use crate::session::{
    AttemptPolicy, Creator, Ownership, RequestIdRequirement, ResultReader, TokenRequirement,
    WatchSettings,
};
use crate::store::{Store, StoreMetrics};
use crate::upstream::aws::Rekognition;

/// The time that startup waits for the store, without which requests are not recorded.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the store, if one is configured, and waits until it is connected or the time is
/// up.
pub(super) async fn open_store(config: &Config, metrics: &StoreMetrics) -> Option<Store> {
    let store = Store::open(&config.store, metrics)?;
    if timeout(STORE_TIMEOUT, store.up()).await.is_err() {
        warn!("cannot connect to store in time, starting without it");
    }
    Some(store)
}

/// Opens the idempotency records, which are in the store if there is one.
fn idempotency(config: &Config, store: Option<Store>, clock: &Clock) -> Idempotency {
    let upstream = &config.upstream;
    let scope = RecordScope::new(&upstream.region, upstream.endpoint_url.as_deref());
    store.map_or_else(Idempotency::default, |store| {
        Idempotency::shared(store, config.idempotency, scope, clock.clone())
    })
}

/// Builds the service over `api`.
pub(super) fn service(
    config: &Config,
    api: &Arc<Rekognition>,
    reloadable: &Reloadable,
    (store, token_keys, audit, drain): (Option<Store>, TokenKeys, &Audit, &CancellationToken),
    metrics: &Metrics,
) -> SessionService<Rekognition> {
    let attempts = |operation, admission: &Admission| {
        AttemptPolicy::new(operation, admission.clone(), metrics.retry.clone())
            .with_metrics(&metrics.attempts)
    };
    let ownership = Ownership::new(token_keys, &config.upstream.region);
    let ownership = ownership.with_clock(metrics.clock.clone());
    let creator = Creator::new(
        api.clone(),
        attempts(Operation::Create, &reloadable.create_admission),
        idempotency(config, store, &metrics.clock),
        ownership.clone(),
    )
    .with_request_id_requirement(if config.create.require_request_id {
        RequestIdRequirement::Required
    } else {
        RequestIdRequirement::Optional
    });
    let token_requirement = if config.results.require_token {
        TokenRequirement::Required
    } else {
        TokenRequirement::Optional
    };
    let attempts = attempts(Operation::Results, &reloadable.results_admission);
    let results = config.results.enabled;
    let results = results.then(|| {
        ResultReader::new(
            api.clone(),
            attempts,
            ownership,
            token_requirement,
            &watches(config, metrics),
        )
        .until(drain.clone())
    });
    SessionService::new(creator, results).audited(audit.clone())
}

fn watches(config: &Config, metrics: &Metrics) -> WatchSettings {
    let results = &config.results;
    WatchSettings {
        max_watchers: results.max_watchers.get(),
        has_shares: config.auth.mode != AuthMode::None,
        poll_interval: results.min_poll_interval..=results.max_poll_interval,
        metrics: metrics.checks.clone(),
    }
}
