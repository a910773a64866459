//! Whether a status may be retried, and when.
//!
//! The service says so twice: in `RetryInfo`, and in the trailer
//! `grpc-retry-pushback-ms` for clients that implement [gRFC A6]. The client retries
//! only a status with `RetryInfo`, by which the service states that the same request
//! can succeed later. Any other status is final.
//!
//! [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback

use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt as _;

const PUSHBACK_KEY: &str = "grpc-retry-pushback-ms";

/// Returns how long to wait before the retry, or `None` if there must be none: the
/// status has no `RetryInfo`, its trailer forbids a retry, or the delay does not end
/// in `time_left`.
pub(crate) fn retry_delay(status: &Status, time_left: Duration) -> Option<Duration> {
    if is_retry_forbidden(status) {
        return None;
    }
    let delay = status.get_details_retry_info()?.retry_delay?;
    (delay < time_left).then_some(delay)
}

/// Every pushback but a number of milliseconds forbids a retry: -1 does, and by gRFC
/// A6 every other value that is not a number of at least 0 does as well.
fn is_retry_forbidden(status: &Status) -> bool {
    let Some(pushback) = status.metadata().get(PUSHBACK_KEY) else {
        return false;
    };
    let millis = pushback.to_str().ok().map(str::parse::<u64>);
    !matches!(millis, Some(Ok(_)))
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic::metadata::MetadataMap;
    use tonic_types::ErrorDetails;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn status(retry_after: Option<Duration>, pushback: Option<&str>) -> Status {
        let mut details = ErrorDetails::with_error_info("QUOTA_EXHAUSTED", "livegate", []);
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        let mut trailers = MetadataMap::new();
        if let Some(pushback) = pushback {
            trailers.insert(PUSHBACK_KEY, pushback.parse().expect("ASCII"));
        }
        Status::with_error_details_and_metadata(Code::ResourceExhausted, "", details, trailers)
    }

    #[test]
    fn only_a_status_with_retry_info_is_retried() {
        assert_eq!(retry_delay(&status(None, None), SECOND), None);
        assert_eq!(retry_delay(&status(None, Some("10")), SECOND), None);
        assert_eq!(retry_delay(&Status::unavailable("refused"), SECOND), None);
        let delay = Some(SECOND / 2);
        assert_eq!(retry_delay(&status(delay, None), SECOND), delay);
        assert_eq!(retry_delay(&status(delay, Some("500")), SECOND), delay);
    }

    #[test]
    fn the_delay_must_end_before_the_deadline() {
        for (delay, expected) in [
            (SECOND - Duration::from_nanos(1), true),
            (SECOND, false),
            (Duration::from_secs(u64::from(u32::MAX)), false),
        ] {
            let retried = retry_delay(&status(Some(delay), None), SECOND);
            assert_eq!(retried, expected.then_some(delay));
        }
    }

    #[test]
    fn a_pushback_that_is_not_a_number_of_milliseconds_forbids_the_retry() {
        let delay = Some(SECOND / 2);
        for pushback in ["-1", "-20", "", "soon", "0.5", "99999999999999999999"] {
            let retried = retry_delay(&status(delay, Some(pushback)), SECOND);
            assert_eq!(retried, None, "{pushback:?}");
        }
        assert_eq!(retry_delay(&status(delay, Some("0")), SECOND), delay);
    }
}
