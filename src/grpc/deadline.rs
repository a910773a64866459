//! The caller's deadline, from the header `grpc-timeout`
//! ([gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)).
//!
//! Livegate's deadline is a margin earlier than the caller's, so that an error with its
//! reason arrives before the caller's own timer fires. For example, `grpc-timeout: 200m`
//! gives 190 ms, 60 s give 59.95 s, and 1 ms gives 0: that call fails at once.

use std::time::Duration;

use http::HeaderMap;

/// The header with the caller's timeout.
pub(super) const HEADER: &str = "grpc-timeout";

/// The smallest margin: the resolution of the timers.
const MIN_MARGIN: Duration = Duration::from_millis(1);

/// The largest margin. Between the two it is 5 % of the timeout.
const MAX_MARGIN: Duration = Duration::from_millis(50);

/// Returns the caller's timeout, if there is a valid one.
pub(super) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(HEADER)?.as_bytes())
}

/// Parses a `grpc-timeout`: one to eight digits and a unit.
pub(super) fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(count * 3600)),
        b'M' => Some(Duration::from_secs(count * 60)),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Returns a caller's `timeout` without the margin.
pub(super) fn usable(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 20).clamp(MIN_MARGIN, MAX_MARGIN))
}

/// Returns after which time the middleware answers for a handler that has `left` until
/// its deadline: between the handler's deadline and the caller's.
pub(super) fn backstop(left: Duration) -> Duration {
    left + (left / 40).clamp(MIN_MARGIN / 2, MAX_MARGIN / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_every_unit_and_nothing_else() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000_u64),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(Duration::from_nanos(nanos)));
        }
        for (text, nanos) in [("4m", 4_000_000), ("5u", 5_000), ("99999999n", 99_999_999)] {
            assert_eq!(parse(text.as_bytes()), Some(Duration::from_nanos(nanos)));
        }
        for invalid in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "123456789S",
            "1.5S",
            "1 S",
            "١S",
        ] {
            assert_eq!(parse(invalid.as_bytes()), None, "{invalid:?}");
        }
    }

    #[test]
    fn the_margin_is_5_percent_within_1_to_50_ms() {
        assert_eq!(
            usable(Duration::from_millis(200)),
            Duration::from_millis(190)
        );
        assert_eq!(
            usable(Duration::from_secs(60)),
            Duration::from_millis(59_950)
        );
        assert_eq!(usable(Duration::from_millis(9)), Duration::from_millis(8));
        for too_short in [Duration::ZERO, Duration::from_millis(1)] {
            assert_eq!(usable(too_short), Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn any_header_is_parsed_or_rejected(value in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Some(timeout) = parse(&value) {
                prop_assert!(usable(timeout) <= timeout);
                prop_assert!(backstop(usable(timeout)) <= timeout.max(MIN_MARGIN));
            }
        }
    }
}
