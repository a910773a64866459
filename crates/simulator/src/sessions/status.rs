//! The status of a session, a function of its serial number and age.
//!
//! Of every five sessions, the first three succeed with a confidence of more than 90, the
//! fourth succeeds with a confidence of 12.25, and the fifth fails.

use std::time::Duration;

use crate::settings::Lifetimes;

/// The status of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Status {
    Created,
    InProgress,
    Succeeded { confidence: f64 },
    Failed,
    Expired,
}

impl Status {
    /// Returns the status of a session with this serial number and age.
    pub(super) fn new(number: u64, age: Duration, lifetimes: &Lifetimes) -> Self {
        if age >= lifetimes.expired {
            Self::Expired
        } else if age >= lifetimes.finished {
            Self::finished(number)
        } else if age >= lifetimes.in_progress {
            Self::InProgress
        } else {
            Self::Created
        }
    }

    pub(super) fn aws_name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded { .. } => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Expired => "EXPIRED",
        }
    }

    fn finished(number: u64) -> Self {
        match number % 5 {
            0 => Self::Failed,
            4 => Self::Succeeded { confidence: 12.25 },
            remainder => Self::Succeeded {
                confidence: [99.875, 98.5, 91.75][remainder as usize % 3],
            },
        }
    }
}
