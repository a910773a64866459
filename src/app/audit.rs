//! Opens the audit log from its settings.
//!
//! Without `audit.digest_key_file` the digests use a random key, so the digest of an end
//! user changes with each restart.

use tracing::warn;

use super::{AppError, key_file};
use crate::audit::{Audit, AuditMetrics, AuditOutput, AuditSettings, DigestKey};

/// Opens the audit log.
pub(super) fn open(settings: &AuditSettings, metrics: &AuditMetrics) -> Result<Audit, AppError> {
    let key = match &settings.digest_key_file {
        Some(path) => key_file::read("audit.digest_key_file", path)?,
        None => random_key(&settings.output)?,
    };
    let audit = Audit::open(
        settings.output.clone(),
        DigestKey::new(&key),
        metrics.clone(),
    );
    Ok(audit?)
}

fn random_key(output: &AuditOutput) -> Result<Vec<u8>, AppError> {
    if *output != AuditOutput::Disabled {
        warn!(
            "audit.digest_key_file is not set, using a random key: audit digests differ between \
             replicas and after a restart"
        );
    }
    let mut key = vec![0; 32];
    getrandom::fill(&mut key).map_err(AppError::NoRandomness)?;
    Ok(key)
}
