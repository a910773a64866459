//! Durations in command-line arguments and in the output for people.

use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Parses a duration with a unit, of at most 24 h.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text);
    parsed
        .ok()
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("{text:?} must be a number with a unit, such as 50ms, at most 24h"))
}

/// Returns a duration from a response; zero if it is negative. The conversion of `prost_types`
/// overflows at extreme values.
pub(super) fn non_negative(seconds: i64, nanoseconds: i32) -> Duration {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// Formats a duration in seconds with one decimal, as in `0.3 s`.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Formats a delay, rounded up so that a retry is not too early: 214 ms is `0.3 s`.
pub(super) fn delay(duration: Duration) -> String {
    format!("{:.1} s", duration.as_millis().div_ceil(100) as f64 / 10.0)
}
