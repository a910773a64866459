//! Reports that throttling by AWS has lowered the rate of a quota, which lasts longer than the
//! throttling itself.
//!
//! For example, another client starts to spend the quota, and the adaptive factor falls from
//! 1 to 0.6 within seconds. The log has one line when it passes 0.9, and one when it is above
//! 0.95 again, which takes minutes in use.

use tracing::{info, warn};

use crate::admission::AdmissionState;

/// The factor below which the rate counts as lowered. Single throttled attempts stay above it.
const LOWERED_BELOW: f64 = 0.9;

/// The factor from which on the rate counts as restored.
const RESTORED_FROM: f64 = 0.95;

/// Whether the rate of a quota is lowered.
#[derive(Debug, Default)]
pub(super) struct LoweredRate(bool);

impl LoweredRate {
    /// Logs a change, and returns the line about a lowered rate.
    pub(super) fn report(&mut self, operation: &str, state: &AdmissionState) -> Option<String> {
        let (factor, rate) = (state.adaptive_factor, state.rate_per_second);
        if !self.0 && factor < LOWERED_BELOW {
            warn!(
                quota = operation,
                admission.factor = factor,
                "AWS throttles calls below the quota, rate lowered"
            );
            self.0 = true;
        } else if self.0 && factor >= RESTORED_FROM {
            info!(
                quota = operation,
                admission.factor = factor,
                "rate restored after throttling by AWS"
            );
            self.0 = false;
        }
        let percent = factor * 100.0;
        let line = || {
            format!(
                "{operation}: lowered to {percent:.0} % since AWS throttled it, using {rate:.2} calls/s\n"
            )
        };
        self.0.then(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_lowered_below_90_percent_until_it_is_95_percent_again() {
        let mut lowered = LoweredRate::default();
        for (factor, expected) in [
            (1.0, false),
            (0.91, false),
            (0.89, true),
            (0.94, true),
            (0.95, false),
            (0.91, false),
        ] {
            let state = AdmissionState {
                waiting: 0,
                callers: 0,
                rate_per_second: 25.0 * factor,
                adaptive_factor: factor,
                level: 0.0,
                degraded: false,
                replicas: 1,
                away: 0.0,
            };
            let line = lowered.report("create", &state);
            assert_eq!(line.is_some(), expected, "{factor}: {line:?}");
        }
    }
}
