//! The verdict on a check: whether it passed, by its status and a minimum confidence.
//!
//! For example, AWS reports SUCCEEDED with a confidence of 88 and the minimum is 90: the
//! check failed, because its confidence is below the minimum. An unknown status and a
//! missing confidence never pass.

use crate::model::{MinimumConfidence, SessionStatus};

/// Whether a check passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The check has not finished, or its status is unknown.
    Pending,
    /// The check finished with at least the minimum confidence.
    Passed,
    /// The check cannot pass any more.
    Failed(CheckFailure),
}

/// Why a check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckFailure {
    /// The confidence is below the minimum.
    ConfidenceBelowMinimum,
    /// The check failed to finish, or has no valid confidence.
    CheckFailed,
    /// The session expired before the check finished.
    SessionExpired,
}

impl Verdict {
    /// Returns the verdict on a check with this status and confidence.
    #[must_use]
    pub fn of(status: SessionStatus, confidence: Option<f32>, minimum: MinimumConfidence) -> Self {
        match status {
            SessionStatus::Created | SessionStatus::InProgress | SessionStatus::Unknown => {
                Self::Pending
            }
            SessionStatus::Failed => Self::Failed(CheckFailure::CheckFailed),
            SessionStatus::Expired => Self::Failed(CheckFailure::SessionExpired),
            SessionStatus::Succeeded => {
                match confidence.filter(|confidence| (0.0..=100.0).contains(confidence)) {
                    Some(confidence) if minimum.is_reached_by(confidence) => Self::Passed,
                    Some(_) => Self::Failed(CheckFailure::ConfidenceBelowMinimum),
                    None => Self::Failed(CheckFailure::CheckFailed),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATUSES: [SessionStatus; 6] = [
        SessionStatus::Created,
        SessionStatus::InProgress,
        SessionStatus::Succeeded,
        SessionStatus::Failed,
        SessionStatus::Expired,
        SessionStatus::Unknown,
    ];

    fn minimum(percent: f32) -> MinimumConfidence {
        MinimumConfidence::new(percent).expect("0 to 100")
    }

    #[test]
    fn each_status_and_confidence_has_its_verdict() {
        let low = Verdict::Failed(CheckFailure::ConfidenceBelowMinimum);
        let failed = Verdict::Failed(CheckFailure::CheckFailed);
        let expired = Verdict::Failed(CheckFailure::SessionExpired);
        for (status, confidence, expected) in [
            (SessionStatus::Created, None, Verdict::Pending),
            (SessionStatus::Created, Some(99.0), Verdict::Pending),
            (SessionStatus::InProgress, Some(99.0), Verdict::Pending),
            (SessionStatus::Unknown, Some(99.0), Verdict::Pending),
            (SessionStatus::Succeeded, Some(90.0), Verdict::Passed),
            (SessionStatus::Succeeded, Some(100.0), Verdict::Passed),
            (SessionStatus::Succeeded, Some(89.999), low),
            (SessionStatus::Succeeded, Some(0.0), low),
            (SessionStatus::Succeeded, None, failed),
            (SessionStatus::Succeeded, Some(f32::NAN), failed),
            (SessionStatus::Succeeded, Some(f32::INFINITY), failed),
            (SessionStatus::Succeeded, Some(100.1), failed),
            (SessionStatus::Failed, Some(99.0), failed),
            (SessionStatus::Expired, Some(99.0), expired),
        ] {
            let verdict = Verdict::of(status, confidence, minimum(90.0));
            assert_eq!(verdict, expected, "{status:?} {confidence:?}");
        }
    }

    #[test]
    fn the_stricter_minimum_wins_and_none_sets_no_minimum() {
        let (low, high) = (Some(minimum(50.0)), Some(minimum(90.0)));
        assert_eq!(MinimumConfidence::stricter(low, high), high);
        assert_eq!(MinimumConfidence::stricter(high, low), high);
        assert_eq!(MinimumConfidence::stricter(None, low), low);
        assert_eq!(MinimumConfidence::stricter(low, None), low);
        assert_eq!(MinimumConfidence::stricter(None, None), None);
        for invalid in [-0.1, 100.1, f32::NAN, f32::INFINITY] {
            assert!(MinimumConfidence::new(invalid).is_err(), "{invalid}");
        }
    }

    proptest! {
        /// Only SUCCEEDED with a confidence from the minimum to 100 passes, and a stricter
        /// minimum passes no more checks.
        #[test]
        fn only_a_sufficient_confidence_passes(
            status in prop::sample::select(&STATUSES[..]),
            confidence in prop::option::of(prop_oneof![any::<f32>(), 0.0_f32..=100.0]),
            low in 0.0_f32..=100.0,
            more in 0.0_f32..=100.0,
        ) {
            let passes = |percent| {
                Verdict::of(status, confidence, minimum(percent)) == Verdict::Passed
            };
            let is_sufficient = status == SessionStatus::Succeeded
                && confidence.is_some_and(|confidence| confidence >= low && confidence <= 100.0);
            prop_assert_eq!(passes(low), is_sufficient);
            prop_assert!(passes(low) || !passes((low + more).min(100.0)));
        }
    }
}
