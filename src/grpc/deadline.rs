//! The caller's deadline, from the header `grpc-timeout`.
//!
//! Ours is a little earlier than the caller's, so that the answer, with the
//! reason in it, arrives before the caller's own timer. An example:
//! `grpc-timeout: 200m` gives 190 ms, 60 s give 59.95 s, and 1 ms gives nothing:
//! that call is over as it comes.

use std::time::Duration;

/// The least that is kept back of a deadline: the timers count in this.
const SMALLEST_MARGIN: Duration = Duration::from_millis(1);

/// The most that is kept back; in between it is a twentieth.
const LARGEST_MARGIN: Duration = Duration::from_millis(50);

/// Reads a `grpc-timeout`: one to eight digits and a unit.
/// Source: gRPC over HTTP/2, "Timeout".
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

/// How much of a caller's `timeout` is ours to use.
pub(super) fn usable(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 20).clamp(SMALLEST_MARGIN, LARGEST_MARGIN))
}

/// When the edge itself answers, where a handler has `left` and does not: between
/// the handler's time and the caller's.
pub(super) fn backstop(left: Duration) -> Duration {
    left + (left / 40).clamp(SMALLEST_MARGIN / 2, LARGEST_MARGIN / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read_and_nothing_else() {
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
        for wrong in [
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
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_twentieth_is_kept_back_but_from_one_to_fifty_milliseconds() {
        assert_eq!(
            usable(Duration::from_millis(200)),
            Duration::from_millis(190)
        );
        assert_eq!(
            usable(Duration::from_secs(60)),
            Duration::from_millis(59_950)
        );
        assert_eq!(usable(Duration::from_millis(9)), Duration::from_millis(8));
        for nothing in [Duration::ZERO, Duration::from_millis(1)] {
            assert_eq!(usable(nothing), Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(value in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Some(timeout) = parse(&value) {
                prop_assert!(usable(timeout) <= timeout);
                prop_assert!(backstop(usable(timeout)) <= timeout.max(SMALLEST_MARGIN));
            }
        }
    }
}
