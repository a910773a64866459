//! The confidence that a check must reach.

/// A minimum confidence: 0 to 100. The greater one is the stricter one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct MinimumConfidence(f32);

// The value is never NaN.
impl Eq for MinimumConfidence {}

/// The value is not a minimum confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 0 to 100")]
pub struct ConfidenceOutOfRange;

impl MinimumConfidence {
    /// Returns a minimum of `percent`.
    ///
    /// # Errors
    /// If `percent` is not within 0 to 100.
    pub fn new(percent: f32) -> Result<Self, ConfidenceOutOfRange> {
        let is_valid = (0.0..=100.0).contains(&percent);
        is_valid
            .then_some(Self(percent))
            .ok_or(ConfidenceOutOfRange)
    }

    /// Returns whether `confidence` reaches the minimum. NaN does not.
    #[must_use]
    pub fn is_reached_by(self, confidence: f32) -> bool {
        confidence >= self.0
    }

    /// Returns the stricter of the minimums that are set.
    #[must_use]
    pub fn stricter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        // `None` is less than any value.
        if one > other { one } else { other }
    }
}
