//! The service itself, made of the parts that the configuration asks for.
//!
//! An example: with `results.enabled = false` it has a creator and no reader, so
//! no call can read a result, whatever it presents.

use std::sync::Arc;

use super::doors::Doors;
use crate::admission::Admission;
use crate::config::Config;
use crate::grpc::SessionService;
use crate::idempotency::Claims;
use crate::retry::Retry;
use crate::session::{AttemptMetrics, Attempts, Creator, Ownership, Proof, Results};
use crate::upstream::aws::Rekognition;

pub(super) fn service(
    config: &Config,
    api: &Arc<Rekognition>,
    doors: &Doors,
    ownership: Ownership,
    metrics: &AttemptMetrics,
) -> SessionService<Rekognition> {
    let retry = Arc::new(Retry::new(&config.retry));
    let attempts = |door: &Admission, operation| {
        Attempts::new(door.clone(), retry.clone()).counted(metrics, operation)
    };
    let claims = Claims::default();
    let creator = Creator::new(
        api.clone(),
        attempts(&doors.create, "create"),
        claims,
        ownership.clone(),
    );
    let proof = if config.results.require_token {
        Proof::Token
    } else {
        Proof::Nothing
    };
    let attempts = attempts(&doors.results, "results");
    let results = config.results.enabled;
    let results = results.then(|| Results::new(api.clone(), attempts, ownership, proof));
    SessionService::new(creator, results)
}
