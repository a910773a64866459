//! Why admission refuses a request.

use std::time::Duration;

/// A refusal: its reason, and when to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AdmissionRefused {
    /// The limit that was reached.
    pub reason: RefusalReason,
    /// The delay after which a token is likely; zero where time does not help.
    pub retry_after: Duration,
}

impl AdmissionRefused {
    pub(super) const CLOSED: Self = Self {
        reason: RefusalReason::Closed,
        retry_after: Duration::ZERO,
    };
    pub(super) const DEADLINE_TOO_SHORT: Self = Self {
        reason: RefusalReason::DeadlineTooShort,
        retry_after: Duration::ZERO,
    };
}

/// The reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RefusalReason {
    /// The wait for the quota that all callers share would be too long.
    #[error("shared quota exhausted: predicted wait is too long")]
    Quota,
    /// Like `Quota`, where the limit of checks under way is lower than the quota.
    #[error("limit of checks under way reached: predicted wait is too long")]
    ConcurrentChecks,
    /// The caller's own rate limit, or the bound on its waiting requests, is reached.
    #[error("caller quota exhausted: rate limit or maximum of waiting requests reached")]
    CallerQuota,
    /// The deadline leaves no time for any attempt.
    #[error("deadline too short for an attempt")]
    DeadlineTooShort,
    /// Admission is closed, because the process shuts down.
    #[error("service is shutting down")]
    Closed,
}
