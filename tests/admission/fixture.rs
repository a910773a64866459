//! Settings and calls that the admission tests share.

use std::num::NonZeroU32;
use std::time::Duration;

use livegate::admission::{
    Admission, AdmissionRefused, AdmissionSettings, ArrivalKind, Permit, QueueSettings,
    QuotaSettings,
};
use livegate::model::CallerId;
use livegate::model::Deadline;
use tokio::time::Instant;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Ten calls a second, with a burst of one.
pub(crate) fn settings() -> AdmissionSettings {
    AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: 10.0,
            burst: NonZeroU32::MIN,
            target_utilization: 1.0,
            max_wait: 10 * SECOND,
        },
        callers: QueueSettings::default(),
        adaptive: true,
        check_limit: None,
    }
}

pub(crate) fn settings_with(change: impl FnOnce(&mut AdmissionSettings)) -> AdmissionSettings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

pub(crate) fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a plain name")
}

/// Waits for a permit and spends it.
pub(crate) async fn admit(
    admission: &Admission,
    name: &str,
    timeout: Duration,
) -> Result<Permit, AdmissionRefused> {
    let mut permit = admit_unspent(admission, name, timeout).await?;
    permit.spend();
    Ok(permit)
}

/// Waits for a permit.
pub(crate) async fn admit_unspent(
    admission: &Admission,
    name: &str,
    timeout: Duration,
) -> Result<Permit, AdmissionRefused> {
    let deadline = Deadline::after(Instant::now(), timeout);
    let caller = caller(name);
    admission.admit(&caller, ArrivalKind::New, deadline).await
}

pub(crate) async fn waiting(admission: &Admission) -> usize {
    let state = admission.state();
    state.expect("the scheduler runs").waiting
}
