//! The audit, as the configuration has it.
//!
//! An example: without `audit.digest_key_file` the digests are by a key that is made
//! at the start, so one end user has other digests after each restart.

use tracing::warn;

use super::{AppError, key_file};
use crate::audit::{Audit, AuditMetrics, AuditOutput, AuditSettings, DigestKey};

/// Opens it.
pub(super) fn open(settings: &AuditSettings, metrics: &AuditMetrics) -> Result<Audit, AppError> {
    let key = match &settings.digest_key_file {
        Some(path) => key_file::read("audit.digest_key_file", path)?,
        None => random(&settings.output)?,
    };
    let audit = Audit::open(
        settings.output.clone(),
        DigestKey::new(&key),
        metrics.clone(),
    );
    Ok(audit?)
}

fn random(output: &AuditOutput) -> Result<Vec<u8>, AppError> {
    if *output != AuditOutput::Disabled {
        warn!(
            "audit.digest_key_file is not set: the audit's digests are by a key of this process \
             alone, and mean nothing beyond it"
        );
    }
    let mut key = vec![0; 32];
    getrandom::fill(&mut key).map_err(AppError::NoRandomness)?;
    Ok(key)
}
