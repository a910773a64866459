//! The outcome of a check, as configured.

use std::str::FromStr;

/// The outcome of a check that is complete. A check that breaks off always fails.
///
/// `FromStr` parses it: `live:97.5`, `spoof:12` or `fail`. AWS reports a spoof as a success
/// with a low confidence, so `live` and `spoof` differ in their names only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CheckOutcome {
    /// SUCCEEDED with this confidence, 0 to 100.
    Succeeded(f64),
    /// FAILED.
    Failed,
}

/// A text is not an outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outcome {0:?} must be live:CONFIDENCE, spoof:CONFIDENCE (0 to 100) or fail")]
pub struct InvalidOutcome(String);

impl FromStr for CheckOutcome {
    type Err = InvalidOutcome;

    fn from_str(text: &str) -> Result<Self, InvalidOutcome> {
        if text == "fail" {
            return Ok(Self::Failed);
        }
        let confidence = match text.split_once(':') {
            Some(("live" | "spoof", confidence)) => confidence.parse().ok(),
            _ => None,
        };
        let confidence = confidence.filter(|confidence| (0.0..=100.0).contains(confidence));
        confidence
            .map(Self::Succeeded)
            .ok_or_else(|| InvalidOutcome(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_live_or_spoof_with_a_confidence_or_fail() {
        assert_eq!("live:97.5".parse(), Ok(CheckOutcome::Succeeded(97.5)));
        assert_eq!("spoof:12".parse(), Ok(CheckOutcome::Succeeded(12.0)));
        assert_eq!("fail".parse(), Ok(CheckOutcome::Failed));
        for text in [
            "", "live", "live:", "live:101", "spoof:-1", "live:NaN", "fail:1", "dead:5",
        ] {
            let error = text.parse::<CheckOutcome>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("outcome {text:?} must be")),
                "{error}"
            );
        }
    }
}
